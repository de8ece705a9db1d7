/** Docker as the tests use it: whether an engine answers, and its commands. */
import { spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const top = fileURLToPath(new URL('../../', import.meta.url));
export const image = 'openai-usage-exporter';

/** True if an engine answers. With REQUIRE_TOOLS=1 it has to. */
export const engineAnswers = asksEngine();

function asksEngine(): boolean {
  const { status } = spawnSync('docker', ['info'], { stdio: 'ignore', timeout: 30_000 });
  if (status === 0) return true;
  const missing = 'no Docker engine answers; on Debian: .ci/containers npm run test:containers';
  if (process.env['REQUIRE_TOOLS'] === '1') throw new Error(missing);
  process.stderr.write(`${missing}; its tests are skipped\n`);
  return false;
}

export interface Answer {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs a program in the repository's top, and resolves with its end. */
export function run(
  program: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: top,
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let out = '';
    let err = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      err += text;
    });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, out, err }));
  });
}

/** Returns what a program has printed. @throws if it fails */
export async function printed(program: string, args: readonly string[]): Promise<string> {
  const { code, out, err } = await run(program, args);
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}: ${err}${out}`);
  return out.trim();
}

/** Returns what the command has printed. @throws if it fails */
export function docker(...args: readonly string[]): Promise<string> {
  return printed('docker', args);
}

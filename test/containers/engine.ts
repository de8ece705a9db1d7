/** Docker as the tests use it: its commands, and containers and volumes that are gone after the test. */
import { spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { onTestFinished, vi } from 'vitest';

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

/** Returns what the command has printed. @throws if it fails */
export async function docker(...args: readonly string[]): Promise<string> {
  const { code, out, err } = await run('docker', args);
  if (code !== 0) throw new Error(`docker ${args.join(' ')} ended with ${code}: ${err}${out}`);
  return out.trim();
}

/** Builds the image from the Dockerfile; a second time it is there already. Resolves with the seconds that it took. */
export async function buildImage(...more: readonly string[]): Promise<number> {
  const begun = performance.now();
  await docker('build', '--network=host', ...more, '--tag', image, '.');
  return (performance.now() - begun) / 1_000;
}

/** How the documents run it: files that cannot be written, and no rights. */
export const hardened = ['--read-only', '--cap-drop=ALL', '--security-opt=no-new-privileges'];

export interface Container {
  readonly id: string;
  /** Returns what it has logged so far. */
  log(): Promise<string>;
  /** Returns one of the values that the engine knows of it, as `docker inspect --format`. */
  inspect(format: string): Promise<string>;
  /** Waits until its health check says that it is healthy. @throws if it is not within a minute */
  healthy(): Promise<void>;
  /** Resolves with the exit code, once it has ended. */
  ended(): Promise<number>;
  /** Tells it to end. */
  stop(): Promise<{ readonly code: number; readonly seconds: number }>;
}

/** Starts the image with these options and words of its command line. */
export async function startContainer(options: readonly string[], ...words: readonly string[]): Promise<Container> {
  const id = await docker('run', '--detach', ...options, image, ...words);
  onTestFinished(async () => {
    await docker('rm', '--force', '--volumes', id);
  });
  return containerOf(id);
}

export function containerOf(id: string): Container {
  const inspect = (format: string) => docker('inspect', '--format', format, id);
  const ended = async () => Number(await docker('wait', id));
  return {
    id,
    async log() {
      const { out, err } = await run('docker', ['logs', id]);
      return out + err;
    },
    inspect,
    async healthy() {
      const healthy = async () => {
        const health = await inspect('{{.State.Health.Status}}');
        if (health !== 'healthy') throw new Error(`${health}: ${await inspect('{{json .State}}')}`);
      };
      await vi.waitFor(healthy, { timeout: 60_000, interval: 500 });
    },
    ended,
    async stop() {
      const begun = performance.now();
      await docker('stop', '--time=20', id);
      return { code: await ended(), seconds: (performance.now() - begun) / 1_000 };
    },
  };
}

/** A new volume that is gone after the test. */
export async function newVolume(): Promise<string> {
  const name = await docker('volume', 'create');
  onTestFinished(async () => {
    await docker('volume', 'rm', '--force', name);
  });
  return name;
}

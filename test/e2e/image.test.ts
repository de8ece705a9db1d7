/**
 * No container engine is at hand: the Dockerfile's steps run in a temporary folder, and its entry point runs there
 * without privileges, with nothing it could write to and nothing in its working directory.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { only, parseDockerfile, type Stage } from '../helpers/dockerfile.ts';

const context = fileURLToPath(new URL('../../', import.meta.url));
const stages = parseDockerfile(readFileSync(join(context, 'Dockerfile'), 'utf8'));
const revision = 'e2e0revision';
/** Distroless's nonroot. */
const nonroot = 65_532;
const isRoot = process.getuid?.() === 0;

const work = mkdtempSync(join(tmpdir(), 'image-'));
const empty = join(work, 'empty');
/** Holds what an engine makes of a new volume that is mounted over the folder for the state file: a copy, owners included. */
const volume = join(work, 'volume');
const roots = new Map<string, string>();
const final = stages.at(-1);
if (final === undefined) throw new Error('the Dockerfile has no stage');
const root = join(work, `stage${stages.length - 1}`);
const children: ChildProcess[] = [];

beforeAll(() => {
  chmodSync(work, 0o755);
  mkdirSync(empty);
  for (const [index, stage] of stages.entries()) build(stage, join(work, `stage${index}`));
  execFileSync('cp', ['-a', join(root, 'var/lib/openai-usage-exporter'), volume]);
  execFileSync('chmod', ['-R', 'a+rX,a-w', root, empty]);
}, 300_000);

afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
  execFileSync('chmod', ['-R', 'u+w', work]);
  rmSync(work, { recursive: true, force: true });
});

function build(stage: Stage, directory: string): void {
  mkdirSync(directory);
  if (stage.name !== undefined) roots.set(stage.name, directory);
  let workdir = directory;
  const args: Record<string, string> = {};
  for (const { name, flags, text } of stage.instructions) {
    if (name === 'WORKDIR') {
      workdir = join(directory, text);
      mkdirSync(workdir, { recursive: true });
    } else if (name === 'ARG') {
      args[text.replace(/=.*/, '')] = revision;
    } else if (name === 'COPY') {
      const source = roots.get(flags.get('from') ?? '') ?? context;
      copy({ words: text.split(/\s+/), from: source, directory, workdir, owner: flags.get('chown') });
    } else if (name === 'RUN') {
      execFileSync('sh', ['-c', text], { cwd: workdir, env: { ...process.env, ...args }, stdio: 'pipe' });
    }
  }
}

interface Copy {
  readonly words: readonly string[];
  readonly from: string;
  /** The stage's root, and where it is in it. */
  readonly directory: string;
  readonly workdir: string;
  readonly owner: string | undefined;
}

function copy({ words, from, directory, workdir, owner }: Copy): void {
  const last = words.at(-1) ?? '';
  const target = join(isAbsolute(last) ? directory : workdir, last);
  for (const word of words.slice(0, -1)) {
    const source = join(from, word);
    const into = last.endsWith('/') ? join(target, source.split('/').at(-1) ?? '') : target;
    mkdirSync(dirname(into), { recursive: true });
    cpSync(source, into, { recursive: true, verbatimSymlinks: true });
    if (owner !== undefined && isRoot) execFileSync('chown', ['-R', owner, into]);
  }
}

/** Starts what the image would, as it would: its own Node becomes this one. */
function start(
  exec: readonly string[] | undefined,
  more: readonly string[],
  env: Record<string, string> = {},
): ChildProcess {
  const [, program = '', ...words] = exec ?? [];
  const child = spawn(process.execPath, [join(root, program), ...words, ...more], {
    cwd: empty,
    env: { NODE_ENV: 'production', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(isRoot ? { uid: nonroot, gid: nonroot } : {}),
  });
  children.push(child);
  return child;
}

async function run(...given: Parameters<typeof start>): Promise<{ code: number | null; out: string; err: string }> {
  const child = start(...given);
  let out = '';
  let err = '';
  child.stdout?.on('data', (chunk) => {
    out += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    err += chunk;
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, out, err };
}

const entry = only(final, 'ENTRYPOINT').exec;
const health = only(final, 'HEALTHCHECK').exec;

test('the image holds the program and what it needs at run time, no more', () => {
  expect(existsSync(join(root, 'app/node_modules/express'))).toBe(true);
  for (const tool of ['typescript', 'vitest', '@biomejs/biome', '@types/node', 'openai']) {
    expect([tool, existsSync(join(root, 'app/node_modules', tool))]).toEqual([tool, false]);
  }
  expect(existsSync(join(root, 'app/src'))).toBe(false);
});

test('it tells its version and the revision it was built from', async () => {
  const { version } = JSON.parse(readFileSync(join(context, 'package.json'), 'utf8'));
  const { code, out, err } = await run(entry, ['--version']);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(out).toContain(version);
  expect(out).toContain(revision);
});

test('without a key it says so and ends with 2', async () => {
  const { code, err } = await run(entry, []);
  expect(code).toBe(2);
  expect(err).toContain('OPENAI_ADMIN_KEY');
});

test('a new volume can hold the state file, and nothing is in it before', async () => {
  expect(readdirSync(volume)).toEqual([]);
  const child = start(entry, ['demo', `--state.file=${join(volume, 'state')}`], {
    OPENAI_EXPORTER_WEB_LISTEN_ADDRESS: '127.0.0.1:0',
  });
  let log = '';
  child.stderr?.on('data', (chunk) => {
    log += chunk;
  });
  await addressOf(child);
  await vi.waitFor(() => expect(log).toContain('does not exist yet'), { timeout: 20_000 });
  expect(log).not.toContain('cannot be written');
  child.kill('SIGTERM');
});

test('the demonstration serves, its health check agrees, and it stops when told', async () => {
  const child = start(entry, ['demo'], { OPENAI_EXPORTER_WEB_LISTEN_ADDRESS: '127.0.0.1:0' });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const address = await addressOf(child);

  const answer = await fetch(`http://${address}/-/healthy`);
  expect([answer.status, await answer.text()]).toEqual([200, 'healthy\n']);
  const listen = { OPENAI_EXPORTER_WEB_LISTEN_ADDRESS: address };
  expect(await run(health, [], listen)).toEqual({ code: 0, out: '', err: '' });

  child.kill('SIGTERM');
  expect(await ended).toBe(0);
  expect(await run(health, [], listen)).toMatchObject({ code: 1 });
});

/** The address in the log, where the exporter tells which port it took. */
function addressOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let log = '';
    child.stderr?.on('data', (chunk) => {
      log += chunk;
      const address = /"address":"([^"]+)"/.exec(log)?.[1];
      if (address !== undefined) resolve(address);
    });
    child.once('close', (code) => reject(new Error(`ended with ${code}: ${log}`)));
  });
}

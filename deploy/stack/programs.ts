/** Programs as children of this process: found, started, waited for, stopped. */
import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants, createWriteStream } from 'node:fs';
import { createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * The first of these programs that is installed. @throws if none is, naming Debian's package
 * @param directories default: those of PATH
 */
export function findProgram(
  names: readonly string[],
  debianPackage: string,
  directories: readonly string[] = (process.env['PATH'] ?? '').split(delimiter),
): string {
  for (const name of names) {
    for (const directory of directories) {
      const path = join(directory, name);
      try {
        accessSync(path, constants.X_OK);
        return path;
      } catch {
        // Not in this one.
      }
    }
  }
  throw new Error(`${names[0]} is not installed; on Debian: apt-get install ${debianPackage}`);
}

/** The wanted port of the loopback interface, or if it is taken any free one. */
export async function freePort(wanted = 0): Promise<number> {
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(wanted, '127.0.0.1', resolve);
    });
  } catch (error) {
    if (wanted === 0) throw error;
    return await freePort();
  }
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port is free');
  return address.port;
}

export interface Running {
  readonly name: string;
  /** Resolves with how it ended, however that came about. */
  readonly ended: Promise<string>;
  /** Asks it to end, and after 10 s makes it. */
  stop(): Promise<void>;
}

export interface ProgramOptions {
  readonly name: string;
  readonly path: string;
  readonly args: readonly string[];
  /** The place that its output goes to. */
  readonly log: string;
  /** Answers with 200 as soon as it serves. */
  readonly readyUrl: string;
  readonly env?: Readonly<Record<string, string>>;
}

const patience = 30_000;

/** Starts a program and waits until it serves. @throws if it ends before, or takes 30 s */
export async function startProgram({ name, path, args, log, readyUrl, env = {} }: ProgramOptions): Promise<Running> {
  const child = spawn(path, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const file = createWriteStream(log);
  child.stdout.pipe(file, { end: false });
  child.stderr.pipe(file, { end: false });
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(code === null ? `killed by ${signal}` : `ended with ${code}`));
  });
  const running = { name, ended, stop: () => stop(child, ended) };
  const gone = ended.then((how) => {
    throw new Error(`${name} ${how}; its log: ${log}`);
  });
  try {
    await Promise.race([untilReady(name, readyUrl), gone]);
  } catch (error) {
    await running.stop();
    throw error;
  }
  gone.catch(() => {});
  return running;
}

async function untilReady(name: string, url: string): Promise<void> {
  const end = performance.now() + patience;
  for (;;) {
    try {
      const answer = await fetch(url, { signal: AbortSignal.timeout(1_000) });
      await answer.arrayBuffer();
      if (answer.ok) return;
    } catch {
      // It does not listen yet.
    }
    if (performance.now() > end) throw new Error(`${name} does not serve ${url}`);
    await sleep(100);
  }
}

async function stop(child: ChildProcess, ended: Promise<string>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  child.kill('SIGTERM');
  const late = new AbortController();
  const killed = sleep(10_000, undefined, { signal: late.signal }).then(
    () => child.kill('SIGKILL'),
    () => {},
  );
  await ended;
  late.abort();
  await killed;
}

/** The built program as a process: started, watched by what it logs, asked over HTTP, stopped. */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Exposition, parseExposition } from './exposition-parser.ts';
import { type TestClock, usualClock } from './test-clock.ts';

const program = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

export interface ProgramOptions {
  /** Nothing of the test's own environment but PATH reaches the process. */
  readonly env?: Readonly<Record<string, string>>;
  readonly clock?: TestClock;
}

export interface Ended {
  /** Null if a signal ended it. */
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
  /** Milliseconds since it was started, or told to stop. */
  readonly took: number;
}

export interface Program {
  readonly pid: number;
  /** Returns what it has written so far. */
  out(): string;
  err(): string;
  /** Resolves with the match as soon as stderr has it. @throws if it ends before, or after `withinMs` */
  logged(pattern: RegExp, withinMs?: number): Promise<RegExpExecArray>;
  stop(signal?: NodeJS.Signals): Promise<Ended>;
  readonly ended: Promise<Ended>;
}

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export function startProgram(args: readonly string[], { env = {}, clock = usualClock }: ProgramOptions = {}): Program {
  return startProcess(process.execPath, [...clock.execArgv, program, ...args], { ...clock.environment, ...env });
}

/** Any process, in the environment given and PATH. @throws if it cannot be started */
export function startProcess(file: string, args: readonly string[], env: Readonly<Record<string, string>>): Program {
  const { PATH = '' } = process.env;
  const child = spawn(file, args, { env: { PATH, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const { pid } = child;
  if (pid === undefined) throw new Error(`${file} cannot be started`);
  running.add(child);
  let begun = performance.now();
  let out = '';
  let err = '';
  const watchers = new Set<() => void>();
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
    for (const watcher of watchers) watcher();
  });
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (code) => {
      running.delete(child);
      resolve({ code, out, err, took: performance.now() - begun });
      for (const watcher of watchers) watcher();
    });
  });

  return {
    pid,
    out: () => out,
    err: () => err,
    logged: (pattern, withinMs = 30_000) =>
      new Promise((resolve, reject) => {
        const done = () => {
          clearTimeout(timer);
          watchers.delete(look);
        };
        const look = () => {
          const match = pattern.exec(err);
          if (match === null && running.has(child)) return;
          done();
          if (match === null) reject(new Error(`it ended before it logged ${pattern}:\n${err}`));
          else resolve(match);
        };
        const timer = setTimeout(() => {
          done();
          reject(new Error(`not logged within ${withinMs} ms: ${pattern}\n${err}`));
        }, withinMs);
        watchers.add(look);
        look();
      }),
    stop(signal = 'SIGTERM') {
      begun = performance.now();
      child.kill(signal);
      return ended;
    },
    ended,
  };
}

/** Starts the program and waits for its end. */
export async function runProgram(args: readonly string[], options?: ProgramOptions): Promise<Ended> {
  return await startProgram(args, options).ended;
}

export interface Exporter extends Program {
  readonly url: string;
  readonly port: number;
  get(path: string): Promise<Response>;
  /** /metrics as text, and parsed. @throws if it is not strictly valid */
  page(): Promise<string>;
  metrics(): Promise<Exposition>;
}

/** Starts the program on a free port of the loopback interface, or the one given, and waits until it listens. */
export async function startExporter(
  args: readonly string[],
  { port = 0, ...options }: ProgramOptions & { readonly port?: number } = {},
): Promise<Exporter> {
  const started = startProgram([...args, `--web.listen-address=127.0.0.1:${port}`], options);
  const [, address = ''] = await started.logged(/listening on (127\.0\.0\.1:\d+)/);
  const url = `http://${address}`;
  const page = async () => {
    const answer = await fetch(`${url}/metrics`);
    // Strictly, unlike text(): bytes that are no UTF-8 are an error.
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(await answer.arrayBuffer());
    if (answer.status !== 200) throw new Error(`/metrics answered ${answer.status}: ${text}`);
    return text;
  };
  return {
    ...started,
    url,
    port: Number(address.split(':')[1]),
    get: (path) => fetch(`${url}${path}`, { redirect: 'manual' }),
    page,
    metrics: async () => parseExposition(await page()),
  };
}

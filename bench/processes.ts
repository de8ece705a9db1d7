/** Starts the processes of a run, and ends them with it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { OrganizationSize } from './organization.ts';

const built = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const program = built('../../dist/main.js');
const probe = new URL('./probe.js', import.meta.url).href;

/** A process that answers messages. */
export interface Child<Answer> {
  readonly url: string;
  ask(message?: unknown): Promise<Answer>;
  end(): Promise<void>;
}

export interface LogLine {
  /** UTC milliseconds. */
  readonly at: number;
  readonly level: string;
  readonly msg: string;
  readonly api?: string;
  readonly organization?: string;
  /** How long it took. */
  readonly seconds?: number;
}

export interface Exporter<Answer> extends Child<Answer> {
  /** Everything logged so far. */
  readonly log: readonly LogLine[];
  /** Milliseconds from its start until it listened. */
  readonly listeningAfter: number;
}

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

interface StartOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Runs it on the first core alone. */
  readonly pinned?: boolean;
}

/** The variables that say where programs are, and what the image sets for its memory. */
const passedOn = ['PATH', 'MALLOC_ARENA_MAX', 'MALLOC_MMAP_THRESHOLD_'];

function start(nodeArgs: readonly string[], args: readonly string[], { env, pinned = false }: StartOptions = {}) {
  const own = Object.fromEntries(passedOn.map((name) => [name, process.env[name]]));
  const [command, ...before] = pinned ? ['taskset', '-c', '0', process.execPath] : [process.execPath];
  const child = spawn(command ?? process.execPath, [...before, ...nodeArgs, ...args], {
    env: { ...own, ...env },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  running.add(child);
  let errors = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-4_000);
  });
  const ended = once(child, 'close').then(() => {
    running.delete(child);
  });
  const message = async <T>(): Promise<T> => {
    const [answer] = await Promise.race([
      once(child, 'message'),
      ended.then(() => {
        throw new Error(`${args[0]} ended:\n${errors}`);
      }),
    ]);
    return answer;
  };
  return {
    child,
    message,
    async ask<T>(asked: unknown = ''): Promise<T> {
      child.send(JSON.parse(JSON.stringify(asked)));
      return await message<T>();
    },
    async end() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

/** A process of this folder that sends where it listens. */
export async function startHelper<Answer>(
  file: string,
  args: readonly string[],
  { heapMb, probed = false }: { readonly heapMb?: number; readonly probed?: boolean } = {},
): Promise<Child<Answer>> {
  const nodeArgs = [
    ...(heapMb === undefined ? [] : [`--max-old-space-size=${heapMb}`]),
    ...(probed ? ['--import', probe] : []),
  ];
  const helper = start(nodeArgs, [built(`./${file}.js`), ...args]);
  const { url } = await helper.message<{ url: string }>();
  return { url, ask: helper.ask<Answer>, end: helper.end };
}

export function startOrganization<Answer>(size: OrganizationSize): Promise<Child<Answer>> {
  return startHelper<Answer>('organization', [JSON.stringify(size)]);
}

/** The built program itself, with nothing added but the probe. */
export async function startExporter<Answer>(
  args: readonly string[],
  { pinned = false }: { readonly pinned?: boolean } = {},
): Promise<Exporter<Answer>> {
  const begun = performance.now();
  const { child, ask, end } = start(
    ['--import', probe],
    [program, ...args, '--web.listen-address=127.0.0.1:0', '--log.level=debug', '--log.format=json'],
    { env: { OPENAI_ADMIN_KEY: 'sk-admin-simulated' }, pinned },
  );
  const log: LogLine[] = [];
  let rest = '';
  const url = await new Promise<string>((resolve, reject) => {
    child.stderr?.on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        if (!line.startsWith('{')) continue;
        const { time, ...fields } = JSON.parse(line);
        log.push({ ...fields, at: Date.parse(time) });
        const address = /^listening on (\S+):/.exec(fields.msg)?.[1];
        if (address !== undefined) resolve(`http://${address}`);
      }
    });
    child.once('close', () => reject(new Error(`the exporter ended:\n${log.map(({ msg }) => msg).join('\n')}${rest}`)));
  });
  return { url, ask: ask<Answer>, end, log, listeningAfter: performance.now() - begun };
}

/**
 * Decides which process has the state file. The lock is a file beside it that names the holder and is touched every few
 * seconds. A holder of the same machine and the same space of process ids is looked up: a process that was killed
 * leaves no lock. Only the touch tells that any other holder (another container, another machine) lives.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import type { Clock } from '../clock.ts';
import { codeOf } from '../error-code.ts';

/** Milliseconds: the holder touches the lock this often. */
export const touchEvery = 2_000;

/** Milliseconds without a touch after which a holder that cannot be looked up counts as gone. */
const goneAfter = 10_000;

/** Milliseconds after which of two processes that took the same lock at once the first sees that it has lost it. */
const settleTime = 100;

export interface Lock {
  /** A name that everything has which only this holder writes. */
  readonly token: string;
  /** Takes the lock. Returns who has it if it cannot be taken; undefined if it is this one's now. */
  take(): Promise<string | undefined>;
  /** Touches the lock. Returns false if it is no longer this one's. */
  touch(): Promise<boolean>;
  /** Gives the lock back, if it is this one's. */
  release(): Promise<void>;
}

export interface Holder {
  readonly token: string;
  readonly pid: number;
  readonly host: string;
  /** The space in which the pid means something; absent where the system does not tell. */
  readonly space?: string | undefined;
  /** The start of the process, as the system counts it; pids are used again. */
  readonly started?: string | undefined;
}

/** @param self the process that takes the lock; another one only in tests */
export function createLock(
  path: string,
  clock: Pick<Clock, 'now' | 'monotonic' | 'sleep'>,
  self: Holder = thisProcess(),
): Lock {
  /** The lock of another as it was seen first, in monotonic milliseconds. */
  let seen: { readonly what: string; readonly at: number } | undefined;

  /** Resolves with the lock as it is, and what differs once it was touched; undefined if there is none. */
  async function look(): Promise<{ readonly holder: Holder | undefined; readonly what: string } | undefined> {
    try {
      const text = await readFile(path, 'utf8');
      const { mtimeMs } = await stat(path);
      return { holder: holderIn(text), what: `${mtimeMs} ${text}` };
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** Resolves with whether there was no lock. */
  async function begin(): Promise<boolean> {
    try {
      await writeFile(path, JSON.stringify(self), { flag: 'wx', mode: 0o600 });
      return true;
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return false;
      throw error;
    }
  }

  async function isOwn(): Promise<boolean> {
    return (await look())?.holder?.token === self.token;
  }

  function isGone(holder: Holder | undefined, what: string): boolean {
    const lives = holder === undefined ? undefined : isRunning(holder, self);
    if (lives !== undefined) return !lives;
    if (seen?.what !== what) seen = { what, at: clock.monotonic() };
    return clock.monotonic() - seen.at >= goneAfter;
  }

  async function takeOver(what: string): Promise<boolean> {
    const own = `${path}.${self.token}`;
    await writeFile(own, JSON.stringify(self), { mode: 0o600 });
    // Somebody else may have been quicker; whoever is quicker still is found out by the next look.
    if ((await look())?.what !== what) {
      await rm(own, { force: true });
      return false;
    }
    await rename(own, path);
    await clock.sleep(settleTime);
    return await isOwn();
  }

  return {
    token: self.token,
    async take() {
      if (await begin()) return undefined;
      // Given back at this moment.
      const found = (await look()) ?? ((await begin()) ? undefined : await look());
      if (found === undefined || found.holder?.token === self.token) return undefined;
      const { holder, what } = found;
      if (isGone(holder, what) && (await takeOver(what))) return undefined;
      return holder === undefined ? 'a process that does not say its name' : `process ${holder.pid} on ${holder.host}`;
    },
    async touch() {
      if (!(await isOwn())) return false;
      const now = new Date(clock.now());
      await utimes(path, now, now);
      return true;
    },
    async release() {
      if (await isOwn()) await rm(path);
    },
  };
}

/** Reports whether the holder's process runs; undefined if that cannot be known from here. */
function isRunning(holder: Holder, self: Holder): boolean | undefined {
  if (self.space === undefined || holder.space !== self.space || holder.started === undefined) return undefined;
  // An earlier thread of this process, which would have given the lock back if it could.
  if (holder.pid === self.pid && holder.started === self.started) return false;
  return startOf(holder.pid) === holder.started;
}

function thisProcess(): Holder {
  const { pid } = process;
  return { token: randomUUID(), pid, host: hostname(), space: spaceOf(), started: startOf(pid) };
}

/** The running system and its space of process ids; undefined where there is no /proc. */
function spaceOf(): string | undefined {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${boot} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return undefined;
  }
}

/** Returns the start of the process, in ticks since that of the system; undefined if there is none. */
function startOf(pid: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is a name in parentheses, which may hold anything.
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

function holderIn(text: string): Holder | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { token, pid, host, space, started } = value as Partial<Record<keyof Holder, unknown>>;
  if (typeof token !== 'string' || typeof pid !== 'number' || !Number.isSafeInteger(pid)) return undefined;
  return {
    token,
    pid,
    // Somebody else may have written it, and it is repeated in the log.
    host: typeof host === 'string' ? host.slice(0, 100) : 'an unknown host',
    space: typeof space === 'string' ? space : undefined,
    started: typeof started === 'string' ? started : undefined,
  };
}

/**
 * The state file on disk: read at the start, replaced whole before each page that shows something new. None of its
 * troubles ends the program or holds up a page for long: without it the exporter still serves, only a restart may then
 * look like a reset.
 */
import { access, constants, mkdir, open, readdir, readFile, readlink, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { Clock } from '../clock.ts';
import { codeOf, reasonOf } from '../error-code.ts';
import type { Logger } from '../log.ts';
import { decodeState, encodeState, type State } from './codec.ts';
import { createDisk, DiskHangs } from './disk.ts';
import { createLock, type Lock, touchEvery } from './lock.ts';
import { decodeShelf, encodeShelf, mostStates, type Shelf, type ShelvedState } from './shelf.ts';

export interface StateFile {
  /** Reads what an earlier process left, and keeps the file for this one from now on. */
  load(): Promise<Loaded>;
  /** Replaces the state of these settings. Resolves also when it could not, and after `patience` at the latest. */
  save(state: State): Promise<void>;
  /** Keeps these names from the next save on, or within seconds. */
  keepNames(names: Uint8Array): void;
  /** Times that the file could not be read or written so far. */
  errors(): number;
  /** The trouble with the file, and what follows from it, as a sentence; undefined where there is none. */
  trouble(): string | undefined;
  /** Reports whether a thread waits for the disk, and with it the end of the process. */
  holdsThread(): boolean;
  /** Saves what is not saved yet, and lets the next process have the file. */
  close(): Promise<void>;
}

export interface Loaded {
  readonly state: State | undefined;
  readonly names: Uint8Array | undefined;
}

export interface StateFileOptions {
  readonly path: string;
  /** Makes the folder where there is none. */
  readonly makeFolder?: boolean;
  /** Identifies the running process's settings. */
  readonly fingerprint: string;
  /** Reads a state that an earlier version wrote with the same settings, and identified differently. */
  readonly former?: { readonly fingerprint: string; adopt(state: State): State };
  readonly log: Logger;
  readonly clock: Pick<Clock, 'now' | 'monotonic' | 'sleep'>;
}

/** Milliseconds that a page waits for its state to be written. */
const patience = 5_000;
/** Milliseconds that the start waits, and the end. */
const patienceAtStart = 3_000;
const patienceAtEnd = 500;

/** Links that are followed to where the file is. */
const mostLinks = 16;

/** Damaged files that are kept beside it. */
const mostSetAside = 20;

/**
 * Returns why there can be no state file at this path; undefined if there can be one. `code`: the system's, like
 * ENOENT.
 */
export async function folderTrouble(
  path: string,
  makeFolder = false,
): Promise<{ readonly code: string; readonly message: string } | undefined> {
  const directory = dirname(await targetOf(path).catch(() => path));
  try {
    // With the slash, for a file can be written to as well.
    await access(`${directory}/`, constants.W_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    const code = reasonOf(error);
    if (makeFolder && code === 'ENOENT' && dirname(directory) !== directory) return folderTrouble(directory, true);
    const what = makeFolder ? 'can be made or written to' : 'can be written to';
    return { code, message: `${directory} is not a folder that ${what}` };
  }
}

/** Returns the real place of the file: a link is followed, also to a file that is not there yet. */
async function targetOf(path: string): Promise<string> {
  let target = path;
  for (let links = 0; links < mostLinks; links++) {
    try {
      target = resolve(dirname(target), await readlink(target));
    } catch (error) {
      const code = codeOf(error);
      // EINVAL: it is no link.
      if (code === 'EINVAL' || code === 'ENOENT') return target;
      throw error;
    }
  }
  throw new Error('it is behind too many symbolic links');
}

/** Something that a person has to put right, in words that complete "the state file … is not kept: …". */
class Trouble extends Error {}

export function stateFile(options: StateFileOptions): StateFile {
  const { path, fingerprint, former, log, clock } = options;
  const disk = createDisk(clock);
  const closing = new AbortController();
  /** The file, once it is this process's and was read. */
  let target: string | undefined;
  let lock: Lock | undefined;
  /** The states of other settings, and of these as it was found. */
  let shelved: readonly ShelvedState[] = [];
  let names: Uint8Array | undefined;
  let latest: State | undefined;
  /** Something of `latest` and `names` is not in the file. */
  let pending = false;
  /** The start has taken what it needs of the file. */
  let started = false;
  let errors = 0;
  /** The last words on why the file is not kept. */
  let said: string | undefined;
  /** A sentence about the damaged file that was found. */
  let damage: string | undefined;

  function failed(error: unknown): void {
    errors++;
    const why = error instanceof Trouble || error instanceof DiskHangs ? error.message : reasonOf(error);
    if (why === said) return;
    said = why;
    log.warn(notKept(why), { path });
  }

  function notKept(why: string): string {
    return `state file ${path} cannot be written: ${why}. The exporter goes on without it, so a restart may look like a counter reset.`;
  }

  function succeeded(): void {
    if (said !== undefined) log.info(`state file ${path} can be written again`, { path });
    said = undefined;
  }

  /** Reads the file. Resolves with undefined if there is none. */
  async function read(from: string): Promise<Buffer | undefined> {
    try {
      // A pipe or a device would be read for ever.
      if (!(await stat(from)).isFile()) throw new Trouble('it is not a regular file');
      return await readFile(from);
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** Takes the file for this process and reads it. @throws if either cannot be done */
  async function attach(): Promise<void> {
    const place = await targetOf(path);
    const trouble = await folderTrouble(place, options.makeFolder);
    if (trouble !== undefined) throw new Trouble(`${trouble.message} (${trouble.code})`);
    if (options.makeFolder === true) await mkdir(dirname(place), { recursive: true, mode: 0o700 });
    lock ??= createLock(`${place}.lock`, clock);
    const holder = await lock.take();
    if (holder !== undefined) {
      if (!started) await borrow(place);
      throw new Trouble(
        `${holder} uses it, and this process takes over when that has ended; exporters that run side by side each need a --state.file of their own`,
      );
    }
    await removeLeftovers(place);
    const bytes = await read(place);
    if (bytes === undefined) log.info(`state file ${path} does not exist yet`, { path });
    else await putOrSetAside(place, bytes);
    target = place;
  }

  /** Reads what another process keeps: to know what that has shown is better than nothing. */
  async function borrow(place: string): Promise<void> {
    const bytes = await read(place);
    try {
      if (bytes !== undefined) put(decodeShelf(bytes));
    } catch {
      // The one that has the file will see to it.
    }
  }

  function put(shelf: Shelf): void {
    shelved = shelf.states;
    names ??= shelf.names;
  }

  async function putOrSetAside(place: string, bytes: Buffer): Promise<void> {
    try {
      const shelf = decodeShelf(bytes);
      found(shelf);
      put(shelf);
    } catch (error) {
      const aside = await freeName(`${place}.damaged`);
      await rename(place, aside);
      errors++;
      const why = error instanceof Error ? error.message : 'it cannot be understood';
      damage = `state file ${path} is damaged: ${why}; it was renamed to ${aside}. Counters start from the history of the API.`;
      log.warn(damage, { path });
    }
  }

  /** Files that other processes left beside the file when they were killed. */
  async function removeLeftovers(place: string): Promise<void> {
    const start = `${basename(place)}.next-`;
    for (const name of await readdir(dirname(place))) {
      if (name.startsWith(start)) await rm(join(dirname(place), name), { force: true });
    }
  }

  /** The state of these settings among those that were read. @throws if it is damaged */
  function found({ states }: Pick<Shelf, 'states'>): State | undefined {
    const of = (wanted: string) => {
      const bytes = states.find((each) => each.fingerprint === wanted)?.bytes;
      return bytes === undefined ? undefined : decodeState(Buffer.from(bytes));
    };
    const state = of(fingerprint);
    if (state !== undefined || former === undefined) return state;
    const earlier = of(former.fingerprint);
    return earlier === undefined ? undefined : { ...former.adopt(earlier), fingerprint };
  }

  /** Puts what is to be kept in the place of the file. */
  async function write(): Promise<void> {
    if (target === undefined) await attach();
    if (target === undefined || lock === undefined) return;
    if (!(await lock.touch())) {
      target = undefined;
      throw new Trouble('another process has taken it over');
    }
    const own = latest === undefined ? [] : [{ fingerprint, bytes: encodeState(latest) }];
    const others = shelved.filter((each) => own.length === 0 || each.fingerprint !== fingerprint);
    const next = `${target}.next-${lock.token}`;
    try {
      const file = await open(next, 'wx', 0o600);
      try {
        for (const piece of encodeShelf({ states: [...own, ...others].slice(0, mostStates), names })) {
          await file.writeFile(piece);
        }
        // The rename must not reach the disk before the content does.
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(next, target);
      shelved = others;
    } catch (error) {
      await rm(next, { force: true });
      throw error;
    }
  }

  async function save(within: number): Promise<void> {
    try {
      await disk.run(async () => {
        pending = false;
        try {
          await write();
        } catch (error) {
          pending = true;
          throw error;
        }
      }, within);
      succeeded();
    } catch (error) {
      failed(error);
    }
  }

  /** Shows other processes that this one lives; or looks whether one that had the file has gone. */
  async function tick(): Promise<void> {
    if (pending) return await save(patience);
    try {
      await disk.run(async () => {
        if (target === undefined) await attach();
        else if (!(await lock?.touch())) {
          target = undefined;
          throw new Trouble('another process has taken it over');
        }
      }, patience);
      succeeded();
    } catch (error) {
      failed(error);
    }
  }

  async function keep(): Promise<void> {
    while (!closing.signal.aborted) {
      await clock.sleep(touchEvery, closing.signal).catch(() => {});
      if (!closing.signal.aborted) await tick();
    }
  }

  return {
    async load() {
      try {
        await disk.run(attach, patienceAtStart);
      } catch (error) {
        failed(error);
      }
      started = true;
      void keep();
      let state: State | undefined;
      try {
        state = found({ states: shelved });
      } catch {
        // Another process has the file; it will see the damage itself.
      }
      if (state === undefined && shelved.length > 0) {
        log.warn(
          `state file ${path} has no state of these settings, which make other series. Counters start from the history of the API; what the file keeps of earlier settings stays in it.`,
          { path },
        );
      }
      return { state, names };
    },
    async save(state) {
      latest = state;
      pending = true;
      await save(patience);
    },
    keepNames(kept) {
      names = kept;
      pending = true;
    },
    errors: () => errors,
    trouble: () => (said === undefined ? damage : notKept(said)),
    holdsThread: () => disk.busy(),
    async close() {
      closing.abort();
      if (pending) await save(patienceAtEnd);
      const held = lock;
      if (held !== undefined) await disk.run(() => held.release(), patienceAtEnd).catch(() => {});
    },
  };
}

/** A name that no file has. @throws if there are too many already */
async function freeName(wanted: string): Promise<string> {
  for (let number = 1; number <= mostSetAside; number++) {
    const name = number === 1 ? wanted : `${wanted}-${number}`;
    const taken = await stat(name).then(
      () => true,
      (error: unknown) => codeOf(error) !== 'ENOENT',
    );
    if (!taken) return name;
  }
  throw new Trouble(`it is damaged, and ${mostSetAside} damaged ones lie beside it; look at them, and remove them`);
}

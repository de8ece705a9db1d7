/** The state file on a real disk: what is kept of it, whose it is, and what happens where the disk does not do its part. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import {
  chmod,
  mkdir,
  mkdtemp,
  open as openFile,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { encodeState, type State } from '../../src/state/codec.ts';
import { type StateFile, type StateFileOptions, stateFile } from '../../src/state/file.ts';
import { type HandClock, handClock } from '../helpers/hand-clock.ts';
import { recordingLog } from '../helpers/recording-log.ts';

let folder = '';
let clock: HandClock;
let opened: StateFile[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'state-'));
  clock = handClock();
  opened = [];
});
afterEach(async () => {
  for (const file of opened) await file.close();
  await chmod(folder, 0o700);
  await rm(folder, { recursive: true });
});

/** Waits for what a real disk does, which on a busy machine takes a while. */
const eventually = (check: () => void) => vi.waitFor(check, { timeout: 20_000 });

const stateOf = (fingerprint: string, value = 42): State => ({
  fingerprint,
  apis: [
    {
      api: 'a',
      anchor: 1,
      fields: ['f'],
      hashes: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
      values: Float64Array.of(value),
    },
  ],
});
const state = stateOf('mine');

function open({ path = join(folder, 'state'), ...more }: Partial<StateFileOptions> = {}) {
  const log = recordingLog();
  const file = stateFile({ path, fingerprint: 'mine', log, clock, ...more });
  opened.push(file);
  return { path, log, file };
}

/** Returns what a process finds that comes later, under settings with this fingerprint. */
async function found(fingerprint: string, path = join(folder, 'state')): Promise<State | undefined> {
  const { file } = open({ path, fingerprint });
  const { state: left } = await file.load();
  await file.close();
  return left;
}

const shown = (left: State | undefined) => left?.apis[0]?.values[0];

/** A process with these settings that runs, shows a value, and ends. */
async function live(fingerprint: string, value: number): Promise<void> {
  const { file } = open({ fingerprint });
  await file.load();
  await file.save(stateOf(fingerprint, value));
  await file.close();
}

describe('what is kept', () => {
  test('is read back, and nothing is left beside it', async () => {
    const { file, log } = open();
    expect(await file.load()).toEqual({ state: undefined, names: undefined });
    await file.save(state);
    expect((await readdir(folder)).sort()).toEqual(['state', 'state.lock']);
    await file.close();
    expect(await readdir(folder)).toEqual(['state']);
    expect(await found('mine')).toEqual(state);
    expect(log.of('warn')).toEqual([]);
    expect(file.errors()).toBe(0);
  });

  test('is for its owner alone', async () => {
    const { file, path } = open();
    await file.load();
    await file.save(state);
    expect((await stat(path)).mode & 0o077).toBe(0);
  });

  test('of earlier settings is found again when somebody goes back to them, whatever was shown in between', async () => {
    await live('good', 1_000);
    await live('wrong', 1);
    expect(shown(await found('good'))).toBe(1_000);
    await live('wrong', 2);
    await live('other', 3);
    expect(shown(await found('good'))).toBe(1_000);
    await live('good', 1_001);
    expect(shown(await found('good'))).toBe(1_001);
    expect(shown(await found('wrong'))).toBe(2);
    expect(await readdir(folder)).toEqual(['state']);
  });

  test('is said where there is nothing of these settings yet', async () => {
    await live('good', 1_000);
    const { file, log } = open({ fingerprint: 'wrong' });
    expect((await file.load()).state).toBeUndefined();
    expect(log.of('warn')).toHaveLength(1);
    expect(log.of('warn')[0]).toMatch(/no state of these settings/);
  });

  test('are the states of the last five settings', async () => {
    for (const each of [1, 2, 3, 4, 5, 6]) await live(`settings ${each}`, each);
    expect(shown(await found('settings 1'))).toBeUndefined();
    for (const each of [2, 3, 4, 5, 6]) expect(shown(await found(`settings ${each}`))).toBe(each);
  });

  test('by an earlier version is read, also if that identified the settings differently', async () => {
    const path = join(folder, 'state');
    await writeFile(path, encodeState(state));
    expect(await found('mine')).toEqual(state);
    const adopt = (left: State) => ({ ...left, apis: left.apis.map((api) => ({ ...api, anchor: 2 })) });
    const { file } = open({ fingerprint: 'new', former: { fingerprint: 'mine', adopt } });
    const { state: left } = await file.load();
    expect([left?.fingerprint, left?.apis[0]?.anchor, shown(left)]).toEqual(['new', 2, 42]);
    await file.save(stateOf('new', 43));
    await file.close();
    expect(shown(await found('new'))).toBe(43);
    expect(shown(await found('mine'))).toBe(42);
  });

  test('are names as well, by themselves and with states', async () => {
    const names = Buffer.from('names');
    const { file } = open();
    await file.load();
    file.keepNames(names);
    clock.pass(2_000);
    await eventually(() => expect(existsSync(join(folder, 'state'))).toBe(true));
    await file.save(state);
    await file.close();
    const second = open({ fingerprint: 'other' });
    expect(Buffer.from((await second.file.load()).names ?? [])).toEqual(names);
    second.file.keepNames(Buffer.from('others'));
    await second.file.close();
    const third = open();
    const left = await third.file.load();
    expect([left.state, Buffer.from(left.names ?? []).toString()]).toEqual([state, 'others']);
  });

  test('lies in a folder that is made, if it is the usual one', async () => {
    const path = join(folder, 'a', 'b', 'state');
    const { file, log } = open({ path, makeFolder: true });
    await file.load();
    await file.save(state);
    await file.close();
    expect(await found('mine', path)).toEqual(state);
    expect((await stat(dirname(path))).mode & 0o077).toBe(0);
    expect(log.of('warn')).toEqual([]);
  });
});

describe('a state file that cannot be used', () => {
  test.each<[string, Buffer]>([
    ['empty', Buffer.alloc(0)],
    ['something else', Buffer.from('hello\n'.repeat(100))],
    ['cut off', encodeState(state).subarray(0, 100)],
    ['flipped', Buffer.from(encodeState(state).map((byte, index) => (index === 60 ? byte ^ 1 : byte)))],
  ])('because it is damaged (%s) is set aside with a warning, and a new one written', async (_, bytes) => {
    const path = join(folder, 'state');
    await writeFile(path, bytes);
    const { file, log } = open();
    expect((await file.load()).state).toBeUndefined();
    expect(log.of('warn')).toHaveLength(1);
    expect(log.of('warn')[0]).toContain(path);
    expect(file.errors()).toBe(1);
    // The status page goes on saying it, until somebody has looked and starts again.
    await file.save(state);
    expect(file.trouble()).toBe(log.of('warn')[0]);
    await file.close();
    expect((await readdir(folder)).sort()).toEqual(['state', 'state.damaged']);
    expect(await readFile(`${path}.damaged`)).toEqual(bytes);
    expect(await found('mine')).toEqual(state);
  });

  test('is never set aside over another one; past a number of them nothing is written any more', async () => {
    const path = join(folder, 'state');
    for (let number = 1; number <= 20; number++) {
      await writeFile(path, `damaged ${number}`);
      await found('mine');
    }
    const names = (await readdir(folder)).sort();
    expect(names).toHaveLength(20);
    const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
    expect(new Set(texts).size).toBe(20);
    await writeFile(path, 'damaged 21');
    const { file, log } = open();
    await file.load();
    await file.save(state);
    expect(log.of('warn').join()).toMatch(/20 damaged ones lie beside it/);
    expect(await readFile(path, 'utf8')).toBe('damaged 21');
  });

  test('because it can never be written is said at the start, once, and counted each time', async () => {
    const { file, log } = open({ path: join(folder, 'missing', 'state') });
    expect((await file.load()).state).toBeUndefined();
    await file.save(state);
    expect(log.of('warn')).toHaveLength(1);
    expect(log.of('warn')[0]).toContain(join(folder, 'missing'));
    expect(file.errors()).toBe(2);
    expect(file.trouble()).toBe(log.of('warn')[0]);
  });

  test.each(['folder', 'pipe', 'device'])('because it is a %s is no more than a warning', async (kind) => {
    const path = join(folder, 'state');
    if (kind === 'folder') await mkdir(path);
    if (kind === 'pipe') execFileSync('mkfifo', [path]);
    if (kind === 'device') {
      await symlink('/dev/zero', path);
      // An earlier run that was killed may have left it.
      await rm('/dev/zero.lock', { force: true });
    }
    const { file, log } = open(kind === 'device' ? { path: '/dev/zero' } : {});
    expect((await file.load()).state).toBeUndefined();
    await file.save(state);
    await file.save(state);
    expect(log.of('error')).toEqual([]);
    expect(log.of('warn').filter((line) => line.includes('cannot be written'))).toHaveLength(1);
  });

  test('for a while is one warning, the old file stays, and it is said when it works again', async () => {
    const { file, path, log } = open();
    await file.load();
    await file.save(state);
    const before = await readFile(path);
    // Nobody else has a name that only the holder of the lock knows; so the disk refuses to make that file.
    const { token } = JSON.parse(readFileSync(`${path}.lock`, 'utf8'));
    await mkdir(`${path}.next-${token}`);
    await writeFile(join(`${path}.next-${token}`, 'x'), '');
    await file.save(stateOf('mine', 43));
    await file.save(stateOf('mine', 44));
    expect(log.of('warn')).toHaveLength(1);
    expect(file.errors()).toBe(2);
    expect(file.trouble()).toBe(log.of('warn')[0]);
    expect(await readFile(path)).toEqual(before);
    await rm(`${path}.next-${token}`, { recursive: true });
    // What was not saved is saved by itself.
    clock.pass(2_000);
    await eventually(() => expect(log.of('info').at(-1)).toMatch(/again/));
    expect(file.trouble()).toBeUndefined();
    await file.close();
    expect(shown(await found('mine'))).toBe(44);
  });
});

describe('a link to the state file', () => {
  test.each([true, false])('stays one, and what it leads to is written (there before: %s)', async (before) => {
    const volume = join(folder, 'volume');
    await mkdir(volume);
    const link = join(folder, 'state');
    await symlink(join('volume', 'data'), link);
    if (before) await writeFile(join(volume, 'data'), encodeState(stateOf('mine', 41)));
    const { file, log } = open();
    expect(shown((await file.load()).state)).toBe(before ? 41 : undefined);
    await file.save(state);
    await file.close();
    expect(await readlink(link)).toBe(join('volume', 'data'));
    expect((await readdir(folder)).sort()).toEqual(['state', 'volume']);
    expect(await readdir(volume)).toEqual(['data']);
    expect(await found('mine', join(volume, 'data'))).toEqual(state);
    expect(log.of('warn')).toEqual([]);
  });

  test('that leads to itself is a warning', async () => {
    await symlink('state', join(folder, 'state'));
    const { file, log } = open();
    await file.load();
    await file.save(state);
    expect(log.of('warn')).toHaveLength(1);
  });
});

describe('two processes with one file', () => {
  /** The lock as another process left it. */
  const lockOf = (more: object) => JSON.stringify({ token: 'theirs', pid: 1, host: 'elsewhere', ...more });

  /** A first process of another container: this one cannot look it up. */
  async function elsewhere(): Promise<{ readonly touch: () => void }> {
    await live('mine', 41);
    const path = join(folder, 'state.lock');
    let touches = 0;
    const touch = () => {
      touches++;
      execFileSync('touch', ['-d', `@${touches}`, path]);
    };
    writeFileSync(path, lockOf({ space: 'another' }));
    touch();
    return { touch };
  }

  test('the second says so, knows what the first has shown, and writes nothing', async () => {
    const { touch } = await elsewhere();
    const second = open();
    expect(shown((await second.file.load()).state)).toBe(41);
    await second.file.save(stateOf('mine', 7));
    for (let seconds = 0; seconds < 60; seconds += 2) {
      touch();
      const errors = second.file.errors();
      clock.pass(2_000);
      await eventually(() => expect(second.file.errors()).toBeGreaterThan(errors));
    }
    expect(second.log.of('warn')).toHaveLength(1);
    expect(second.log.of('warn')[0]).toMatch(/process 1 on elsewhere uses it/);
    await second.file.close();
    expect(existsSync(join(folder, 'state.lock'))).toBe(true);
    await rm(join(folder, 'state.lock'));
    expect(shown(await found('mine'))).toBe(41);
  });

  test('the second takes over when the first gives no sign of life, and saves what it has shown', async () => {
    await elsewhere();
    const second = open();
    await second.file.load();
    await second.file.save(stateOf('mine', 43));
    await eventually(() => {
      clock.pass(2_000);
      expect(second.log.of('info').at(-1)).toMatch(/again/);
    });
    expect(clock.monotonic()).toBeGreaterThanOrEqual(10_000);
    await second.file.close();
    expect(shown(await found('mine'))).toBe(43);
  });

  test('the second takes over when the first gives the lock back', async () => {
    await elsewhere();
    const second = open({ fingerprint: 'other' });
    await second.file.load();
    await second.file.save(stateOf('other', 43));
    await rm(join(folder, 'state.lock'));
    clock.pass(2_000);
    await eventually(() => expect(second.log.of('info').at(-1)).toMatch(/again/));
    await second.file.close();
    expect(shown(await found('other'))).toBe(43);
    expect(shown(await found('mine'))).toBe(41);
  });

  test('a process that was killed leaves no lock, also if its id was used again meanwhile', async () => {
    const own = open();
    await own.file.load();
    const lock = JSON.parse(readFileSync(join(folder, 'state.lock'), 'utf8'));
    await own.file.close();
    for (const gone of [{ pid: 2 ** 22 + 1 }, { pid: process.ppid, started: '1' }]) {
      writeFileSync(join(folder, 'state.lock'), JSON.stringify({ ...lock, token: 'theirs', ...gone }));
      const next = open();
      let loaded = false;
      void next.file.load().then(() => {
        loaded = true;
      });
      await eventually(() => {
        clock.pass(100);
        expect(loaded).toBe(true);
      });
      await next.file.save(state);
      expect([gone, next.log.of('warn')]).toEqual([gone, []]);
      await next.file.close();
    }
  });

  test('a process that lives keeps its lock, however long it stands still', async () => {
    const own = open();
    await own.file.load();
    const lock = JSON.parse(readFileSync(join(folder, 'state.lock'), 'utf8'));
    await own.file.close();
    const { ppid } = process;
    const text = readFileSync(`/proc/${ppid}/stat`, 'utf8');
    const started = text.slice(text.lastIndexOf(')') + 2).split(' ')[19];
    writeFileSync(join(folder, 'state.lock'), JSON.stringify({ ...lock, token: 'theirs', pid: ppid, started }));
    const second = open();
    await second.file.load();
    for (let minutes = 0; minutes < 10; minutes++) {
      const errors = second.file.errors();
      clock.pass(60_000);
      await eventually(() => expect(second.file.errors()).toBeGreaterThan(errors));
      await second.file.save(state);
    }
    expect(second.log.of('warn')).toHaveLength(1);
    expect(existsSync(join(folder, 'state'))).toBe(false);
  });

  test('a process that has lost its lock writes nothing more', async () => {
    const first = open();
    await first.file.load();
    await first.file.save(stateOf('mine', 41));
    writeFileSync(join(folder, 'state.lock'), lockOf({ space: 'another' }));
    await first.file.save(stateOf('mine', 42));
    expect(first.log.of('warn')[0]).toMatch(/another process has taken it over/);
    await first.file.close();
    expect(JSON.parse(readFileSync(join(folder, 'state.lock'), 'utf8')).token).toBe('theirs');
    await rm(join(folder, 'state.lock'));
    expect(shown(await found('mine'))).toBe(41);
  });
});

/** Puts a named pipe in place of the lock: whoever opens that waits in the system, as on a disk that does not answer. */
async function hangDisk(path: string): Promise<{ readonly answer: () => Promise<void> }> {
  await rename(`${path}.lock`, `${path}.lock.kept`);
  execFileSync('mkfifo', [`${path}.lock`]);
  return {
    async answer() {
      const pipe = await openFile(`${path}.lock`, 'r+');
      await pipe.writeFile(await readFile(`${path}.lock.kept`));
      await rename(`${path}.lock.kept`, `${path}.lock`);
      await pipe.close();
    },
  };
}

describe('a disk that hangs', () => {
  test('holds up one page for 5 s, hangs one thread, and is written again when it answers', async () => {
    const { file, path, log } = open();
    await file.load();
    await file.save(stateOf('mine', 1));
    const { answer } = await hangDisk(path);
    let published = 0;
    const page = file.save(stateOf('mine', 2)).then(() => published++);
    await eventually(() => expect(file.holdsThread()).toBe(true));
    clock.pass(4_999);
    await new Promise(setImmediate);
    expect(published).toBe(0);
    clock.pass(1);
    await page;
    expect(log.of('warn')).toHaveLength(1);
    expect(log.of('warn')[0]).toMatch(/the disk does not answer/);
    expect(file.errors()).toBe(1);
    // Nothing more is asked of it: each of these would hold a thread, and there are four.
    for (let value = 3; value <= 20; value++) await file.save(stateOf('mine', value));
    expect(file.errors()).toBe(19);
    expect(log.of('warn')).toHaveLength(1);
    expect(await readFile(path)).toBeInstanceOf(Buffer);
    await answer();
    await eventually(() => {
      clock.pass(2_000);
      expect(log.of('info').at(-1)).toMatch(/again/);
    });
    await file.close();
    expect(shown(await found('mine'))).toBe(20);
  });

  test('holds up neither the start nor the end', async () => {
    const first = open();
    await first.file.load();
    await first.file.save(state);
    const { answer } = await hangDisk(first.path);
    const second = open();
    const loaded = second.file.load();
    await eventually(() => expect(second.file.holdsThread()).toBe(true));
    clock.pass(3_000);
    expect((await loaded).state).toBeUndefined();
    await second.file.close();
    expect(second.file.holdsThread()).toBe(true);
    await answer();
    // The first one has asked its lock meanwhile, too, and each may take it over from the other.
    const firstEnds = first.file.close();
    await eventually(() => {
      // Whoever takes over a lock looks again after a moment.
      clock.pass(1_000);
      expect([first.file.holdsThread(), second.file.holdsThread()]).toEqual([false, false]);
    });
    await firstEnds;
  });
});

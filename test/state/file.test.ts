import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { encodeState, type State } from '../../src/state/codec.ts';
import { stateFile } from '../../src/state/file.ts';
import { recordingLog } from '../helpers/recording-log.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'state-'));
});
afterEach(async () => {
  await chmod(folder, 0o700);
  await rm(folder, { recursive: true });
});

const state: State = {
  fingerprint: 'mine',
  apis: [
    { api: 'a', anchor: 1, fields: ['f'], hashes: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8), values: Float64Array.of(42) },
  ],
};

function open(path = join(folder, 'state')) {
  const log = recordingLog();
  return { path, log, file: stateFile(path, 'mine', log) };
}

describe('the state file', () => {
  test('is read back, and nothing is left beside it', async () => {
    const { file, log } = open();
    expect(await file.load()).toBeUndefined();
    await file.save(state);
    expect(await file.load()).toEqual(state);
    expect(await readdir(folder)).toEqual(['state']);
    expect(log.of('warn')).toEqual([]);
  });

  test('that can never be written is said at the start, once', async () => {
    const { file, log } = open(join(folder, 'missing', 'state'));
    expect(await file.load()).toBeUndefined();
    await file.save(state);
    expect(log.of('warn')).toHaveLength(1);
    expect(log.of('warn')[0]).toContain(join(folder, 'missing'));
  });

  test('is for its owner alone', async () => {
    const { file, path } = open();
    await file.save(state);
    const { mode } = await import('node:fs/promises').then(({ stat }) => stat(path));
    expect(mode & 0o077).toBe(0);
  });

  test.each<[string, Buffer]>([
    ['empty', Buffer.alloc(0)],
    ['something else', Buffer.from('hello\n'.repeat(100))],
    ['cut off', encodeState(state).subarray(0, 100)],
    ['flipped', Buffer.from(encodeState(state).map((byte, index) => (index === 60 ? byte ^ 1 : byte)))],
  ])('that is damaged (%s) is set aside with a warning, and a new one written', async (_, bytes) => {
    const { file, path, log } = open();
    await writeFile(path, bytes);
    expect(await file.load()).toBeUndefined();
    expect(log.of('warn')).toHaveLength(1);
    expect(log.of('warn')[0]).toContain(path);
    expect(await readdir(folder)).toHaveLength(1);
    expect((await readdir(folder))[0]).not.toBe('state');
    await file.save(state);
    expect(await open().file.load()).toEqual(state);
  });

  test('of other settings is set aside with a warning', async () => {
    const { file, path, log } = open();
    await writeFile(path, encodeState({ ...state, fingerprint: 'of others' }));
    expect(await file.load()).toBeUndefined();
    expect(log.of('warn')).toHaveLength(1);
    expect(log.of('warn')[0]).toMatch(/settings/);
    const [aside = ''] = await readdir(folder);
    expect(await readFile(join(folder, aside))).toEqual(encodeState({ ...state, fingerprint: 'of others' }));
  });

  test('that is a folder, or in a folder that is not there, is no more than a warning', async () => {
    await mkdir(join(folder, 'state'));
    for (const path of [join(folder, 'state'), join(folder, 'missing', 'state')]) {
      const { file, log } = open(path);
      expect(await file.load()).toBeUndefined();
      await file.save(state);
      await file.save(state);
      expect(log.of('error')).toEqual([]);
      expect(log.of('warn').filter((line) => line.includes('cannot be written'))).toHaveLength(1);
    }
  });

  test('on a full disk is one warning, the old file stays, and it is said when it works again', async () => {
    const { file, path, log } = open();
    await file.save(state);
    const before = await readFile(path);
    // Writing to this device fails as it does on a full disk.
    await symlink('/dev/full', `${path}.next`);
    await file.save({ ...state, apis: [] });
    await file.save({ ...state, apis: [] });
    expect(log.of('warn')).toHaveLength(1);
    expect(log.of('warn')[0]).toContain('ENOSPC');
    expect(await readFile(path)).toEqual(before);
    await rm(`${path}.next`);
    await file.save({ ...state, apis: [] });
    expect(log.of('info').at(-1)).toMatch(/again/);
    expect((await file.load())?.apis).toEqual([]);
  });
});

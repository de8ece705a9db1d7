import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { fixedKey, keyFile, keyFileInTime, noKey } from '../../src/openai/admin-key.ts';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'key-'));
  path = join(folder, 'key');
});
afterEach(() => rm(folder, { recursive: true }));

describe('a fixed key', () => {
  it('stays what it is', async () => {
    const key = fixedKey(' sk-admin-1\n');
    expect(key.current()).toBe('sk-admin-1');
    expect(await key.refused()).toBe(false);
    expect(key.trouble()).toBeUndefined();
  });

  test.each([
    ['', 'empty'],
    [' \n\t', 'empty'],
    ['sk-admin 1', 'white space'],
    ['sk-admin\r\nx: y', 'white space'],
    ['sk-admin-\u0000', 'cannot carry'],
    ['sk-admin-ä', 'cannot carry'],
    ['x'.repeat(5_000), 'longer than 4096'],
    ['"sk-admin-1"', 'quotes around it'],
    ["'sk-admin-1'\n", 'quotes around it'],
    ['\u201csk-admin-1\u201d', 'quotes around it'],
    ['`sk-admin-1', 'quotes around it'],
    ['OPENAI_ADMIN_KEY=sk-admin-1', 'a name with an equals sign before it'],
    ['export OPENAI_API_KEY="sk-admin-1"\n', 'a name with an equals sign before it'],
    ['admin = sk-admin-1', 'a name with an equals sign before it'],
    ['MY_GATEWAY_KEY=admin-abc', 'a name with an equals sign before it'],
    ['Bearer sk-admin-1', 'the word Bearer'],
  ])('%j is refused and not repeated', (text, why) => {
    const attempt = () => fixedKey(text);
    expect(attempt).toThrow(why);
    expect(attempt).not.toThrow(/admin/);
  });
});

test.each(['gateway-abc==', 'a=b', 'x"y', 'sk-admin-a=b'])('%j is a key, though an odd one', (text) => {
  expect(fixedKey(text).current()).toBe(text);
});

test('no key at all says why, and never is another one', async () => {
  const key = noKey('The variable KEY of key_env is not set');
  expect([key.current(), await key.refused(), key.trouble()]).toEqual([
    undefined,
    false,
    'The variable KEY of key_env is not set',
  ]);
});

test('a key file may come later, where that is allowed', async () => {
  const key = await keyFileInTime(path);
  expect([key.current(), key.trouble()]).toEqual([
    undefined,
    `The key file ${path} cannot be read: there is no such file`,
  ]);
  await writeFile(path, '');
  expect([await key.refused(), key.trouble()]).toEqual([false, `The key file ${path} holds no key: it is empty`]);
  await writeFile(path, 'sk-admin-1');
  expect([await key.refused(), key.current(), key.trouble()]).toEqual([true, 'sk-admin-1', undefined]);
});

describe('a key file', () => {
  test.each([
    ['"sk-admin-2"', /must hold the key alone: there are quotes around it; remove them$/],
    ['OPENAI_ADMIN_KEY=sk-admin-2', /there is a name with an equals sign before it, as in NAME=…; remove both$/],
  ])('that says %s is named as the mistake, at the start and when it is read again', async (text, why) => {
    await writeFile(path, text);
    const refusal = await keyFile(path).catch((error: unknown) => String(error));
    expect(refusal).toMatch(why);
    await writeFile(path, 'sk-admin-1');
    const key = await keyFile(path);
    await writeFile(path, text);
    expect(await key.refused()).toBe(false);
    expect(key.trouble()).toMatch(why);
    expect(`${refusal} ${key.trouble()}`).not.toMatch(/sk-|OPENAI_ADMIN_KEY/);
    expect(key.current()).toBe('sk-admin-1');
  });

  it('is read at once, and again when the key is refused', async () => {
    await writeFile(path, 'sk-admin-1\r\n');
    const key = await keyFile(path);
    expect(key.current()).toBe('sk-admin-1');
    expect(await key.refused()).toBe(false);
    await writeFile(path, 'sk-admin-2\n');
    expect(key.current()).toBe('sk-admin-1');
    expect(await key.refused()).toBe(true);
    expect(key.current()).toBe('sk-admin-2');
  });

  it('is another one for everybody who was refused with the old one', async () => {
    await writeFile(path, 'sk-admin-1');
    const key = await keyFile(path);
    await writeFile(path, 'sk-admin-2');
    expect(await Promise.all([key.refused(), key.refused()])).toEqual([true, true]);
  });

  it('keeps the key while the file is gone or unusable', async () => {
    await writeFile(path, 'sk-admin-1');
    const key = await keyFile(path);
    await writeFile(path, '');
    expect(await key.refused()).toBe(false);
    await rm(path);
    expect(await key.refused()).toBe(false);
    expect(key.current()).toBe('sk-admin-1');
  });

  it('says why it could not be read again, until it can be', async () => {
    await writeFile(path, 'sk-admin-1');
    const key = await keyFile(path);
    expect(key.trouble()).toBeUndefined();
    await writeFile(path, 'sk-admin-2 sk-admin-3');
    await key.refused();
    expect(key.trouble()).toBe(`The key file ${path} holds no key: there is white space inside it`);
    await rm(path);
    await key.refused();
    expect(key.trouble()).toBe(`The key file ${path} cannot be read again: there is no such file`);
    await writeFile(path, 'sk-admin-2');
    expect(await key.refused()).toBe(true);
    expect(key.trouble()).toBeUndefined();
  });

  it('says which file it is and what is wrong with it, and not what is in it', async () => {
    await expect(keyFile(path)).rejects.toThrow(`The key file ${path} cannot be read: there is no such file`);
    await expect(keyFile(folder)).rejects.toThrow('it is a folder');
    await writeFile(path, 'sk-admin-1 sk-admin-2');
    await expect(keyFile(path)).rejects.toThrow(/^The key file \S+ holds no key: there is white space inside it$/);
  });
});

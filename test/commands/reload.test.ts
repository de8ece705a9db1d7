/** The file of organizations under a running process: read when it has changed and is still, or when somebody asks. */
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { createReloads } from '../../src/commands/reload.ts';
import type { Organization } from '../../src/settings/settings.ts';
import { parseSettings } from '../../src/settings/settings.ts';
import { handClock } from '../helpers/hand-clock.ts';
import { recordingLog } from '../helpers/recording-log.ts';

const ending: (() => void)[] = [];
afterEach(() => {
  for (const end of ending.splice(0)) end();
});

const listOf = (...names: readonly string[]) =>
  `organizations: [${names.map((name) => `{name: ${name}, key_env: KEY_${name.toUpperCase()}}`).join(', ')}]`;

function start() {
  const folder = mkdtempSync(join(tmpdir(), 'reload-'));
  const file = join(folder, 'organizations.yml');
  let written = 0;
  const write = (text: string) => {
    writeFileSync(file, text);
    written++;
    // A file system may count in seconds.
    utimesSync(file, written, written);
  };
  write(listOf('a'));
  const parsed = parseSettings([`--organizations.file=${file}`], {});
  if (!('several' in parsed)) throw new Error(JSON.stringify(parsed));
  const applied: (readonly string[])[] = [];
  const clock = handClock();
  const log = recordingLog();
  const reloads = createReloads({
    several: parsed.several,
    organizations: {
      apply(list: readonly Organization[]) {
        applied.push(list.map(({ name }) => name));
        return { added: [], removed: [], changed: [] };
      },
    },
    clock,
    log,
  });
  const stop = new AbortController();
  void reloads.watch(stop.signal);
  ending.push(() => {
    stop.abort();
    rmSync(folder, { recursive: true });
  });
  /** Lets a second pass, and what follows from it. */
  const look = async () => {
    clock.pass(1_000);
    for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
  };
  return { file, write, reloads, applied, clock, log, look };
}

test('a file that has changed is read once it is the same at two looks, and only then', async () => {
  const { write, applied, look } = start();
  await look();
  expect(applied).toEqual([]);
  write(listOf('a', 'b'));
  await look();
  write(listOf('a', 'b', 'c'));
  await look();
  expect(applied).toEqual([]);
  await look();
  await look();
  expect(applied).toEqual([['a', 'b', 'c']]);
});

test('one that cannot be used is said once, changes nothing, and is not tried again as it is', async () => {
  const { file, write, reloads, applied, log, look, clock } = start();
  const begun = reloads.lastSuccess();
  write('');
  for (let looks = 0; looks < 5; looks++) await look();
  expect([reloads.successful(), reloads.lastSuccess(), applied]).toEqual([false, begun, []]);
  expect(log.of('error')).toEqual([
    'the file of organizations cannot be used, so what it said before stays in use: is empty: it must have the key organizations, with a list',
  ]);
  rmSync(file);
  for (let looks = 0; looks < 5; looks++) await look();
  expect(reloads.trouble()).toBe('cannot be read: ENOENT');
  write(listOf('b'));
  for (let looks = 0; looks < 3; looks++) await look();
  expect([reloads.successful(), reloads.lastSuccess(), applied]).toEqual([true, clock.now() - 1_000, [['b']]]);
});

test('whoever asks over the network waits a second, and all who ask meanwhile get one answer', async () => {
  const { write, reloads, applied, look } = start();
  write(listOf('a', 'b'));
  const answers = [reloads.soon(), reloads.soon(), reloads.soon()];
  expect(applied).toEqual([]);
  await look();
  expect(await Promise.all(answers)).toEqual([undefined, undefined, undefined]);
  expect(applied).toHaveLength(1);
});

test('a signal has it read at once', () => {
  const { write, reloads, applied } = start();
  write('organizations: [{name: a}]');
  expect(reloads.now()).toBe('organizations[0]: needs key_file or key_env');
  write(listOf('x'));
  expect(reloads.now()).toBeUndefined();
  expect(applied).toEqual([['x']]);
});

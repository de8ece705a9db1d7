/** Which processes go on with each other's state file. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { parseSettings, type Settings } from '../../src/settings/settings.ts';
import { fingerprintOf } from '../../src/state/codec.ts';
import { stateFile } from '../../src/state/file.ts';
import { seriesFingerprint } from '../../src/state/fingerprint.ts';
import { recordingLog } from '../helpers/recording-log.ts';

function settings(...flags: readonly string[]): Settings {
  const parsed = parseSettings(['serve', ...flags], { OPENAI_ADMIN_KEY: 'sk-admin-of-the-test' });
  if (!('settings' in parsed)) throw new Error(JSON.stringify(parsed));
  return parsed.settings;
}

test('settings that make other series, and no others', () => {
  const usual = seriesFingerprint(settings(), false);
  for (const flag of [
    '--poll.group-by=model',
    '--poll.models=gpt-4o',
    '--counters.anchor=year',
    '--series.max-groups=7',
    '--openai.organization=org-another',
    '--openai.base-url=https://another.example/v1',
  ]) {
    expect([flag, seriesFingerprint(settings(flag), false) === usual]).toEqual([flag, false]);
  }
  for (const flag of ['--poll.interval=2m', '--poll.apis=images', '--counters.zero-hold=5m', '--log.level=debug']) {
    expect([flag, seriesFingerprint(settings(flag), false) === usual]).toEqual([flag, true]);
  }
});

test('a file written before the demonstration was told apart is still taken', () => {
  const { openai, poll, counters, series } = settings();
  const { groupBy, filters } = poll;
  const { baseUrl } = openai;
  const earlier = { baseUrl, organization: null, groupBy, filters };
  expect(seriesFingerprint(settings(), false)).toBe(
    fingerprintOf({ ...earlier, anchor: counters.anchor, maxGroups: series.maxGroups }),
  );
});

test('the demonstration goes on with its own file, but not with that of a live process, nor a live one with its', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'fingerprint-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, 'state');
  const log = recordingLog();
  const file = (simulated: boolean) => stateFile(path, seriesFingerprint(settings(), simulated), log);
  const state = (simulated: boolean) => ({ fingerprint: seriesFingerprint(settings(), simulated), apis: [] });
  for (const simulated of [true, false]) {
    await file(simulated).save(state(simulated));
    expect(await file(simulated).load()).toEqual(state(simulated));
    expect(await file(!simulated).load()).toBe(undefined);
  }
  expect(log.of('warn').filter((line) => line.includes('other settings'))).toHaveLength(2);
});

/** Tells which processes go on with each other's state. */
import { expect, test } from 'vitest';
import { parseSettings, type Settings } from '../../src/settings/settings.ts';
import { fingerprintOf, type State } from '../../src/state/codec.ts';
import { formerFingerprint, seriesFingerprint } from '../../src/state/fingerprint.ts';

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

test('the order of a list is no difference', () => {
  for (const [one, other] of [
    ['--poll.models=gpt-4o,o3', '--poll.models=o3,gpt-4o'],
    ['--poll.group-by=model,project_id', '--poll.group-by=project_id,model'],
    ['--poll.project-ids=proj_a,proj_b', '--poll.project-ids=proj_b,proj_a,proj_b'],
  ] as const) {
    expect(seriesFingerprint(settings(one), false)).toBe(seriesFingerprint(settings(other), false));
  }
  expect(seriesFingerprint(settings('--poll.models=a,b'), false)).not.toBe(
    seriesFingerprint(settings('--poll.models=a'), false),
  );
});

test('the demonstration is another organization', () => {
  expect(seriesFingerprint(settings(), true)).not.toBe(seriesFingerprint(settings(), false));
});

test('a state of version 0.1 is taken, but for the apis that are grouped by more now', () => {
  const { openai, poll, counters, series } = settings('--poll.models=o3,gpt-4o');
  const knownThen = ['project_id', 'user_id', 'api_key_id', 'model', 'batch', 'service_tier', 'size', 'source'];
  const groupBy = [...knownThen, 'vector_store_id', 'context_level', 'line_item'];
  const { baseUrl } = openai;
  const written = { baseUrl, organization: null, groupBy, filters: { models: ['o3', 'gpt-4o'] } };
  const former = formerFingerprint({ openai, poll: { ...poll, groupBy }, counters, series }, false);
  expect(former.fingerprint).toBe(fingerprintOf({ ...written, anchor: counters.anchor, maxGroups: series.maxGroups }));
  const api = { anchor: 1, fields: [], hashes: new Uint8Array(0), values: new Float64Array(0) };
  const state: State = {
    fingerprint: former.fingerprint,
    apis: [
      { ...api, api: 'completions' },
      { ...api, api: 'images' },
    ],
  };
  expect(former.adopt(state)).toEqual(state);

  const now = formerFingerprint({ openai, poll, counters, series }, false);
  expect(now.fingerprint).toBe(former.fingerprint);
  expect(now.adopt(state).apis.map((each) => each.api)).toEqual(['images']);
});

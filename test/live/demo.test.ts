/** The demonstration reports to itself: what its counters show is what its organization used, but for whoever bypasses the gateway. */
import { expect, test } from 'vitest';
import { createLiveUsage } from '../../src/live/live-usage.ts';
import { liveField } from '../../src/live/vocabulary.ts';
import { endpoints } from '../../src/openai/catalogue.ts';
import { demoOrganization } from '../../src/simulation/demo-organization.ts';
import { createGateway, demoBypass, demoTeamOf } from '../../src/simulation/gateway.ts';

const now = Date.UTC(2026, 4, 13, 14, 0);
const organization = demoOrganization(now);
const from = now / 1_000 - 7_200;
const to = now / 1_000;

/** Fields that every report of the demonstration has. */
const fields = [
  ...['input_tokens', 'output_tokens', 'num_model_requests', 'input_cached_tokens', 'input_cache_write_tokens'],
  ...['input_cache_write_30m_tokens', 'output_audio_tokens', 'images', 'characters', 'seconds', 'num_requests'],
];

test('live totals equal the truth without the project that bypasses the gateway', () => {
  const live = createLiveUsage({ labels: [], maxGroups: 10_000, zeroHold: 0, settleDelay: 900_000 });
  const reports = createGateway({ organization, bypassedBy: demoBypass, teamOf: demoTeamOf });
  const at = { now, elapsed: 0 };
  // In pieces that do not end with minutes, as a clock that runs gives them.
  for (let begin = from; begin < to; begin += 77) {
    for (const report of reports(begin, Math.min(to, begin + 77))) {
      const reading = live.read(report, { api: undefined, labels: new Map() });
      expect(live.count(reading, at)).toBe('counted');
    }
  }
  let compared = 0;
  for (const endpoint of endpoints) {
    if (endpoint.kind === 'costs') continue;
    for (const name of fields) {
      const field = endpoint.api === 'vector_stores' ? undefined : liveField(endpoint.api, name);
      if (field === undefined || !endpoint.fields.some((each) => each.name === name)) continue;
      let sum = 0;
      live.book.counters(field.index, 0, (_group, value) => {
        sum += value;
      });
      const rows = organization.truth.usage(endpoint.api, { from, to }, { groupBy: ['project_id'], restated: false });
      const reported = rows.filter(({ labels: [project] }) => !demoBypass.some((bypass) => bypass === project));
      const truth = reported.reduce((all, row) => all + (row.fields.get(name) ?? 0), 0);
      expect(sum, `${endpoint.api}.${name}`).toBe(truth);
      if (truth > 0) compared++;
    }
  }
  expect(compared).toBeGreaterThan(10);
});

test('the project that bypasses the gateway uses something', () => {
  const used = organization.truth.sum(
    'completions',
    'input_tokens',
    { from, to },
    { only: new Map([['project_id', demoBypass]]) },
  );
  expect(used).toBeGreaterThan(10_000);
});

/** Tests that what is written is what was served: a running exporter lives through the end of a month, and is compared minute by minute. */
import { expect, test } from 'vitest';
import { createOrganization } from '../../src/simulation/organization.ts';
import { seriesKey } from '../helpers/exposition-parser.ts';
import { runSimulated } from '../helpers/running-exporter.ts';
import { readWritten, writeHistory } from '../helpers/writing.ts';

const minute = 60_000;
const begin = Date.parse('2026-05-31T23:30:00Z');
const end = Date.parse('2026-06-01T02:10:00Z');
/** All that has settled is on the page once it was polled, which is due every minute, and a replay was read. */
const behind = 3 * minute;

const organization = createOrganization({
  seed: 5,
  createdAt: Date.parse('2026-05-28T00:00:00Z') / 1_000,
  profile: {
    groups: { completions: 6 },
    activity: 0.02,
    restatedUp: 0,
    restatedDown: 0,
    restatedMove: 0,
  },
});

test('the counters are those that were served, minute by minute through the end of a month', {
  timeout: 60_000,
}, async () => {
  const flags = ['--poll.apis=completions', '--poll.group-by=model,batch'];
  const { code, out } = await writeHistory({
    organization,
    now: end + 6 * 60 * minute,
    argv: [...flags, '--bucket-width=1m', '--from=2026-05-31T23:00', '--to=2026-06-01T02:00', '--output=-'],
  });
  expect(code).toBe(0);
  const written = new Map(
    [...readWritten(out)].map(([key, samples]) => {
      const [, name = '', model = '', batch = ''] = /^(\w+)\{model="([^"]*)",batch="([^"]*)"\}$/.exec(key) ?? [];
      return [seriesKey(name, { model, batch }), samples];
    }),
  );

  const running = runSimulated({ organization, start: new Date(begin).toISOString(), latency: 50, flags });
  try {
    let compared = 0;
    let zeros = 0;
    for (let now = begin + 10 * minute + 30_000; now < end; now += minute) {
      await running.clock.runUntil(now);
      const counters = [...running.page().series].filter(([key]) => key.includes('_total{'));
      expect(counters.length).toBeGreaterThan(0);
      const shown = new Map(counters);
      for (const [key, samples] of written) {
        const recent = [...samples].filter(([at]) => at * 1_000 > now - behind - minute && at * 1_000 <= now);
        const value = shown.get(key);
        // A new series is on the page as soon as it is known, before its 0 has to be there.
        if (value === undefined) expect([key, now, recent.length]).not.toEqual([key, now, 4]);
        else if (recent.length > 0)
          expect([key, now, recent.map(([, each]) => each)]).toEqual([key, now, expect.arrayContaining([value])]);
        if (value === undefined || recent.length === 0) continue;
        compared++;
        if (value === 0) zeros++;
      }
      for (const key of shown.keys()) expect(written.has(key)).toBe(true);
    }
    expect(compared).toBeGreaterThan(1_000);
    expect(zeros).toBeGreaterThan(20);
  } finally {
    await running.end();
  }
});

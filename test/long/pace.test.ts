/** A request limit that is too low, or an API that is slow: everything comes all the same, late, and that is said. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { endpoints } from '../../src/openai/catalogue.ts';
import { statusOf } from '../../src/reader/make-status.ts';
import { createOrganization } from '../../src/simulation/organization.ts';
import { seconds } from '../helpers/rows.ts';
import { type RunningExporter, runSimulated } from '../helpers/running-exporter.ts';

vi.setConfig({ testTimeout: 120_000 });

let running: RunningExporter | undefined;
afterEach(async () => {
  await running?.end();
  running = undefined;
});

const minute = 60_000;

/** Every api in use: as many requests as there can be. */
const organization = createOrganization({
  seed: 3,
  createdAt: seconds('2026-11-16T00:00Z'),
  profile: { groups: 2, activity: 1, restatedUp: 0, restatedDown: 0, apis: endpoints.map(({ api }) => api) },
});

const pageOf = async ({ exporter, clock }: RunningExporter) =>
  await statusOf({ exporter, version: '0', revision: '0', simulated: false, startedAt: 0, now: clock.now() });

function live(latency: number, maxRequestsPerMinute: number): RunningExporter {
  const flags = ['--names.refresh=10m'];
  running = runSimulated({ organization, start: '2026-11-20T09:07:03Z', flags, latency, maxRequestsPerMinute });
  return running;
}

/** Minutes until every counter is there, and how old the newest settled minute of the slowest api is an hour later. */
async function figures(lived: RunningExporter): Promise<{ readonly counters: number; readonly age: number }> {
  const { clock, minutes, exporter } = lived;
  const begun = clock.now();
  const counted = exporter.apis.filter(({ account }) => account.counters !== 'none');
  while (counted.some(({ account }) => account.counters !== 'shown')) {
    await minutes(1);
    if (clock.now() > begun + 240 * minute) break;
  }
  const counters = (clock.now() - begun) / minute;
  await minutes(60);
  const ends = counted.map(({ account }) => account.ledger.newestSettledEnd('1m') ?? 0);
  return { counters, age: (clock.now() / 1_000 - Math.min(...ends)) / 60 };
}

describe('polls that need more than there is', () => {
  test.each<[number, number, number, number, RegExp]>([
    [15, 0, 25, 20, /^The request limit is too low .* need about 22 requests a minute, .* allows 15\. /],
    [
      15,
      20_000,
      50,
      25,
      /^OpenAI answers too slowly .* an answer takes 20 s, so 6 requests a minute are possible, .* 22 /,
    ],
    [
      60,
      20_000,
      50,
      25,
      /^OpenAI answers too slowly .* an answer takes 20 s, so 6 requests a minute are possible, .* 22 /,
    ],
  ])('with %d requests a minute and answers after %d ms come late, and it is said', async (...row) => {
    const [limit, latency, most, oldest, words] = row;
    const slow = live(latency, limit);
    const { counters, age } = await figures(slow);
    expect(counters).toBeLessThan(most);
    expect(age).toBeLessThan(oldest);
    // Late is not down.
    expect(slow.exporter.apis.map(({ status }) => status.up)).not.toContain(false);
    const { tooSlow } = await pageOf(slow);
    expect(tooSlow).toMatch(words);
    expect(slow.log.of('warn')).toEqual([tooSlow]);
  });

  test.each([
    [60, 500],
    [30, 500],
  ])('with %d requests a minute and answers after %d ms are told nothing', async (limit, latency) => {
    const usual = live(latency, limit);
    const { counters } = await figures(usual);
    expect(counters).toBeLessThan(10);
    expect(usual.log.of('warn')).toEqual([]);
    expect((await pageOf(usual)).tooSlow).toBeNull();
  });
});

test('a small organization asks for less than 30 requests in any minute, once its history is read', async () => {
  const small = runSimulated({
    organization: createOrganization({
      seed: 3,
      createdAt: seconds('2026-11-16T00:00Z'),
      profile: { groups: 4, activity: 1, restatedUp: 0, restatedDown: 0, apis: ['completions', 'embeddings', 'costs'] },
    }),
    start: '2026-11-20T09:07:03Z',
    flags: ['--names.refresh=10m'],
    latency: 500,
  });
  running = small;
  await small.minutes(20);
  small.dispatcher.forget();
  await small.minutes(120);
  const sent = small.dispatcher.requests.map(({ receivedAt }) => receivedAt);
  const busiest = Math.max(...sent.map((at) => sent.filter((one) => one >= at && one < at + minute).length));
  expect(busiest).toBeLessThanOrEqual(30);
});

test('the organization of the demonstration, which uses every api, asks for less than 30 requests a minute', async () => {
  const demo = runSimulated({
    organization: createOrganization({ seed: 1, createdAt: seconds('2026-09-19T00:00Z'), profile: 'demo' }),
    start: '2026-11-20T09:07:03Z',
    flags: ['--names.refresh=10m'],
  });
  running = demo;
  await demo.minutes(20);
  demo.dispatcher.forget();
  await demo.minutes(60);
  const { counts } = demo.dispatcher;
  // Costs are read twice each ten minutes, the second time by user.
  expect(counts.get('costs')).toBeGreaterThanOrEqual(12);
  const perMinute = [...counts.values()].reduce((sum, count) => sum + count, 0) / 60;
  expect(perMinute).toBeLessThanOrEqual(30);
});

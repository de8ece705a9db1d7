/** Lives a day with the real client, its retries and its pages: what virtual time and the dispatcher are for. */
import { expect, test } from 'vitest';
import { endpoints } from '../../src/openai/catalogue.ts';
import { ApiError } from '../../src/openai/errors.ts';
import { createPageSizes, readBuckets } from '../../src/openai/read-buckets.ts';
import { createOrganization } from '../../src/simulation/organization.ts';
import type { FaultRule } from '../helpers/faults.ts';
import { simulatedClient } from '../helpers/simulated-client.ts';
import { SimulatedDispatcher } from '../helpers/simulated-dispatcher.ts';
import { createVirtualClock } from '../helpers/virtual-clock.ts';
import { createdAt, day, today } from './ask.ts';

const faults: readonly FaultRule[] = [
  { when: { chance: 0.02 }, fault: { kind: 'status', status: 500 } },
  { when: { chance: 0.02 }, fault: { kind: 'cut', share: 0.3 } },
  { when: { chance: 0.01 }, fault: { kind: 'reset' } },
  { when: { chance: 0.01 }, fault: { kind: 'hang' } },
  { when: { every: 211 }, fault: { kind: 'status', status: 429, headers: { 'retry-after': '7' } } },
  { when: { every: 97 }, fault: { kind: 'delay', ms: 12_000 } },
];

test('a simulated day of the real client: polls, faults and retries, in seconds, the same every time', {
  timeout: 60_000,
}, async () => {
  const live = async () => {
    const organization = createOrganization({ seed: 9, createdAt, profile: 'demo' });
    const clock = createVirtualClock({ start: today * 1_000 });
    const dispatcher = new SimulatedDispatcher({ organization, clock, faults, latency: 180 });
    let retries = 0;
    const client = simulatedClient({
      dispatcher,
      clock,
      maxPerMinute: 600,
      observer: {
        attempt: () => {},
        retry: () => {
          retries += 1;
        },
      },
    });
    const sizes = createPageSizes();
    const sums = new Map<string, number>();
    const minute = 60_000;

    /** Sums the first field of every minute once it is a quarter of an hour old; a failed poll is made up by the next. */
    const poll = async (api: string) => {
      const endpoint = endpoints.find((each) => each.api === api);
      const field = endpoint?.fields[0]?.name ?? '';
      let from = today;
      while (endpoint && from < today + day) {
        await clock.sleep(10 * minute);
        const to = Math.min(today + day, Math.floor((clock.now() / 1_000 - 900) / 60) * 60);
        if (to <= from) continue;
        const deadline = clock.monotonic() + 5 * minute;
        const groupBy = endpoint.dimensions;
        try {
          for await (const page of readBuckets(client, sizes, {
            endpoint,
            width: '1m',
            from,
            to,
            groupBy,
            filters: {},
            priority: 'poll',
            deadline,
          })) {
            for (const bucket of page.buckets) {
              const all =
                bucket.numbers.get(field)?.reduce((sum, value) => sum + (Number.isNaN(value) ? 0 : value), 0) ?? 0;
              sums.set(api, (sums.get(api) ?? 0) + all);
              from = bucket.end;
            }
          }
        } catch (error) {
          if (!(error instanceof ApiError)) throw error;
        }
      }
    };
    const apis = endpoints.filter(({ fields }) => fields.every((field) => field.kind === 'flow')).map(({ api }) => api);
    await clock.settle(Promise.all(apis.map(poll)), 2 * 86_400_000);
    expect(dispatcher.inFlight).toBe(0);
    for (const api of apis) {
      const endpoint = endpoints.find((each) => each.api === api);
      const field = endpoint?.fields[0]?.name ?? '';
      const truth = organization.truth.sum(api, field, { from: today, to: today + day }, { restated: false });
      // Restatements come an hour after the hour's end at the earliest, when these reads are long over.
      expect([api, sums.get(api)]).toEqual([api, truth]);
    }
    return { retries, requests: [...dispatcher.counts], end: clock.now() };
  };
  const first = await live();
  expect(first.retries).toBeGreaterThan(20);
  expect(await live()).toEqual(first);
});

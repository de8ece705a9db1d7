/** Tests what a process shows of the running month before it knows all of it. */
import { afterEach, expect, test } from 'vitest';
import { type CostsApi, costsApi, runOnCosts } from '../helpers/costs-api.ts';
import { valuesOf } from '../helpers/exposition.ts';
import { seconds } from '../helpers/rows.ts';
import { type RunningExporter, runExporter } from '../helpers/running-exporter.ts';

let running: RunningExporter | undefined;
afterEach(async () => {
  await running?.end();
  running = undefined;
});

const start = '2026-05-15T12:00:30Z';
/** The days of May before are history: no poll reads them. */
const polledFrom = seconds('2026-05-12T00:00Z');

const steady = (api: CostsApi) => {
  api.rows = () => [{ project_id: 'a', amount: { value: '1', currency: 'usd' } }];
};

const monthToDate = ({ text }: RunningExporter) => valuesOf(text(), 'openai_costs_month_to_date_amount_value')['usd a'];

test('no sum of a few days is shown while the history is read', async () => {
  const slow = runExporter({
    start,
    flags: ['--poll.apis=costs', '--poll.group-by=project_id'],
    client: (clock) => {
      const api = costsApi(clock);
      steady(api);
      return {
        async get(request, decode) {
          const from = Number(request.query.find(([name]) => name === 'start_time')?.[1]);
          if (from < polledFrom) await clock.sleep(40_000);
          return await api.client.get(request, decode);
        },
      };
    },
  });
  running = slow;
  const sums = new Set<number | undefined>();
  for (let second = 0; second < 180; second++) {
    await slow.clock.advance(1_000);
    sums.add(monthToDate(slow));
    expect(Object.keys(valuesOf(slow.text(), 'openai_usage_costs_amount_value'))).toHaveLength(3);
  }
  expect([...sums]).toEqual([undefined, 15]);
});

test.each(['server', 'auth'] as const)('a history that fails (%s) is not waited for', async (reason) => {
  const failing = runOnCosts(start, ['--poll.group-by=project_id'], (api) => {
    steady(api);
    api.fails = (from) => (from < polledFrom ? { reason } : undefined);
  });
  running = failing;
  await failing.until('2026-05-15T12:00:45Z');
  expect(monthToDate(failing)).toBe(4);
});

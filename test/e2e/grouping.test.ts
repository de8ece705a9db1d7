/** A real process before an API that refuses a dimension: the numbers are there without it, it is said once, and tried again the next day. */
import { expect, test, vi } from 'vitest';
import { reply } from '../helpers/http-server.ts';
import type { Fault } from '../helpers/scripted-api.ts';
import { shiftedClock } from '../helpers/test-clock.ts';
import { usageApis } from './apis.ts';
import { exporterOf, scriptedApi } from './exporter.ts';

/** Less than a minute before midnight, on no last day of a month. */
const lateEvening = Date.parse('2026-05-15T23:59:05Z');

const rows = (name: string) => {
  if (name === 'costs') return [{ amount: { value: '1.25', currency: 'usd' }, project_id: 'p', line_item: 'l' }];
  const fields = usageApis.find(({ api }) => api === name)?.required ?? [];
  return [{ project_id: 'p', ...Object.fromEntries(fields.map((field, index) => [field, 10 + index])) }];
};

/** Refuses a dimension in the words of a report; everything else is answered. */
function refusing(dimension: string, error: (index: number) => object): Fault {
  return (response, request, honest) => {
    const index = request.query.getAll('group_by[]').indexOf(dimension);
    if (index < 0) reply(response, 200, honest);
    else reply(response, 400, { error: { type: 'invalid_request_error', ...error(index) } });
  };
}

test('a refused dimension costs no more than itself, and is tried again the next day', async () => {
  const clock = shiftedClock(lateEvening);
  const api = await scriptedApi({ rows, clock });
  api.faults.set(
    'costs',
    refusing('api_key_id', (index) => ({
      message: "Invalid value: 'api_key_id'. Supported values are: 'project_id' and 'line_item'.",
      param: `group_by[${index}]`,
      code: 'invalid_value',
    })),
  );
  api.faults.set(
    'completions',
    refusing('api_source', () => ({ message: 'Invalid value for group_by', param: 'group_by', code: null })),
  );
  const args = ['--poll.apis=completions,costs', '--poll.interval=1s', '--poll.idle-interval=1s'];
  const exporter = await exporterOf(api, args);
  const page = await vi.waitFor(
    async () => {
      const read = await exporter.metrics();
      expect(read.families.has('openai_completions_input_tokens_total')).toBe(true);
      expect(read.families.has('openai_costs_month_to_date_amount_value')).toBe(true);
      return read;
    },
    { timeout: 25_000, interval: 100 },
  );
  const labelsOf = (name: string) => Object.keys(page.families.get(name)?.samples[0]?.labels ?? {});
  expect(labelsOf('openai_completions_input_tokens_total')).not.toContain('api_source');
  expect(labelsOf('openai_completions_input_tokens_total')).toContain('api_key_id');
  expect(labelsOf('openai_costs_month_to_date_amount_value')).not.toContain('api_key_id');
  expect(labelsOf('openai_costs_month_to_date_amount_value')).toContain('project_id');
  const refused = (of: string, dimension: string) =>
    page.value('openai_exporter_dimension_refused', { api: of, dimension });
  expect([refused('costs', 'api_key_id'), refused('completions', 'api_source')]).toEqual([1, 1]);
  for (const of of ['costs', 'completions']) expect(page.value('openai_up', { api: of })).toBe(1);
  // 15 days of 1.25 and the running one.
  const [sum] = page.families.get('openai_costs_month_to_date_amount_value')?.samples ?? [];
  expect(sum?.value).toBe(new Date(clock.now()).getUTCDate() * 1.25);

  const status = (await (await fetch(new URL('/api/status', exporter.url))).json()) as {
    apis: { api: string; dimensionsRefused: { dimension: string }[] }[];
  };
  const shown = status.apis.find(({ api: name }) => name === 'costs')?.dimensionsRefused;
  expect(shown?.map(({ dimension }) => dimension)).toEqual(['api_key_id']);

  const midnight = Date.parse('2026-05-16T00:00:00Z');
  const asked = () =>
    api.requests.filter(
      ({ path, query }) => path.endsWith('/organization/costs') && query.getAll('group_by[]').includes('api_key_id'),
    ).length;
  const before = asked();
  expect(clock.now()).toBeLessThan(midnight);
  await vi.waitFor(() => expect(asked()).toBeGreaterThan(before), { timeout: 80_000, interval: 200 });
  expect(clock.now()).toBeGreaterThanOrEqual(midnight);
  const warnings = exporter
    .err()
    .split('\n')
    .filter((line) => /does not grant grouping/.test(line));
  expect(warnings).toHaveLength(2);
}, 120_000);

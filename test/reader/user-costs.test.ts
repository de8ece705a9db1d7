/** Costs by user: a second read of the same money, which harms the first in nothing and adds up to the same. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { amountToDecimal } from '../../src/simulation/costs.ts';
import { createOrganization } from '../../src/simulation/organization.ts';
import { type CostRow, type CostsExporter, runOnCosts } from '../helpers/costs-api.ts';
import { valuesOf } from '../helpers/exposition.ts';
import { refuseDimension } from '../helpers/faults.ts';
import { seconds } from '../helpers/rows.ts';
import { type RunningExporter, runSimulated } from '../helpers/running-exporter.ts';

const monthToDate = 'openai_user_costs_month_to_date_amount_value';
const previousMonth = 'openai_user_costs_previous_month_amount_value';
const byProject = 'openai_costs_month_to_date_amount_value';
const difference = 'openai_exporter_user_costs_difference_amount';

let running: RunningExporter | undefined;
vi.setConfig({ testTimeout: 60_000 });

afterEach(async () => {
  await running?.end();
  running = undefined;
});

function live(...given: Parameters<typeof runOnCosts>): CostsExporter {
  const costs = runOnCosts(...given);
  running = costs;
  return costs;
}

const shown = (metric: string) => valuesOf(running?.text() ?? '', metric);
const isByUser = (by: readonly string[]) => by.includes('user_id');
const usd = (value: unknown, labels: Partial<CostRow> = {}): CostRow => ({
  amount: { value, currency: 'usd' },
  ...labels,
});

/** A day of three parts: Ann's in two line items, Ben's, and what is nobody's. */
const parts = (by: readonly string[]): readonly CostRow[] =>
  isByUser(by)
    ? [
        usd('0.1', { user_id: 'ann', line_item: 'input' }),
        usd(0.2, { user_id: 'ann', line_item: 'output' }),
        usd('1', { user_id: 'ben', line_item: 'input' }),
        usd('0.5', { user_id: null, line_item: 'storage' }),
      ]
    : [usd('1.1', { project_id: 'a', line_item: 'input' }), usd('0.7', { project_id: 'a', line_item: 'output' })];

const start = '2026-05-15T12:00:30Z';
const afterwards = '2026-05-15T12:02:00Z';

describe('costs by user', () => {
  test('are read a second time by user and line item alone, and summed over line items', async () => {
    const { api, until, self, page } = live(start, [], (script) => {
      script.rows = (_, by) => parts(by);
    });
    await until(afterwards);
    expect(shown(monthToDate)).toEqual({ 'usd ann': 4.5, 'usd ben': 15, 'usd none': 7.5 });
    expect(shown(previousMonth)).toEqual({ 'usd ann': 9, 'usd ben': 30, 'usd none': 15 });
    expect(Object.keys(page().families.get(monthToDate)?.samples[0]?.labels ?? {}).sort()).toEqual([
      'currency',
      'user_id',
    ]);
    expect(shown(difference)).toEqual({ usd: 0 });
    const groupings = new Set(api.asked.map(({ by }) => by.join()));
    expect(groupings).toEqual(new Set(['project_id,line_item,api_key_id,api_source', 'user_id,line_item']));
    expect(await self('openai_up{api="user_costs"}')).toBe(1);
    // Every id that is shown has its name.
    const named = page()
      .families.get('openai_user_info')
      ?.samples.map(({ labels }) => labels['user_id']);
    expect(named?.sort()).toEqual(['ann', 'ben', 'none']);
    // Days are those of costs: no gauges of their own.
    expect([...page().families.keys()].filter((name) => name.startsWith('openai_usage_user_costs'))).toEqual([]);
  });

  test.each([
    ['users are not grouped by', ['--poll.group-by=project_id,line_item']],
    ['nothing is', ['--poll.group-by=none']],
  ])('are neither read nor shown where %s', async (_, flags) => {
    const { api, until, self } = live(start, flags, (script) => {
      script.rows = (__, by) => parts(by);
    });
    await until(afterwards);
    expect(api.asked.filter(({ by }) => isByUser(by))).toEqual([]);
    expect(shown(monthToDate)).toEqual({});
    expect(shown(difference)).toEqual({});
    expect(await self('openai_up{api="user_costs"}')).toBe(undefined);
    expect(Object.keys(shown(byProject))).not.toEqual([]);
  });

  test('that cannot be read harm the first read in nothing, and are seen', async () => {
    const { api, until, self, log } = live(start, [], (script) => {
      script.rows = (_, by) => parts(by);
      script.fails = (_, __, by) => (isByUser(by) ? { reason: 'server' } : undefined);
    });
    await until(afterwards);
    expect(Object.values(shown(byProject))).toEqual([16.5, 10.5]);
    expect(shown(monthToDate)).toEqual({});
    expect(shown(difference)).toEqual({});
    expect(await self('openai_up{api="costs"}')).toBe(1);
    expect(await self('openai_up{api="user_costs"}')).toBe(0);
    expect(log.of('error', 'warn').join()).toContain('user_costs');
    api.fails = () => undefined;
    await until('2026-05-15T12:30:00Z');
    expect(shown(monthToDate)).toEqual({ 'usd ann': 4.5, 'usd ben': 15, 'usd none': 7.5 });
    expect(await self('openai_up{api="user_costs"}')).toBe(1);
  });

  test('go on while the first read fails', async () => {
    const { until, self } = live(start, [], (script) => {
      script.rows = (_, by) => parts(by);
      script.fails = (_, __, by) => (isByUser(by) ? undefined : { reason: 'server' });
    });
    await until(afterwards);
    expect(shown(monthToDate)).toEqual({ 'usd ann': 4.5, 'usd ben': 15, 'usd none': 7.5 });
    expect(await self('openai_up{api="costs"}')).toBe(0);
    expect(await self('openai_up{api="user_costs"}')).toBe(1);
  });

  test('that add up to something else are shown with the difference, which is said once a day', async () => {
    const day = seconds('2026-05-03T00:00Z');
    const { until, api, log, exporter } = live(start, [], (script) => {
      // Of one settled day a row is missing; today is not compared.
      script.rows = (at, by) => (isByUser(by) && (at === day || at >= seconds('2026-05-15T00:00Z')) ? [] : parts(by));
    });
    await until('2026-05-15T14:00:00Z');
    expect(shown(difference)).toEqual({ usd: -1.8 });
    const said = log.of('warn').filter((line) => line.includes('costs by user'));
    expect(said).toEqual([expect.stringContaining('1.80 usd less than costs by project')]);
    const [usdStatus] = exporter.overview().spend.currencies;
    expect(usdStatus?.users?.difference).toBe(-1.8);
    await until('2026-05-16T14:00:00Z');
    expect(log.of('warn').filter((line) => line.includes('costs by user'))).toHaveLength(2);
    api.rows = (_, by) => parts(by);
    await until('2026-05-17T14:00:00Z');
    expect(shown(difference)).toEqual({ usd: 0 });
  });

  test('follow restatements, and turn with the month', async () => {
    const day = seconds('2026-05-20T00:00Z');
    const { until, api } = live('2026-05-30T12:00:30Z', [], (script) => {
      script.rows = () => [usd('1', { user_id: 'ann' })];
    });
    await until('2026-05-30T12:02:00Z');
    expect(shown(monthToDate)).toEqual({ 'usd ann': 30 });
    api.rows = (at) => [usd(at === day ? '0.25' : '1', { user_id: 'ann' })];
    await until('2026-05-31T23:59:59Z');
    expect(shown(monthToDate)).toEqual({ 'usd ann': 30.25 });
    await until('2026-06-01T00:00:00Z');
    expect(shown(monthToDate)).toEqual({});
    expect(shown(previousMonth)).toEqual({ 'usd ann': 30.25 });
    await until('2026-06-01T00:30:00Z');
    expect(shown(monthToDate)).toEqual({ 'usd ann': 1 });
  });

  test('go by the filters that costs go by', async () => {
    const { api, until } = live(start, ['--poll.project-ids=a', '--poll.api-key-ids=k'], (script) => {
      script.rows = (_, by) => (isByUser(by) ? parts(by) : [usd('1.8', { project_id: 'a' })]);
    });
    await until(afterwards);
    expect(shown(monthToDate)).toEqual({ 'usd ann': 4.5, 'usd ben': 15, 'usd none': 7.5 });
    expect(shown(difference)).toEqual({ usd: 0 });
    expect(api.asked.length).toBeGreaterThan(2);
  });
});

test('that OpenAI does not grant by user are absent, and that is said and no failure', async () => {
  const organization = createOrganization({
    seed: 7,
    createdAt: seconds('2026-03-01T00:00Z'),
    profile: { groups: { costs: 60 }, apis: ['costs'] },
  });
  const faults = [refuseDimension('costs', 'user_id', { to: Date.parse('2026-05-15T23:00Z') })];
  const simulated = runSimulated({ organization, start, flags: ['--poll.apis=costs'], faults });
  running = simulated;
  const { until, self, log, exporter } = simulated;
  await until('2026-05-15T12:30:00Z');
  expect([shown(monthToDate), shown(previousMonth), shown(difference)]).toEqual([{}, {}, {}]);
  expect(exporter.overview().spend.currencies.map(({ users }) => users)).toEqual([null]);
  expect(await self('openai_exporter_dimension_refused{api="user_costs",dimension="user_id"}')).toBe(1);
  expect(log.of('warn', 'error')).toEqual([expect.stringMatching(/user_costs.* does not grant grouping by user_id/)]);
  expect(await self('openai_up{api="user_costs"}')).toBe(1);
  expect(await self('openai_exporter_poll_failures_total{api="user_costs",reason="rejected"}')).toBe(0);
  // The first read does not ask for it.
  expect(Object.keys(shown(byProject)).length).toBeGreaterThan(4);
  expect(await self('openai_exporter_dimension_refused{api="costs",dimension="user_id"}')).toBe(undefined);
  // It is tried again each day, and then they are there.
  await until('2026-05-16T01:00:00Z');
  expect(Object.keys(shown(monthToDate)).length).toBeGreaterThan(4);
  expect(shown(difference)).toEqual({ usd: 0 });
});

test('on the simulated organization the sum by user is the sum by project, and that of the truth', async () => {
  const organization = createOrganization({
    seed: 7,
    createdAt: seconds('2026-03-01T00:00Z'),
    profile: { groups: { costs: 60 }, apis: ['costs'], secondCurrency: true },
  });
  const simulated = runSimulated({ organization, start, flags: ['--poll.apis=costs'] });
  running = simulated;
  await simulated.clock.advance(1_000);
  const span = { from: seconds('2026-05-01T00:00Z'), to: seconds('2026-05-16T00:00Z') };
  const truth = organization.truth.costs(span, { at: Date.parse(start), groupBy: ['user_id'] });
  const expected = truth.flatMap(({ labels, currency, amount }) =>
    amount === null || amount === 0n ? [] : [[`${currency} ${labels[0] ?? 'none'}`, Number(amountToDecimal(amount))]],
  );
  expect(expected.length).toBeGreaterThan(4);
  const found = Object.entries(shown(monthToDate)).filter(([, value]) => value !== 0);
  expect(Object.fromEntries(found)).toEqual(Object.fromEntries(expected));
  expect(shown(difference)).toEqual({ eur: 0, usd: 0 });
});

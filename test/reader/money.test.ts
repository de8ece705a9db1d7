/** Costs of months, from the API's words to the page, through midnights and failures. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { costsByKeySince } from '../../src/openai/catalogue.ts';
import { amountScale } from '../../src/simulation/billing.ts';
import { amountToDecimal } from '../../src/simulation/costs.ts';
import { createOrganization } from '../../src/simulation/organization.ts';
import { type CostRow, type CostsApi, type CostsExporter, runOnCosts } from '../helpers/costs-api.ts';
import { valuesOf } from '../helpers/exposition.ts';
import { seconds } from '../helpers/rows.ts';
import { type RunningExporter, runSimulated } from '../helpers/running-exporter.ts';

const monthToDate = 'openai_costs_month_to_date_amount_value';
const previousMonth = 'openai_costs_previous_month_amount_value';
const recent = 'openai_usage_costs_amount_value';
const day = 86_400;

let running: RunningExporter | undefined;
// Days are lived through here, on machines that may have other things to do.
vi.setConfig({ testTimeout: 60_000 });

afterEach(async () => {
  await running?.end();
  running = undefined;
});

function live(...given: Parameters<typeof runOnCosts>): Shown<CostsExporter> {
  const costs = runOnCosts(...given);
  running = costs;
  return showing(costs);
}

type Shown<T> = T & {
  /** Values of a metric by its label values, joined by spaces. */
  shown(metric: string): Record<string, number>;
};

function showing<T extends RunningExporter>(exporter: T): Shown<T> {
  return { ...exporter, shown: (metric) => valuesOf(exporter.text(), metric) };
}

const usd = (value: unknown, project = 'a'): CostRow => ({
  project_id: project,
  line_item: null,
  api_key_id: null,
  amount: { value, currency: 'usd' },
});

/** One unit a day. */
const steady = (api: CostsApi) => {
  api.rows = () => [usd('1')];
};

const byProject = '--poll.group-by=project_id';

describe('month to date and previous month', () => {
  test('are the sums of all days, today included, and of all days of the month before', async () => {
    const { shown, until } = live('2026-05-15T12:00:30Z', [byProject], steady);
    await until('2026-05-15T12:02:00Z');
    expect(shown(monthToDate)).toEqual({ 'usd a': 15 });
    expect(shown(previousMonth)).toEqual({ 'usd a': 30 });
  });

  test('add digit by digit, each currency apart, and refuse what is no amount', async () => {
    const rows: Record<number, readonly CostRow[]> = {
      [seconds('2026-05-01T00:00Z')]: [usd('0.1'), usd(0.2), usd('-0.0000000000000000000000000000000003', 'b')],
      [seconds('2026-05-02T00:00Z')]: [
        usd('0E-6176'),
        usd('0.3000000000000000000000000000000001'),
        usd('1e2', 'b'),
        { ...usd('7'), amount: { value: '7', currency: 'EUR' } },
      ],
      [seconds('2026-05-03T00:00Z')]: [
        usd('NaN'),
        usd('1e999'),
        usd(''),
        usd('-100', 'b'),
        { project_id: 'a', quantity: 5, quantity_unit: 'tokens' },
        { ...usd(0), amount: null },
        usd('0E-6176', 'never more than nothing'),
      ],
    };
    const { shown, until, self, api } = live('2026-05-03T12:00:30Z', [byProject], (script) => {
      script.rows = (start) => rows[start] ?? [];
    });
    await until('2026-05-03T12:02:00Z');
    expect(shown(monthToDate)).toEqual({ 'usd a': 0.6, 'eur a': 7, 'usd b': -3e-34 });
    expect(shown(previousMonth)).toEqual({});
    const reads = api.asked.filter(({ to }) => to > seconds('2026-05-03T00:00Z')).length;
    expect(await self('openai_exporter_malformed_rows_total{api="costs"}')).toBe(3 * reads);
  });

  test('change with the clock alone', async () => {
    const { shown, until, api, clock } = live('2026-05-31T23:30:30Z', [byProject], steady);
    await until('2026-05-31T23:59:59Z');
    expect(shown(monthToDate)).toEqual({ 'usd a': 31 });
    expect(shown(previousMonth)).toEqual({ 'usd a': 30 });
    const asked = api.asked.length;
    await until('2026-06-01T00:00:00Z');
    await clock.drain();
    expect(api.asked.length).toBe(asked);
    expect(shown(monthToDate)).toEqual({});
    expect(shown(previousMonth)).toEqual({ 'usd a': 31 });
  });

  test('begin at 0 for what was used in the month before, once a read of the new one succeeded', async () => {
    const { shown, until, api } = live('2026-05-31T23:30:30Z', [byProject], (script) => {
      script.rows = (start) => (start < seconds('2026-06-01T00:00Z') ? [usd('1')] : []);
    });
    await until('2026-05-31T23:59:59Z');
    api.fails = () => ({ reason: 'auth' });
    await until('2026-06-01T03:00:00Z');
    expect(shown(monthToDate)).toEqual({});
    expect(shown(previousMonth)).toEqual({ 'usd a': 31 });
    api.fails = () => undefined;
    await until('2026-06-01T03:30:00Z');
    expect(shown(monthToDate)).toEqual({ 'usd a': 0 });
  });

  test('stay what they were while nothing can be read', async () => {
    const { shown, until, api } = live('2026-05-15T23:00:30Z', [byProject], steady);
    await until('2026-05-15T23:02:00Z');
    api.fails = () => ({ reason: 'network' });
    await until('2026-05-16T02:00:00Z');
    expect(shown(recent)).toEqual({});
    expect(shown(monthToDate)).toEqual({ 'usd a': 15 });
    expect(shown(previousMonth)).toEqual({ 'usd a': 30 });
    api.fails = () => undefined;
    await until('2026-05-16T02:40:00Z');
    expect(shown(monthToDate)).toEqual({ 'usd a': 16 });
  });

  test('an outage leaves days in progress as they were last known, until they can be read', async () => {
    const { shown, until, api, clock } = live('2026-05-15T12:00:30Z', [byProject], steady);
    await until('2026-05-15T12:02:00Z');
    const gap = [seconds('2026-05-14T00:00Z'), seconds('2026-05-16T00:00Z')] as const;
    // The machine sleeps for some days.
    clock.step(4 * day * 1_000);
    api.fails = (from, to) => (from < gap[1] && to > gap[0] ? { reason: 'server' } : undefined);
    api.rows = () => [usd('2')];
    await until('2026-05-19T12:40:00Z');
    // The days up to the 15th as known on the 15th; those after it as they are polled.
    expect(shown(monthToDate)).toEqual({ 'usd a': 15 + 4 * 2 });
    expect(Object.keys(shown(recent)).length).toBeGreaterThan(0);
    api.fails = () => undefined;
    await until('2026-05-19T13:30:00Z');
    expect(shown(monthToDate)).toEqual({ 'usd a': 38 });
  });
});

describe('days that cannot be read', () => {
  const missing = seconds('2026-04-10T00:00Z');

  test.each(['server', 'malformed', 'rejected', 'too_large', 'timeout', 'network'] as const)(
    'of the month before (%s) keep that month away, nothing else',
    async (reason) => {
      const { shown, until, api } = live('2026-05-15T12:00:30Z', [byProject], (script) => {
        steady(script);
        script.fails = (from, to) => (from <= missing && missing < to ? { reason } : undefined);
      });
      await until('2026-05-15T13:30:00Z');
      expect(shown(monthToDate)).toEqual({ 'usd a': 15 });
      expect(shown(previousMonth)).toEqual({});
      expect(shown(recent)).toEqual({ '1d settled usd a': 1, '1d settling usd a': 1, '1d open usd a': 1 });
      const before = api.asked.length;
      api.fails = () => undefined;
      await until('2026-05-15T13:50:00Z');
      expect(shown(previousMonth)).toEqual({ 'usd a': 30 });
      // What was read once is not asked for again.
      const again = api.asked.slice(before).filter(({ from }) => from < seconds('2026-04-03T00:00Z'));
      expect(again).toEqual([]);
    },
  );

  test('of the running month leave the sum of the others', async () => {
    const gap = seconds('2026-05-05T00:00Z');
    const { shown, until } = live('2026-05-15T12:00:30Z', [byProject], (script) => {
      steady(script);
      script.fails = (from, to) => (from <= gap && gap < to ? { reason: 'server' } : undefined);
    });
    await until('2026-05-15T13:30:00Z');
    const sum = shown(monthToDate)['usd a'] ?? 0;
    // Days of the same request and behind it are missing, too; recent ones never are.
    expect(sum).toBeGreaterThanOrEqual(4);
    expect(sum).toBeLessThanOrEqual(14);
    expect(shown(previousMonth)).toEqual({ 'usd a': 30 });
  });

  test('because the API does not go back so far are asked for once, and said once', async () => {
    const reach = seconds('2026-04-20T00:00Z');
    const { shown, until, api, log } = live('2026-05-30T12:00:30Z', [byProject], (script) => {
      steady(script);
      script.fails = (from) => (from < reach ? { reason: 'rejected', code: 'reporting_lookback_exceeded' } : undefined);
    });
    await until('2026-05-31T03:30:00Z');
    expect(shown(monthToDate)).toEqual({ 'usd a': 31 });
    expect(shown(previousMonth)).toEqual({});
    expect(api.asked.filter(({ from }) => from < reach).length).toBe(1);
    expect(log.of('warn', 'error')).toEqual([
      expect.stringContaining('the days from 2026-04-01 up to, not including, 2026-05-01'),
    ]);
    await until('2026-06-01T02:00:00Z');
    expect(shown(previousMonth)).toEqual({ 'usd a': 31 });
  });
});

describe('costs by key, which the API grants since a certain day only', () => {
  const byKeyRefused = (api: CostsApi) => {
    steady(api);
    api.fails = (from, _, by) =>
      by.includes('api_key_id') && from < costsByKeySince
        ? {
            reason: 'rejected',
            status: 400,
            detail: `group_by=api_key_id is not available for this time range. Try a start_time on or after ${costsByKeySince}.`,
          }
        : undefined;
  };

  test.each([
    ['2025-12-05T12:00:30Z', { 'usd a none none': 5 }, { 'usd a none none': 30 }],
    ['2025-12-20T12:00:30Z', { 'usd a none none': 20 }, { 'usd a none none': 30 }],
    ['2026-01-05T12:00:30Z', { 'usd a none none': 5 }, { 'usd a none none': 31 }],
    ['2026-02-05T12:00:30Z', { 'usd a none none none': 5 }, { 'usd a none none none': 31 }],
  ])(
    'at %s come without the key as long as older days are needed, and no amount is lost',
    async (start, sum, before) => {
      const { shown, clock } = live(start, [], byKeyRefused);
      await clock.advance(240_000);
      expect(shown(monthToDate)).toEqual(sum);
      expect(shown(previousMonth)).toEqual(before);
    },
  );
});

describe('reads', () => {
  test('come each idle interval, each hour and each day for what each is due', async () => {
    const { until, api } = live('2026-05-15T12:00:30Z', [byProject], steady);
    await until('2026-05-15T12:30:00Z');
    const days = new Set(api.asked.flatMap(({ from, to }) => range(from, to)));
    expect([...days].sort((a, b) => a - b)).toEqual(range(seconds('2026-04-01T00:00Z'), seconds('2026-05-16T00:00Z')));
    const start = api.asked.length;
    await until('2026-05-16T12:30:00Z');
    const later = api.asked.slice(start);
    const reads = (date: string) => {
      const at = seconds(`${date}T00:00Z`);
      return later.filter(({ from, to }) => from <= at && at < to).length;
    };
    expect(reads('2026-05-16')).toBeGreaterThanOrEqual(12.5 * 6);
    expect(reads('2026-05-15')).toBeGreaterThanOrEqual(24 * 6);
    // Settled, but of the last three days: hourly. Older: daily.
    expect(reads('2026-05-13')).toBeGreaterThanOrEqual(23);
    expect(reads('2026-05-13')).toBeLessThanOrEqual(26);
    expect(reads('2026-05-02')).toBe(1);
    expect(reads('2026-04-01')).toBe(1);
    expect(later.length / 24 / 60).toBeLessThan(0.5);
  });

  test('of days long past find what was restated, and count it', async () => {
    const { shown, until, api, self } = live('2026-05-15T12:00:30Z', [byProject], steady);
    await until('2026-05-15T12:02:00Z');
    const changed = new Map([
      [seconds('2026-05-03T00:00Z'), '1.25'],
      [seconds('2026-04-03T00:00Z'), '0.5'],
    ]);
    api.rows = (start) => [usd(changed.get(start) ?? '1')];
    await until('2026-05-16T01:00:00Z');
    expect(shown(monthToDate)).toEqual({ 'usd a': 16.25 });
    expect(shown(previousMonth)).toEqual({ 'usd a': 29.5 });
    expect(await self('openai_exporter_restatements_total{api="costs",direction="up"}')).toBe(1);
    expect(await self('openai_exporter_restatements_total{api="costs",direction="down"}')).toBe(1);
  });
});

describe('the change of the month', () => {
  test('keeps the month before known at every minute, and lets go of groups that are in neither', async () => {
    const { shown, until, api, exporter } = live('2026-05-30T12:00:30Z', [byProject], (script) => {
      script.rows = (start) => (start < seconds('2026-05-01T00:00Z') ? [usd('1', 'old'), usd('1')] : [usd('1')]);
    });
    await until('2026-05-31T23:59:00Z');
    expect(shown(previousMonth)).toEqual({ 'usd old': 30, 'usd a': 30 });
    const known = exporter.apis[0]?.account.ledger.groups.size ?? 0;
    for (let minute = 0; minute < 90; minute++) {
      await until(new Date(Date.UTC(2026, 5, 1, 0, minute, 1)).toISOString());
      expect(shown(previousMonth)['usd a']).toBe(31);
    }
    expect(shown(previousMonth)).toEqual({ 'usd a': 31 });
    expect(shown(monthToDate)).toEqual({ 'usd a': 1 });
    expect(exporter.apis[0]?.account.ledger.groups.size).toBeLessThan(known);
    expect(api.asked.every(({ from }) => from % day === 0)).toBe(true);
  });

  test('leaves the gauges and the polls alone while an old day cannot be read', async () => {
    const missing = seconds('2026-05-10T00:00Z');
    const { shown, until, api } = live('2026-05-31T23:30:30Z', [byProject], steady);
    await until('2026-05-31T23:50:00Z');
    api.fails = (from, to) => (from <= missing && missing < to ? { reason: 'server' } : undefined);
    await until('2026-06-01T06:00:00Z');
    expect(shown(previousMonth)).toEqual({ 'usd a': 31 });
    expect(shown(monthToDate)).toEqual({ 'usd a': 1 });
    expect(Object.keys(shown(recent))).toHaveLength(3);
  });

  test('of a process that began under a yearly anchor is the same', async () => {
    const { shown, until } = live('2026-05-31T23:50:30Z', [byProject, '--counters.anchor=year'], steady);
    await until('2026-06-01T02:00:00Z');
    expect(shown(previousMonth)).toEqual({ 'usd a': 31 });
    expect(shown(monthToDate)).toEqual({ 'usd a': 1 });
  });

  test('that the clock took back is taken back', async () => {
    const { shown, until, clock } = live('2026-05-31T23:30:30Z', [byProject], steady);
    await until('2026-05-31T23:32:00Z');
    clock.step(3_600_000);
    await clock.advance(900_000);
    expect(shown(monthToDate)).toEqual({ 'usd a': 1 });
    clock.step(-3_600_000);
    await clock.advance(20_000);
    expect(shown(monthToDate)).toEqual({ 'usd a': 31 });
    // Its days were let go of; until they are read again they are not known.
    expect(shown(previousMonth)).toEqual({});
  });
});

test('groups past the bound are folded, and no amount is lost', async () => {
  const { shown, until } = live('2026-05-10T12:00:30Z', [byProject, '--series.max-groups=2'], (api) => {
    api.rows = () => ['a', 'b', 'c', 'd'].map((project) => usd('0.1', project));
  });
  await until('2026-05-10T12:02:00Z');
  expect(shown(monthToDate)).toEqual({ 'usd a': 1, 'usd b': 1, 'usd other': 2 });
});

test('budgets are shown as they were given, and only if they were', async () => {
  const flags = ['--budget.monthly=1000.50', '--budget.monthly-project=a=200,say "b"=0.1'];
  const { shown, until, end } = live('2026-05-10T12:00:30Z', flags);
  await until('2026-05-10T12:02:00Z');
  expect(shown('openai_organization_budget_amount')).toEqual({ usd: 1000.5 });
  expect(shown('openai_project_budget_amount')).toEqual({ 'usd a': 200, 'usd say "b"': 0.1 });
  await end();
  const none = live('2026-05-10T12:00:30Z');
  await none.until('2026-05-10T12:02:00Z');
  expect(none.shown('openai_organization_budget_amount')).toEqual({});
});

describe('on the simulated organization', () => {
  const dimensions = ['project_id', 'line_item', 'api_key_id', 'api_source'];
  const organizationWith = (costsRestated: number) =>
    createOrganization({
      seed: 7,
      createdAt: seconds('2026-03-01T00:00Z'),
      profile: { groups: { costs: 40 }, apis: ['costs'], secondCurrency: true, costsRestated },
    });
  let organization = organizationWith(0.3);

  /** @param faultyUntil until then, a third of all requests fail */
  const simulated = (start: string, faultyUntil = start) => {
    running = runSimulated({
      organization,
      start,
      flags: ['--poll.apis=costs'],
      faults: [{ when: { chance: 0.3, to: Date.parse(faultyUntil) }, fault: { kind: 'status', status: 500 } }],
    });
    return showing(running);
  };

  /** The amounts by labels, as the API shows them at an instant, exactly. */
  function truth(from: string, to: string, at: number, groupBy = dimensions): Map<string, bigint> {
    const span = { from: seconds(`${from}T00:00Z`), to: seconds(`${to}T00:00Z`) };
    const found = new Map<string, bigint>();
    for (const { labels, currency, amount } of organization.truth.costs(span, { at, groupBy })) {
      if (amount === null) continue;
      const key = [currency, ...labels.map((label) => (label === null || label === '' ? 'none' : label))].join(' ');
      // A project that is null and one that is empty are both none.
      found.set(key, (found.get(key) ?? 0n) + amount);
    }
    return found;
  }

  function expectEqual(shown: Record<string, number>, expected: Map<string, bigint>): void {
    const wanted = [...expected].filter(([, amount]) => amount !== 0n);
    expect(wanted.length).toBeGreaterThan(0);
    expect(Object.fromEntries(Object.entries(shown).filter(([, value]) => value !== 0))).toEqual(
      Object.fromEntries(wanted.map(([key, amount]) => [key, Number(amountToDecimal(amount))])),
    );
  }

  test.each([
    ['2026-05-01T00:00:20Z', '2026-04-01', '2026-05-01', '2026-05-02'],
    ['2026-05-01T06:30:00Z', '2026-04-01', '2026-05-01', '2026-05-02'],
    ['2026-05-15T12:00:30Z', '2026-04-01', '2026-05-01', '2026-05-16'],
    ['2026-05-31T23:58:00Z', '2026-04-01', '2026-05-01', '2026-06-01'],
  ])('a process started at %s shows what the API knows then', async (start, previous, month, tomorrow) => {
    const { clock, shown } = simulated(start);
    await clock.advance(1_000);
    const at = Date.parse(start);
    if (at >= Date.parse(`${month}T01:00Z`)) expectEqual(shown(monthToDate), truth(month, tomorrow, at));
    expectEqual(shown(previousMonth), truth(previous, month, at));

    // Group by group it is the API's ungrouped sum, to the cent.
    for (const [currency, amount] of truth(previous, month, at, [])) {
      const sum = Object.entries(shown(previousMonth))
        .filter(([labels]) => labels.startsWith(currency))
        .reduce((total, [, value]) => total + value, 0);
      expect(sum).toBeCloseTo(Number(amount) / 10 ** amountScale, 6);
    }
  });

  test('a process that lived through the change of the month, and a faulty API, has the same', async () => {
    // Settled days are final here, so that what was read hours ago is what the API still says.
    organization = organizationWith(0);
    const { shown, until, exporter } = simulated('2026-05-31T20:00:00Z', '2026-06-01T03:00:00Z');
    await until('2026-06-01T00:20:00Z');
    await until('2026-06-01T06:00:00Z');
    const { up, lastPoll = 0 } = exporter.apis[0]?.status ?? {};
    expect(up).toBe(true);
    expectEqual(shown(monthToDate), truth('2026-06-01', '2026-06-02', lastPoll));
    expectEqual(shown(previousMonth), truth('2026-05-01', '2026-06-01', lastPoll));
  });
});

function range(from: number, to: number): number[] {
  return Array.from({ length: (to - from) / day }, (_, index) => from + index * day);
}

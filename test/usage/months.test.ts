/** Sums of months: exact in whatever order days come, change and go. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Bucket, collectBucket } from '../../src/usage/bucket.ts';
import { Ledger } from '../../src/usage/ledger.ts';
import { DaySums, MonthSums, monthDays, monthsAt } from '../../src/usage/months.ts';
import { endpointNamed, rawBucket, seconds } from '../helpers/rows.ts';
import { propertyRuns, propertyTimeout } from '../helpers/runs.ts';

const costs = endpointNamed('costs');
const amount = costs.fields.findIndex(({ name }) => name === 'amount_value');
const runs = { numRuns: propertyRuns };

function ledgerWith(maxGroups = 100): Ledger {
  return new Ledger({
    endpoint: costs,
    dimensions: ['project_id'],
    maxGroups,
    anchor: 0,
    clock: { now: () => seconds('2026-06-01T00:00Z') * 1_000 },
  });
}

interface Spent {
  readonly project: string;
  readonly value: string | null;
  readonly currency?: string;
}

function dayOf(ledger: Ledger, start: number, spent: readonly Spent[]): Bucket {
  const raw = rawBucket(
    '1d',
    start,
    spent.map(({ project, value, currency = 'usd' }) => ({
      labels: [project],
      fields: value === null ? {} : { amount_value: value },
      units: { amount_value: currency },
    })),
  );
  const bucket = collectBucket(raw, '1d', (start + 86_400) * 1_000, 0, ledger.groups, ledger.fields);
  if (bucket === undefined) throw new Error('not whole');
  return bucket;
}

/** Amounts as 10^-40, exactly. */
function scaled(text: string): bigint {
  const match = /^(-?)(\d+)(?:\.(\d*))?(?:e([+-]?\d+))?$/.exec(text);
  if (match === null) throw new Error(text);
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match;
  const digits = BigInt(whole + fraction) * 10n ** BigInt(40 - fraction.length + Number(exponent));
  return sign === '-' ? -digits : digits;
}

test.each([
  ['2026-01-01T00:00:00Z', '2025-12-01', '2026-01-01', '2026-02-01'],
  ['2025-12-31T23:59:59.999Z', '2025-11-01', '2025-12-01', '2026-01-01'],
  ['2024-03-15T12:00:00Z', '2024-02-01', '2024-03-01', '2024-04-01'],
])('at %s the months are known', (now, previous, running, next) => {
  const [a, b, c] = [previous, running, next].map((date) => seconds(`${date}T00:00Z`));
  expect(monthsAt(Date.parse(now))).toEqual({ previous: a, running: b, next: c });
});

describe('the days of both months', () => {
  const noon = Date.parse('2024-03-02T12:00Z');
  const put = (ledger: Ledger, from: string, to: string) => {
    for (let start = seconds(`${from}T00:00Z`); start < seconds(`${to}T00:00Z`); start += 86_400) {
      ledger.put(dayOf(ledger, start, [{ project: 'a', value: '1' }]));
    }
  };

  test('are complete in the month before only with every day, in a leap year too', () => {
    const ledger = ledgerWith();
    put(ledger, '2024-02-01', '2024-02-29');
    expect(monthDays(ledger, noon).previousComplete).toBe(false);
    put(ledger, '2024-02-29', '2024-03-01');
    expect(monthDays(ledger, noon).previousComplete).toBe(true);
    expect(monthDays(ledger, noon).running).toEqual([]);
  });

  test('end with today, whatever a wrong clock left', () => {
    const ledger = ledgerWith();
    put(ledger, '2024-03-01', '2024-03-06');
    expect(monthDays(ledger, noon).running).toHaveLength(2);
  });
});

describe('sums', () => {
  const decimal = fc
    .tuple(
      fc.boolean(),
      fc.bigInt(0n, 10n ** 34n - 1n),
      fc.integer({ min: 0, max: 34 }),
      fc.integer({ min: -6, max: 6 }),
    )
    .map(([minus, digits, places, exponent]) => {
      const text = digits.toString().padStart(places + 1, '0');
      const point = text.length - places;
      const tail = places === 0 ? '' : `.${text.slice(point)}`;
      return `${minus ? '-' : ''}${text.slice(0, point)}${tail}${exponent === 0 ? '' : `e${exponent}`}`;
    });
  const spent = fc.record({
    project: fc.constantFrom('a', 'b', 'c'),
    value: fc.option(decimal, { nil: null, freq: 5 }),
    currency: fc.constantFrom('usd', 'eur'),
  });
  const rows = fc.array(spent, { maxLength: 6 });
  /** The days that are known, one state after another; undefined: the day is not there. */
  const story = fc.array(fc.array(fc.option(rows, { nil: undefined }), { minLength: 1, maxLength: 5 }), {
    minLength: 1,
    maxLength: 5,
  });

  test(
    'are exact by group, and over all groups the same as without groups',
    () => {
      fc.assert(
        fc.property(story, (states) => {
          const ledger = ledgerWith();
          const sums = new DaySums(amount);
          for (const state of states) {
            const days = state.flatMap((each, index) =>
              each === undefined ? [] : [dayOf(ledger, index * 86_400, each)],
            );
            sums.update(days);

            const expected = new Map<string, bigint>();
            for (const { project, currency, value } of state.flatMap((each) => each ?? [])) {
              if (value === null) continue;
              const key = `currency="${currency}",project_id="${project}"`;
              expected.set(key, (expected.get(key) ?? 0n) + scaled(value));
            }
            const shown = new Map<string, bigint>();
            for (let group = 0; group < ledger.groups.size; group++) {
              if (sums.has(group)) shown.set(ledger.groups.text(group), scaled(sums.exact(group)));
            }
            expect(shown).toEqual(expected);
          }
        }),
        runs,
      );
    },
    propertyTimeout,
  );

  test(
    'with folded groups lose nothing',
    () => {
      fc.assert(
        fc.property(fc.array(rows, { minLength: 1, maxLength: 4 }), (days) => {
          const ledger = ledgerWith(1);
          const sums = new DaySums(amount);
          sums.update(days.map((each, index) => dayOf(ledger, index * 86_400, each)));
          let total = 0n;
          for (let group = 0; group < ledger.groups.size; group++) total += scaled(sums.exact(group));
          const expected = days.flat().reduce((sum, { value }) => sum + (value === null ? 0n : scaled(value)), 0n);
          expect(total).toBe(expected);
        }),
        runs,
      );
    },
    propertyTimeout,
  );

  test('are right again when one of many days has changed', () => {
    const ledger = ledgerWith(10_000);
    const projects = Array.from({ length: 5_000 }, (_, index) => ({ project: `p${index}`, value: '0.1' }));
    const days = [0, 1, 2].map((index) => dayOf(ledger, index * 86_400, projects));
    const sums = new DaySums(amount);
    sums.update(days);
    sums.update(days.with(1, dayOf(ledger, 86_400, projects.slice(1))));
    const of = (project: string) => sums.exact(ledger.groups.find(`currency="usd",project_id="${project}"`) ?? -1);
    expect([of('p0'), of('p1')]).toEqual(['0.2', '0.3']);
  });
});

test('the sums of a month stay when it has become the month before, and go with the ledger', () => {
  const sums = new MonthSums(amount);
  const ledger = ledgerWith();
  const may = sums.of(ledger, Date.parse('2026-05-31T23:59Z')).running;
  const june = sums.of(ledger, Date.parse('2026-06-01T00:00Z'));
  expect(june.previous).toBe(may);
  expect(june.running).not.toBe(may);
  expect(sums.of(ledgerWith(), Date.parse('2026-06-01T00:00Z')).previous).not.toBe(may);
});

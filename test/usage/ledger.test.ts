/** Tests that what is known does not depend on the order in which it came. */
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { type Width, widthSeconds } from '../../src/openai/catalogue.ts';
import { type Bucket, collectBucket } from '../../src/usage/bucket.ts';
import { cover, coveredThrough } from '../../src/usage/cover.ts';
import { Ledger } from '../../src/usage/ledger.ts';
import { Totals } from '../../src/usage/totals.ts';
import { endpointNamed, type Row, rawBucket, seconds } from '../helpers/rows.ts';
import { propertyRuns, propertyTimeout } from '../helpers/runs.ts';

vi.setConfig({ testTimeout: propertyTimeout });

const endpoint = endpointNamed('embeddings');
const anchor = seconds('2026-05-01T00:00Z');
const end = anchor + 2 * 86_400;
const late = (anchor + 30 * 86_400) * 1_000;

function newLedger(now = late) {
  return new Ledger({ endpoint, dimensions: ['model'], maxGroups: 100, anchor, clock: { now: () => now } });
}

function bucketOf(ledger: Ledger, width: Width, start: number, tokens: Record<string, number>, readAt = late): Bucket {
  const rows = Object.entries(tokens).map(
    ([model, input_tokens]): Row => ({ labels: [model], fields: { input_tokens } }),
  );
  const bucket = collectBucket(rawBucket(width, start, rows), width, readAt, 900_000, ledger.groups, ledger.fields);
  if (bucket === undefined) throw new Error('not a whole bucket');
  return bucket;
}

/** Totals of the first field, by model. */
function totalsOf(ledger: Ledger, totals: Totals, to: number): Record<string, number> {
  const column = totals.upTo(to)[0];
  const entries = Array.from({ length: ledger.groups.size }, (_, group) => [
    ledger.groups.values(group)[0] ?? '',
    column?.[group] ?? 0,
  ]);
  return Object.fromEntries(entries.sort());
}

/** A bucket of the first day and a half. */
const bucket = fc
  .record({
    width: fc.constantFrom<Width>('1m', '1h', '1d'),
    at: fc.integer({ min: 0, max: 2_160 - 1 }),
    tokens: fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.integer({ min: 0, max: 100 }), { maxKeys: 3 }),
    read: fc.integer({ min: 0, max: 1_000 }),
  })
  .map(({ width, at, ...rest }) => {
    const instant = anchor + at * 60;
    return { width, start: instant - (instant % widthSeconds[width]), ...rest };
  });

describe('a ledger', () => {
  test('holds of each bucket what was read last, in whatever order it is put in', () => {
    const distinct = fc.uniqueArray(bucket, {
      minLength: 1,
      maxLength: 25,
      selector: ({ width, start, read }) => `${width}/${start}/${read}`,
    });
    fc.assert(
      fc.property(distinct, fc.infiniteStream(fc.nat()), (buckets, random) => {
        const shuffled = buckets
          .map((each) => ({ each, by: random.next().value ?? 0 }))
          .sort((a, b) => a.by - b.by)
          .map(({ each }) => each);
        const ordered = [...buckets].sort((a, b) => a.read - b.read);
        const [one, other] = [ordered, shuffled].map((order) => {
          const ledger = newLedger();
          const totals = new Totals(ledger);
          for (const [index, { width, start, tokens, read }] of order.entries()) {
            ledger.put(bucketOf(ledger, width, start, tokens, late - 1_000 + read));
            // Asked in between, for sums are kept.
            if (index % 8 === 7) totals.upTo(end);
          }
          const used = Object.entries(totalsOf(ledger, totals, end)).filter(([, sum]) => sum > 0);
          return Object.fromEntries(used);
        });
        expect(one).toEqual(other);
      }),
      { numRuns: propertyRuns },
    );
  });

  test('counts no instant twice, and each by the widest bucket that has settled', () => {
    fc.assert(
      fc.property(fc.array(bucket, { maxLength: 30 }), fc.integer({ min: 0, max: 2_880 }), (buckets, minutes) => {
        const ledger = newLedger();
        for (const { width, start, tokens } of buckets) ledger.put(bucketOf(ledger, width, start, tokens));
        const to = anchor + minutes * 60;
        let position = anchor;
        for (const each of cover(ledger.settled, anchor, to)) {
          expect(each.start).toBeGreaterThanOrEqual(position);
          position = each.start + widthSeconds[each.width];
          expect(position).toBeLessThanOrEqual(to);
          for (const wider of ['1h', '1d'] as const) {
            const begin = each.start - (each.start % widthSeconds[wider]);
            const fits = begin >= anchor && begin + widthSeconds[wider] <= to;
            if (widthSeconds[wider] > widthSeconds[each.width] && fits) {
              expect(ledger.settled(wider, begin)).toBeUndefined();
            }
          }
        }
        const through = coveredThrough(ledger.settled, anchor, to);
        expect(through).toBeLessThanOrEqual(to);
      }),
      { numRuns: propertyRuns },
    );
  });

  test('counts as restated what a settled bucket says otherwise, one for each group and field', () => {
    const start = anchor + 3_600;
    const ledger = newLedger();
    const put = (width: Width, at: number, tokens: Record<string, number>) =>
      ledger.put(bucketOf(ledger, width, at, tokens));
    expect(put('1h', start, { a: 5, b: 5 })).toMatchObject({ up: 0, down: 0 });
    expect(put('1h', start, { a: 5, b: 5 })).toMatchObject({ up: 0, down: 0 });
    expect(put('1h', start, { a: 7, b: 4 })).toMatchObject({ up: 1, down: 1 });
    expect(put('1h', start, { a: 7, c: 1 })).toMatchObject({ up: 1, down: 1 });
    expect(put('1h', start, {})).toMatchObject({ up: 0, down: 2 });
  });

  test('counts nothing where it did not know better: a bucket that had not settled, or parts that are not all there', () => {
    const start = anchor + 3_600;
    const ledger = newLedger();
    const open = bucketOf(ledger, '1h', start, { a: 1 }, (start + 3_600 + 60) * 1_000);
    expect(open.settled).toBe(false);
    ledger.put(open);
    expect(ledger.put(bucketOf(ledger, '1h', start, { a: 5 }))).toMatchObject({ up: 0, down: 0 });
    const next = start + 3_600;
    for (let minute = 0; minute < 59; minute++) ledger.put(bucketOf(ledger, '1m', next + minute * 60, { a: 1 }));
    expect(ledger.put(bucketOf(ledger, '1h', next, { a: 500 }))).toMatchObject({ up: 0, down: 0 });
  });

  test('does not let a late answer to an early question undo a later one, but one that a wrong clock read', () => {
    const start = anchor + 3_600;
    const now = (anchor + 86_400) * 1_000;
    const ledger = newLedger(now);
    const totals = new Totals(ledger);
    const to = anchor + 86_400;
    ledger.put(bucketOf(ledger, '1h', start, { a: 9 }, now - 1_000));
    ledger.put(bucketOf(ledger, '1h', start, { a: 5 }, now - 60_000));
    expect(totalsOf(ledger, totals, to)).toEqual({ a: 9 });
    ledger.put(bucketOf(ledger, '1h', start + 3_600, { a: 100 }, now + 86_400_000));
    ledger.put(bucketOf(ledger, '1h', start + 3_600, { a: 1 }, now - 1_000));
    expect(totalsOf(ledger, totals, to)).toEqual({ a: 10 });
  });

  test('goes on from another, but not from what a wrong clock read', () => {
    const start = anchor + 3_600;
    const now = (start + 7_200) * 1_000;
    const earlier = newLedger(now);
    const follower = () => {
      const ledger = newLedger(now);
      ledger.follow(earlier);
      return [ledger.newestSettledEnd('1h'), ledger.newestUsed];
    };
    earlier.put(bucketOf(earlier, '1h', start, { a: 1 }, now));
    const known = [start + 3_600, { start, width: '1h' }];
    expect(follower()).toEqual(known);
    earlier.put(bucketOf(earlier, '1h', start + 86_400, { a: 1 }, now + 2 * 86_400_000));
    expect(earlier.newestSettledEnd('1h')).toBe(start + 86_400 + 3_600);
    expect(follower()).toEqual([undefined, undefined]);
  });
});

import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { type Width, widthSeconds } from '../../src/openai/catalogue.ts';
import { settleDelayOf } from '../../src/usage/settle.ts';
import { type Anchor, anchorAfter, anchorAt, bucketAt, bucketEnd, lastDue, nextDue } from '../../src/usage/windows.ts';
import { endpointNamed, seconds } from '../helpers/rows.ts';
import { propertyRuns, propertyTimeout } from '../helpers/runs.ts';

vi.setConfig({ testTimeout: propertyTimeout });

const at = (text: string) => seconds(text) * 1_000;
const iso = (instant: number) => new Date(instant * 1_000).toISOString().slice(0, 16);

describe('buckets', () => {
  test.each<[Width, string, string]>([
    ['1m', '2026-05-15T12:34:56.789Z', '2026-05-15T12:34'],
    ['1h', '2026-05-15T12:34:56.789Z', '2026-05-15T12:00'],
    ['1d', '2026-05-15T12:34:56.789Z', '2026-05-15T00:00'],
    ['1d', '2026-05-15T00:00:00.000Z', '2026-05-15T00:00'],
    ['1d', '2026-05-14T23:59:59.999Z', '2026-05-14T00:00'],
    ['1d', '2024-02-29T23:59:59.999Z', '2024-02-29T00:00'],
  ])('%s at %s starts %s', (width, instant, start) => {
    expect(iso(bucketAt(Date.parse(instant), width))).toBe(start);
  });

  test('every instant is in one, which starts on the grid of UTC', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4e12 }), fc.constantFrom<Width>('1m', '1h', '1d'), (instant, width) => {
        const start = bucketAt(instant, width);
        expect(start % widthSeconds[width]).toBe(0);
        expect(start * 1_000).toBeLessThanOrEqual(instant);
        expect(bucketEnd(start, width) * 1_000).toBeGreaterThan(instant);
      }),
      { numRuns: propertyRuns },
    );
  });

  test('of costs settle a day after their end, of usage after the delay that is set', () => {
    expect(settleDelayOf(endpointNamed('costs'), 900_000)).toBe(86_400_000);
    expect(settleDelayOf(endpointNamed('completions'), 1_200_000)).toBe(1_200_000);
  });
});

describe('anchors', () => {
  const month: Anchor = { kind: 'month' };
  const year: Anchor = { kind: 'year' };
  const april: Anchor = { kind: 'yearly', month: 4, day: 1 };
  const march: Anchor = { kind: 'yearly', month: 3, day: 1 };
  const newYear: Anchor = { kind: 'yearly', month: 1, day: 1 };
  const last: Anchor = { kind: 'yearly', month: 12, day: 31 };

  test.each<[string, Anchor, string, string]>([
    ['2026-11-20T09:07Z', month, '2026-11-01T00:00', '2026-12-01T00:00'],
    ['2026-12-31T23:59Z', month, '2026-12-01T00:00', '2027-01-01T00:00'],
    ['2027-01-01T00:00Z', month, '2027-01-01T00:00', '2027-02-01T00:00'],
    ['2024-02-29T12:00Z', month, '2024-02-01T00:00', '2024-03-01T00:00'],
    ['2026-11-20T09:07Z', year, '2026-01-01T00:00', '2027-01-01T00:00'],
    ['2024-02-29T12:00Z', year, '2024-01-01T00:00', '2025-01-01T00:00'],
    ['2026-03-31T23:59Z', april, '2025-04-01T00:00', '2026-04-01T00:00'],
    ['2026-04-01T00:00Z', april, '2026-04-01T00:00', '2027-04-01T00:00'],
    ['2024-02-29T12:00Z', march, '2023-03-01T00:00', '2024-03-01T00:00'],
    ['2024-03-01T00:00Z', march, '2024-03-01T00:00', '2025-03-01T00:00'],
    ['2026-06-01T00:00Z', newYear, '2026-01-01T00:00', '2027-01-01T00:00'],
    ['2026-12-30T23:59Z', last, '2025-12-31T00:00', '2026-12-31T00:00'],
  ])('at %s of %j: %s to %s', (instant, anchor, from, to) => {
    expect(iso(anchorAt(at(instant), anchor))).toBe(from);
    expect(iso(anchorAfter(anchorAt(at(instant), anchor), anchor))).toBe(to);
  });

  test('periods follow each other without gap or overlap', () => {
    const anchors = fc.oneof(
      fc.constantFrom(month, year),
      fc.record({
        kind: fc.constant('yearly' as const),
        month: fc.integer({ min: 1, max: 12 }),
        day: fc.integer({ min: 1, max: 28 }),
      }),
    );
    fc.assert(
      fc.property(
        fc.integer({ min: at('2000-01-01T00:00Z'), max: at('2100-01-01T00:00Z') }),
        anchors,
        (now, anchor) => {
          const from = anchorAt(now, anchor);
          const to = anchorAfter(from, anchor);
          expect(from * 1_000).toBeLessThanOrEqual(now);
          expect(to * 1_000).toBeGreaterThan(now);
          expect(from % 86_400).toBe(0);
          expect(anchorAt(to * 1_000, anchor)).toBe(to);
          expect(anchorAt(to * 1_000 - 1, anchor)).toBe(from);
        },
      ),
      { numRuns: propertyRuns },
    );
  });
});

describe('what is due at fixed times', () => {
  test('is due on the clock of UTC, whoever asks', () => {
    expect(lastDue(at('2026-05-15T12:20Z'), 3_600_000, 900_000)).toBe(at('2026-05-15T12:15Z'));
    expect(lastDue(at('2026-05-15T12:15Z'), 3_600_000, 900_000)).toBe(at('2026-05-15T12:15Z'));
    expect(lastDue(at('2026-05-15T12:14Z'), 3_600_000, 900_000)).toBe(at('2026-05-15T11:15Z'));
    expect(nextDue(at('2026-05-15T12:15Z'), 3_600_000, 900_000)).toBe(at('2026-05-15T13:15Z'));
    expect(lastDue(at('2026-05-15T00:14Z'), 86_400_000, 900_000)).toBe(at('2026-05-14T00:15Z'));
  });
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Phase } from '../../src/backfill/backfill-plan.ts';
import { Timeline } from '../../src/backfill/timeline.ts';
import { anchorAt } from '../../src/usage/windows.ts';
import { seconds } from '../helpers/rows.ts';

const monthly = { kind: 'month' } as const;
const minute = 60_000;

interface Given {
  readonly from: string;
  readonly to: string;
  /** Phase, start and end of the bucket, and what each row has used. */
  readonly buckets: readonly (readonly [phase: Phase, start: string, end: string, used: readonly number[]])[];
  readonly settleDelay?: number;
  readonly zeroHold?: number;
}

/** Lines `day hour:minute value,value`; `-` for no sample. */
function timeline({ from, to, buckets, settleDelay = 15 * minute, zeroHold = 2 * minute }: Given): string[] {
  const lines: string[] = [];
  const made = new Timeline({
    fields: 1,
    settleDelay,
    zeroHold,
    anchor: monthly,
    from: seconds(from),
    to: seconds(to),
    emit: (at, [column = new Float64Array()]) => {
      const values = [...column].map((value) => (Number.isNaN(value) ? '-' : String(value)));
      lines.push(`${new Date(at).toISOString().slice(5, 16)} ${values.join(',')}`);
    },
  });
  for (const [phase, start, end, used] of buckets) {
    const cells = used.map((value, row) => [0, row, value] as const);
    made.add({ phase, anchor: anchorAt(seconds(start) * 1_000, monthly), end: seconds(end), cells });
  }
  made.end();
  return lines;
}

describe('the counters of a span', () => {
  test('begin with what there was since the anchor, and each is at 0 before its first value', () => {
    expect(
      timeline({
        from: '2026-05-03T00:00Z',
        to: '2026-05-03T03:00Z',
        buckets: [
          ['before', '2026-05-01T00:00Z', '2026-05-02T00:00Z', [5]],
          ['before', '2026-05-02T00:00Z', '2026-05-03T00:00Z', [2]],
          ['span', '2026-05-03T00:00Z', '2026-05-03T01:00Z', [1]],
          ['span', '2026-05-03T01:00Z', '2026-05-03T02:00Z', [0, 3]],
          ['span', '2026-05-03T02:00Z', '2026-05-03T03:00Z', [1, 3]],
          ['after', '2026-05-03T03:00Z', '2026-05-03T04:00Z', [9, 9, 4]],
        ],
      }),
    ).toEqual(['05-03T00:15 7', '05-03T01:15 8,0', '05-03T02:15 8,3', '05-03T03:15 9,6,0']);
  });

  test('at an anchor show 0 when the page does, and leave what is not used any more after an hour', () => {
    expect(
      timeline({
        from: '2026-05-31T22:00Z',
        to: '2026-06-01T03:00Z',
        buckets: [
          ['span', '2026-05-31T22:00Z', '2026-05-31T23:00Z', [5, 7]],
          ['span', '2026-05-31T23:00Z', '2026-06-01T00:00Z', [1, 0]],
          ['span', '2026-06-01T00:00Z', '2026-06-01T01:00Z', [2, 0, 4]],
          ['span', '2026-06-01T01:00Z', '2026-06-01T02:00Z', [0, 0, 0, 8]],
          ['span', '2026-06-01T02:00Z', '2026-06-01T03:00Z', [0]],
        ],
      }),
    ).toEqual([
      '05-31T22:15 0,0',
      '05-31T23:15 5,7',
      '06-01T00:15 6,7',
      '06-01T00:30 0,0,0',
      '06-01T01:15 2,0,4,0',
      '06-01T02:15 2,-,4,8',
      '06-01T03:15 2,-,4,8',
    ]);
  });

  test('minute by minute keep the old totals until the new period takes over, then 0 for the zero-hold', () => {
    const start = Date.parse('2026-05-31T23:59Z');
    const iso = (at: number) => new Date(at).toISOString();
    const lines = timeline({
      from: '2026-05-31T23:59Z',
      to: '2026-06-01T00:19Z',
      buckets: Array.from({ length: 20 }, (_, index) => [
        'span',
        iso(start + index * minute),
        iso(start + (index + 1) * minute),
        [1],
      ]),
    });
    expect(lines.slice(0, 3)).toEqual(['06-01T00:14 0', '06-01T00:15 1', '06-01T00:16 1']);
    expect(lines.slice(-5)).toEqual([
      '06-01T00:30 0',
      '06-01T00:31 0',
      '06-01T00:32 17',
      '06-01T00:33 18',
      '06-01T00:34 19',
    ]);
    expect(lines.slice(1, 16)).toEqual(lines.slice(1, 16).map((line) => line.replace(/ .*/, ' 1')));
  });

  test('that begins with a period has a 0 first, and one that ends with it a 0 last', () => {
    expect(
      timeline({
        from: '2026-05-01T00:00Z',
        to: '2026-06-01T00:00Z',
        buckets: [
          ['span', '2026-05-01T00:00Z', '2026-05-02T00:00Z', [5]],
          ['span', '2026-05-31T00:00Z', '2026-06-01T00:00Z', [5]],
          ['after', '2026-06-01T00:00Z', '2026-06-01T01:00Z', [1, 1]],
        ],
      }),
    ).toEqual(['05-01T00:30 0', '05-02T00:15 5', '06-01T00:15 10', '06-01T00:30 0,0']);
  });

  test('rise as Prometheus counts by what was used, whatever the delays', () => {
    const day = 24;
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.nat(3), { minLength: 3, maxLength: 3 }), { minLength: 2 * day, maxLength: 2 * day }),
        fc.integer({ min: 1, max: 300 }),
        fc.integer({ min: 1, max: 180 }),
        fc.boolean(),
        (used, settleMinutes, holdMinutes, atAnchor) => {
          const from = (atAnchor ? Date.parse('2026-06-01T00:00Z') : Date.parse('2026-05-31T00:00Z')) / 1_000;
          const risen = [0, 0, 0];
          const shown: number[] = [Number.NaN, Number.NaN, Number.NaN];
          let last = Number.NEGATIVE_INFINITY;
          const made = new Timeline({
            fields: 1,
            settleDelay: settleMinutes * minute,
            zeroHold: holdMinutes * minute,
            anchor: monthly,
            from,
            to: from + used.length * 3_600,
            emit(at, [column = new Float64Array()]) {
              expect(at).toBeGreaterThan(last);
              last = at;
              for (const [row, value] of column.entries()) {
                if (Number.isNaN(value)) continue;
                const before = shown[row] ?? Number.NaN;
                // A series that comes without a 0 before would lose its first value.
                if (Number.isNaN(before)) expect(value).toBe(0);
                else risen[row] = (risen[row] ?? 0) + (value < before ? value : value - before);
                shown[row] = value;
              }
            },
          });
          const add = (phase: Phase, index: number, row: readonly number[]) => {
            const start = from + index * 3_600;
            const anchor = anchorAt(start * 1_000, monthly);
            made.add({ phase, anchor, end: start + 3_600, cells: row.map((value, at) => [0, at, value] as const) });
          };
          for (const [index, row] of used.entries()) add('span', index, row);
          made.end();
          expect(risen).toEqual([0, 1, 2].map((row) => used.reduce((sum, each) => sum + (each[row] ?? 0), 0)));
        },
      ),
      { numRuns: 200 },
    );
  });
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { GroupTable } from '../../src/usage/groups.ts';
import { Handover } from '../../src/usage/handover.ts';

const all = ['project_id', 'api_key_id', 'model'] as const;

/** A table grouped by some dimensions, and what is known of each of its groups. */
function tableOf(
  dimensions: readonly string[],
  rows: readonly (readonly [labels: readonly string[], value: number])[],
) {
  const groups = new GroupTable(dimensions, 1_000);
  const values: number[] = [];
  for (const [labels, value] of rows) {
    const own = dimensions.map((name) => labels[all.indexOf(name as (typeof all)[number])] ?? null);
    const group = groups.intern(own);
    values[group] = (values[group] ?? 0) + value;
  }
  return { groups, values };
}

const label = fc.constantFrom('a', 'b', 'c', 'a","b');
const row = fc.tuple(fc.tuple(label, label, label), fc.nat(1_000));
const grouping = fc.subarray([...all]);

test('new series begin, together, at what those before them have shown: of all, and of each value that both tell apart', () => {
  fc.assert(
    fc.property(grouping, grouping, fc.array(row), fc.array(row, { minLength: 1 }), (before, after, old, rows) => {
      // The same groups go on, for the most part.
      const shown = tableOf(before, old);
      const now = tableOf(after, [...old, ...rows]);
      const handover = Handover.of(
        { groups: shown.groups, flows: [0], shown: (_, group) => shown.values[group] },
        now.groups,
      );
      const total = Float64Array.from(now.values);
      const begins = handover.begin(0, now.groups.size, now.groups, () => true, total);
      const sum = (values: Iterable<number>) => [...values].reduce((all, value) => all + value, 0);
      expect(sum(begins)).toBe(sum(shown.values));
      // Usage only grew, so nothing begins above what it has come to.
      for (const [group, value] of begins.entries()) {
        expect(value).toBeLessThanOrEqual(total[group] ?? 0);
        expect(value).toBeGreaterThanOrEqual(0);
      }
      const shared = before.filter((name) => after.includes(name));
      const byShared = (table: GroupTable, values: ArrayLike<number>) => {
        const sums: Record<string, number> = {};
        for (let group = 0; group < table.size; group++) {
          const own = table.values(group);
          const key = shared.map((name) => own[table.dimensions.indexOf(name)]).join('|');
          sums[key] = (sums[key] ?? 0) + (values[group] ?? 0);
        }
        return Object.fromEntries(Object.entries(sums).filter(([, value]) => value > 0));
      };
      expect(byShared(now.groups, begins)).toEqual(byShared(shown.groups, shown.values));
    }),
  );
});

test('what was shown above the total is held back by the largest', () => {
  const now = tableOf(
    ['model'],
    [
      [['p', 'k', 'a'], 3],
      [['p', 'k', 'b'], 5],
    ],
  );
  const begins = Handover.ofSums(new Map([[0, 10]])).begin(0, 2, now.groups, () => true, Float64Array.from(now.values));
  expect([...begins]).toEqual([3, 7]);
});

test('a series that comes later goes on from what was shown of its group, once', () => {
  const old = tableOf(['project_id', 'model'], [[['p', 'k', 'a'], 4]]);
  const now = tableOf(['project_id'], [[['p', 'k', 'a'], 0]]);
  const handover = Handover.of({ groups: old.groups, flows: [0], shown: (_, group) => old.values[group] }, now.groups);
  expect([...handover.begin(0, 1, now.groups, () => false, new Float64Array(1))]).toEqual([0]);
  expect(handover.late(0, now.groups, 0)).toBe(4);
  expect(handover.late(0, now.groups, 0)).toBe(0);
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { GroupTable } from '../../src/usage/groups.ts';

test('of the newcomers of each step the first by their labels are admitted, in whatever order they come', () => {
  const numbers = fc.uniqueArray(fc.nat({ max: 100_000 }), { minLength: 1, maxLength: 5_000, size: 'max' });
  // Mostly all in one step.
  const cuts = fc.array(fc.nat({ max: 5_000 }), { maxLength: 4 });
  fc.assert(
    fc.property(numbers, cuts, fc.integer({ min: 1, max: 300 }), (order, cuts, most) => {
      const name = (number: number) => String(number).padStart(6, '0');
      const table = new GroupTable(['model'], most);
      table.intern(['known']);
      const expected = ['known'];
      const ends = [...cuts, order.length].sort((a, b) => a - b);
      for (const [index, end] of ends.entries()) {
        const step = order.slice(ends[index - 1] ?? 0, end);
        table.admit(step.flatMap((number) => [[name(number)], [name(number)], ['known']]));
        const first = [...step].sort((a, b) => a - b).map(name);
        expected.push(...first.slice(0, most - expected.length));
        expect(Array.from({ length: table.size }, (_, id) => table.values(id)[0])).toEqual(expected);
      }
    }),
    { numRuns: 50 },
  );
});

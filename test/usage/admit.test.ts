import fc from 'fast-check';
import { expect, test } from 'vitest';
import { GroupTable } from '../../src/usage/groups.ts';

test('of many newcomers the first by their labels are admitted, in whatever order and steps they come', () => {
  const numbers = fc.uniqueArray(fc.nat({ max: 100_000 }), { minLength: 1, maxLength: 5_000, size: 'max' });
  fc.assert(
    fc.property(numbers, fc.integer({ min: 1, max: 300 }), (order, most) => {
      const name = (number: number) => String(number).padStart(6, '0');
      const table = new GroupTable(['model'], most);
      table.intern(['known']);
      table.admit(order.flatMap((number) => [[name(number)], [name(number)], ['known']]));
      const admitted = Array.from({ length: table.size }, (_, id) => table.values(id)[0]);
      const first = [...order].sort((a, b) => a - b).map(name);
      expect(admitted).toEqual(['known', ...first.slice(0, most - 1)]);
    }),
    { numRuns: 50 },
  );
});

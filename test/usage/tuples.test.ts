import { expect, test } from 'vitest';
import { GroupTable } from '../../src/usage/groups.ts';
import { TuplePool } from '../../src/usage/tuples.ts';

test('tables of the same dimensions share the tuples that they have in common', () => {
  const pool = new TuplePool();
  const tables = [
    new GroupTable(['project_id', 'model'], 10, pool),
    new GroupTable(['project_id', 'model'], 10, pool),
    new GroupTable(['model', 'project_id'], 10, pool),
  ];
  for (const table of tables) {
    table.intern(['p', 'm']);
    table.intern(['p', null]);
    table.withUnit(0, 'currency', 'usd');
  }
  // Two tuples and one with a unit, in each order of the names.
  expect(pool.size).toBe(6);
  const [a, b, c] = tables;
  expect(a?.values(0)).toBe(b?.values(0));
  expect(a?.values(2)).toBe(a?.values(0));
  expect(a?.text(2)).toBe('currency="usd",project_id="p",model="m"');
  expect(c?.text(0)).toBe('model="p",project_id="m"');
});

test('a group is found by its text, also one that came after the first search', () => {
  const table = new GroupTable(['model'], 10);
  table.intern(['a']);
  expect(table.find('model="a"')).toBe(0);
  expect(table.find('model="b"')).toBeUndefined();
  table.intern(['b']);
  expect(table.find('model="b"')).toBe(1);
});

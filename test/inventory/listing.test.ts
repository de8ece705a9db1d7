import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Listing } from '../../src/inventory/listing.ts';

interface Item {
  readonly id: string;
  readonly name: string;
}

const one = (id: string, name = id): Item => ({ id, name });

test('a whole read replaces what the scope had, and tells what is gone', () => {
  const gone: Item[] = [];
  const listing = new Listing<Item>((item) => gone.push(item));
  listing.take('p', [one('a'), one('b')], true);
  listing.take('p', [one('b', 'renamed'), one('c')], true);
  expect([...listing.all().values()]).toEqual([one('b', 'renamed'), one('c')]);
  expect(gone).toEqual([one('a')]);
  listing.drop('p');
  expect(listing.all().size).toBe(0);
  expect(gone).toHaveLength(3);
});

test('a read that broke off only adds', () => {
  const listing = new Listing<Item>();
  listing.take('p', [one('a'), one('b')], true);
  listing.take('p', [one('b', 'renamed')], false);
  expect([...listing.all().values()]).toEqual([one('a'), one('b', 'renamed')]);
});

test('the version rises with changes alone', () => {
  const listing = new Listing<Item>();
  listing.take('p', [], true);
  expect(listing.version).toBe(0);
  listing.take('p', [one('a')], true);
  listing.take('p', [one('a')], true);
  listing.drop('q');
  expect(listing.version).toBe(1);
  listing.take('p', [one('a', 'renamed')], true);
  listing.take('p', [], true);
  expect(listing.version).toBe(3);
});

test('a map that was handed out stays as it was', () => {
  const listing = new Listing<Item>();
  listing.take('p', [one('a')], true);
  const before = listing.all();
  listing.take('p', [one('b')], true);
  expect([...before.keys()]).toEqual(['a']);
});

test('two scopes that disagree: the same one counts, in whatever order they were read', () => {
  const reads = fc.array(
    fc.record({
      scope: fc.constantFrom('p', 'q', 'r'),
      ids: fc.uniqueArray(fc.constantFrom('a', 'b', 'c'), { maxLength: 3 }),
    }),
    { maxLength: 12 },
  );
  fc.assert(
    fc.property(reads, (given) => {
      const last = new Map(given.map(({ scope, ids }) => [scope, ids.map((id) => one(id, `${id} of ${scope}`))]));
      const listing = new Listing<Item>();
      for (const { scope, ids } of given)
        listing.take(
          scope,
          ids.map((id) => one(id, `${id} of ${scope}`)),
          true,
        );
      const other = new Listing<Item>();
      for (const [scope, items] of [...last].reverse()) other.take(scope, items, true);
      expect(new Map([...listing.all()].sort())).toEqual(new Map([...other.all()].sort()));
    }),
    { numRuns: 500 },
  );
});

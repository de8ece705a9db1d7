/** An id is remembered for an hour from when it was seen first, and as long as it is among the last 100,000. */
import { expect, test } from 'vitest';
import { createSeenIds } from '../../src/live/seen-ids.ts';

const hour = 3_600_000;

test('an id that is seen again after its hour is remembered from there on', () => {
  const seen = createSeenIds();
  expect(seen.add('a', 0)).toBe(true);
  expect(seen.add('a', hour)).toBe(false);
  const again = hour + 1;
  expect(seen.add('a', again)).toBe(true);
  expect(seen.add('a', again + hour)).toBe(false);
  // So many that what was known of it first has gone, and one more.
  for (let other = 0; other < 99_999; other++) seen.add(`other ${other}`, again);
  expect(seen.add('a', again)).toBe(false);
  expect(seen.add('last', again)).toBe(true);
  expect(seen.add('a', again)).toBe(true);
});

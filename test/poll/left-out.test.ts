/** Tests that what was left out is said once a day, with what tells it from others, and never without bound. */
import { expect, test } from 'vitest';
import type { Loss } from '../../src/openai/bucket-page.ts';
import { createLeftOut } from '../../src/poll/left-out.ts';
import { day } from '../../src/usage/windows.ts';
import { recordingLog } from '../helpers/recording-log.ts';

const today = Date.parse('2026-05-15T00:00Z') / 1_000;
const amount = (lineItem: string, sent = '"$3"'): Loss => ({ kind: 'value', name: 'amount_value', sent, lineItem });

function setUp() {
  const time = { now: Date.parse('2026-05-15T12:00Z') };
  const counted: [string, number][] = [];
  const log = recordingLog();
  const leftOut = createLeftOut({
    log,
    clock: { now: () => time.now },
    count: (api, rows) => counted.push([api, rows]),
  });
  return { time, counted, log, leftOut, said: () => log.of('warn') };
}

test('it is said once a day for each line item and day, whatever value is sent', () => {
  const { leftOut, said, time, counted } = setUp();
  leftOut.rows('costs', today, 1, [amount('a')]);
  leftOut.rows('costs', today, 1, [amount('a', '"$4"')]);
  leftOut.rows('costs', today, 2, [amount('b')]);
  leftOut.rows('costs', today - 86_400, 1, [amount('a')]);
  leftOut.rows('costs', today, 0, []);
  expect(said()).toEqual([
    'costs: A value of amount_value was refused on 2026-05-15, line item "a": it cannot be read ("$3"). The rest of the row counts.',
    expect.stringContaining('on 2026-05-15, line item "b"'),
    expect.stringContaining('on 2026-05-14, line item "a"'),
  ]);
  time.now += day;
  leftOut.rows('costs', today, 1, [amount('a')]);
  expect(said()).toHaveLength(4);
  expect(counted.reduce((sum, [, rows]) => sum + rows, 0)).toBe(6);
  expect(leftOut.of('costs')).toMatchObject({ count: 6, at: time.now });
  expect(leftOut.of('completions')).toBe(undefined);
});

test('no more than fifty are said a day, and that is said', () => {
  const { leftOut, said } = setUp();
  for (let item = 0; item < 200; item++) leftOut.rows('costs', today, 1, [amount(`item ${item}`)]);
  expect(said()).toHaveLength(51);
  expect(said().at(-1)).toMatch(/^costs: More than 50 different rows and items were left out today/);
  expect(leftOut.of('costs')?.messages).toHaveLength(5);
});

test('it is said without what looks like a key, and in one line', () => {
  const { leftOut, said } = setUp();
  leftOut.rows('costs', today, 1, [amount('sk-admin-abcdefghijklmnop\n"x"')]);
  expect(said()[0]).not.toContain('abcdefghijklmnop');
  expect(said()[0]).not.toContain('\n');
});

test('what is folded has a counter of its own', () => {
  const { leftOut, said, counted } = setUp();
  leftOut.folded('costs', 5, 'There are more groups.');
  leftOut.folded('costs', 0, 'There are more groups.');
  expect([counted, said(), leftOut.of('costs')?.count]).toEqual([[], ['costs: There are more groups.'], 5]);
});

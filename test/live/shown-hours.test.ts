/** The hours of live usage are those of the usage gauges. */
import { expect, test } from 'vitest';
import { liveHours } from '../../src/live/shown-hours.ts';

const hour = 3_600;
const noon = Date.UTC(2026, 4, 15, 12) / 1_000;
const settleDelay = 900_000;
const byClock = { settleDelay, shownByUsage: () => [] };

test.each([
  ['just before an hour settles', noon + 899, noon - 2 * hour, noon - hour, noon + 900],
  ['as an hour settles', noon + 900, noon - hour, undefined, noon + hour],
])('by the clock, %s', (_, now, settled, settling, until) => {
  const { hours, until: until_ } = liveHours('completions', now * 1_000, byClock);
  expect(until_).toBe(until * 1_000);
  expect(Object.fromEntries(hours.map(({ state, start }) => [state, start]))).toEqual({
    settled,
    ...(settling === undefined ? {} : { settling }),
    open: noon,
  });
});

test('a settle delay of a day looks back a day', () => {
  const { hours } = liveHours('completions', noon * 1_000, { ...byClock, settleDelay: 86_400_000 });
  expect(hours.map(({ start }) => start)).toEqual([noon - 25 * hour, noon - hour, noon]);
});

test('where usage shows another hour, live usage shows the same', () => {
  const shownByUsage = () => [
    { api: 'completions', state: 'settled', start: noon - 3 * hour } as const,
    { api: 'completions', state: 'open', start: noon - hour } as const,
    { api: 'images', state: 'settled', start: noon - hour } as const,
  ];
  const { hours } = liveHours('completions', (noon + 1) * 1_000, { settleDelay, shownByUsage });
  expect(hours.map(({ state, start }) => [state, start])).toEqual([
    ['settled', noon - 3 * hour],
    ['open', noon],
  ]);
});

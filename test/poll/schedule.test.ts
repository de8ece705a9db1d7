import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { nextPollAt, offsetOf } from '../../src/poll/schedule.ts';
import { propertyRuns, propertyTimeout } from '../helpers/runs.ts';

vi.setConfig({ testTimeout: propertyTimeout });

const minute = 60_000;
const noon = Date.UTC(2026, 4, 15, 12);
const cadence = { interval: minute, idleInterval: 10 * minute, offset: 5_000 };

describe('the next poll', () => {
  test.each<[string, number, boolean, number, number]>([
    ['just after a poll', noon + 5_400, false, 0, noon + minute + 5_000],
    ['just before its turn', noon + 4_999, false, 0, noon + 5_000],
    ['at its turn: the next one', noon + 5_000, false, 0, noon + minute + 5_000],
    ['idle', noon + 5_400, true, 0, noon + 10 * minute + 5_000],
    ['idle, in between', noon + 7 * minute, true, 0, noon + 10 * minute + 5_000],
    ['failed once: the next turn', noon + 5_400, false, 1, noon + minute + 5_000],
    ['failed twice', noon + 5_400, false, 2, noon + 2 * minute + 5_000],
    ['failed three times', noon + 5_400, false, 3, noon + 4 * minute + 5_000],
    ['failed four times: five minutes at the longest', noon + 5_400, false, 4, noon + 5 * minute + 5_000],
    ['failed often', noon + 5_400, false, 50, noon + 5 * minute + 5_000],
    ['failed two thousand times', noon + 5_400, false, 2_000, noon + 5 * minute + 5_000],
    ['idle, failed once: soon again', noon + 5_400, true, 1, noon + minute + 5_000],
    ['idle, failed twice', noon + 3 * minute + 5_400, true, 2, noon + 5 * minute + 5_000],
    ['idle, failed often: five minutes at the longest', noon + 5_400, true, 50, noon + 5 * minute + 5_000],
    ['idle, failed once just before its turn', noon + 9.5 * minute, true, 1, noon + 10 * minute + 5_000],
  ])('%s', (_, now, idle, failures, next) => {
    expect(nextPollAt(cadence, now, idle, failures)).toBe(next);
  });

  test('comes in the future, on the grid of UTC, and the later the more has failed, idle or not', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 4e12 }),
        fc.integer({ min: 5, max: 3_600 }),
        fc.integer({ min: 1, max: 20 }),
        fc.nat({ max: 10 }),
        fc.boolean(),
        fc.nat({ max: 40 }),
        (now, seconds, times, place, idle, failures) => {
          const interval = seconds * 1_000;
          const some = { interval, idleInterval: interval * times, offset: offsetOf(place, 11, interval) };
          const next = nextPollAt(some, now, idle, failures);
          expect(next).toBeGreaterThan(now);
          const longest = failures === 0 ? some.idleInterval : Math.max(5 * minute, interval);
          expect(next).toBeLessThanOrEqual(now + longest + interval);
          expect((next - some.offset) % interval).toBe(0);
          if (failures > 0) expect(nextPollAt(some, now, idle, failures + 1)).toBeGreaterThanOrEqual(next);
          if (failures > 0) expect(nextPollAt(some, now, !idle, failures)).toBe(next);
          expect(nextPollAt(some, now, idle, 1)).toBeLessThanOrEqual(now + interval);
        },
      ),
      { numRuns: propertyRuns },
    );
  });

  test('of the twelve apis are spread over the interval', () => {
    const offsets = Array.from({ length: 12 }, (_, index) => offsetOf(index, 12, minute));
    expect(new Set(offsets).size).toBe(12);
    expect(Math.max(...offsets)).toBeLessThan(minute);
    expect(offsets[0]).toBe(0);
    expect(Math.min(...offsets.slice(1).map((offset, index) => offset - (offsets[index] ?? 0)))).toBeGreaterThan(4_900);
  });
});

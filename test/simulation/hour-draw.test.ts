import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createHourDraw, type DrawnHour } from '../../src/simulation/hour-draw.ts';
import { type Behaviour, customProfile } from '../../src/simulation/profile.ts';
import { endpointNamed } from '../helpers/rows.ts';

const endpoint = endpointNamed('completions');

const certain = { restatedUp: 0.4, restatedDown: 0.3, restatedMove: 0.3 };

function drawOf(seed: number, activity: number, behaviour: Partial<Behaviour> = {}) {
  const profile = customProfile(seed, { groups: { completions: 3 }, activity, ...behaviour });
  const groups = profile.usage.get('completions') ?? [];
  return createHourDraw({ seed, endpoint, groups, behaviour: profile.behaviour, firstHour: 0, stopHour: 1_000 });
}

/** Hours that are drawn, of any group and at any busyness. */
const drawn = fc
  .record({
    seed: fc.nat(),
    activity: fc.double({ min: 0.01, max: 1, noNaN: true }),
    group: fc.nat(2),
    hour: fc.nat(999),
  })
  .map(({ seed, activity, group, hour }) => drawOf(seed, activity, certain)(group, hour))
  .filter((hour) => hour !== undefined);

const allMinutes = (hour: DrawnHour) => Array.from({ length: hour.active }, (_, n) => n);

function leavesAt(hour: DrawnHour, n: number): readonly number[] {
  const leaves = new Float64Array(hour.leaves.length);
  hour.readMinute(n, leaves);
  return [...leaves];
}

describe('an hour of a group', () => {
  test('is the sum of its minutes, in each of which something happens', () => {
    fc.assert(
      fc.property(drawn, (hour) => {
        expect(hour.active).toBeGreaterThan(0);
        const minutes = allMinutes(hour).map((n) => leavesAt(hour, n));
        for (const leaves of minutes) {
          expect(leaves[0]).toBeGreaterThan(0);
          expect(Math.min(...leaves)).toBeGreaterThanOrEqual(0);
        }
        for (const [leaf, whole] of hour.leaves.entries()) {
          expect(minutes.reduce((sum, leaves) => sum + (leaves[leaf] ?? 0), 0)).toBe(whole);
        }
        expect(new Set(allMinutes(hour).map((n) => hour.minuteAt(n))).size).toBe(hour.active);
      }),
    );
  });

  test('is the same whatever of it is asked for first', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const draw = drawOf(seed, 0.5, certain);
        const first = draw(1, 7);
        if (first === undefined) return;
        const upwards = allMinutes(first).map((n) => [first.minuteAt(n), leavesAt(first, n), first.arrival(n)]);
        const restatement = first.restatement();
        draw(2, 8);
        const again = draw(1, 7);
        if (again === undefined) throw new Error('an hour is gone');
        expect(again.restatement()).toEqual(restatement);
        const downwards = allMinutes(again)
          .reverse()
          .map((n) => [again.minuteAt(n), leavesAt(again, n), again.arrival(n)]);
        expect(downwards.reverse()).toEqual(upwards);
      }),
    );
  });

  test('is restated by no more than a minute of it, or where there was nothing', () => {
    fc.assert(
      fc.property(drawn, (hour) => {
        const restated = hour.restatement();
        if (restated === undefined) throw new Error('an hour is not restated');
        const n = allMinutes(hour).find((each) => hour.minuteAt(each) === restated.minute);
        expect(restated.minute).toBeLessThan(60);
        if (restated.sign === 1) return;
        expect(n).toBeDefined();
        const minute = leavesAt(hour, n ?? 0);
        for (const [leaf, value] of restated.leaves.entries()) expect(value).toBeLessThanOrEqual(minute[leaf] ?? 0);
      }),
    );
  });

  test('outside of the time of the organization is not there', () => {
    const draw = drawOf(1, 1);
    expect([draw(0, -1), draw(0, 1_000), draw(9, 5)]).toEqual([undefined, undefined, undefined]);
    expect(draw(0, 999)).toBeDefined();
  });
});

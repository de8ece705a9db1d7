import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { dueAt, nextTurn, type Turn } from '../../src/poll/rounds.ts';

const minute = 60_000;
const turn = (more: Partial<Turn> = {}): Turn => ({
  key: 'users',
  period: 10 * minute,
  tried: undefined,
  failures: 0,
  retryPointless: false,
  rank: 0,
  ...more,
});

describe('a turn', () => {
  test('is due at once before the first, and after a clock that ran ahead', () => {
    expect(dueAt(turn(), 1_000)).toBe(1_000);
    expect(dueAt(turn({ tried: 9_000 }), 1_000)).toBe(1_000);
  });

  test('comes once in each period, at the same instant for every process', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(1e12), fc.nat(1e12), (key, a, b) => {
        const due = (tried: number) => dueAt(turn({ key, tried }), tried);
        expect(due(a)).toBeGreaterThan(a);
        expect(due(a)).toBeLessThanOrEqual(a + 10 * minute);
        expect(Math.abs(due(a) - due(b)) % (10 * minute)).toBe(0);
      }),
    );
  });

  test('comes sooner after a failure, but not where there is no hope', () => {
    const tried = 1_000_000_000;
    const regular = dueAt(turn({ tried }), tried);
    const dueAfter = (failures: number, retryPointless = false) =>
      dueAt(turn({ tried, failures, retryPointless, period: 3_600_000, key: 'x' }), tried);
    expect(dueAfter(1)).toBe(tried + minute);
    expect(dueAfter(3)).toBe(tried + 4 * minute);
    expect(dueAfter(1, true)).toBe(dueAfter(0));
    expect(dueAfter(500)).toBe(dueAfter(0));
    expect(regular).toBeLessThanOrEqual(tried + 10 * minute);
  });

  test('of many is spread over the period', () => {
    const dues = Array.from({ length: 1_000 }, (_, i) => dueAt(turn({ key: `api_keys of proj_${i}`, tried: 0 }), 0));
    for (let m = 0; m < 10; m++) {
      const inMinute = dues.filter((due) => Math.floor((due - 1) / minute) === m).length;
      expect(inMinute).toBeGreaterThan(60);
      expect(inMinute).toBeLessThan(140);
    }
  });
});

describe('the next', () => {
  test('is what was not read yet by rank, then what was read longest ago; negative ranks first', () => {
    const now = 1_000_000_000;
    const old = (key: string, tried: number, rank = 0) => turn({ key, tried, rank });
    const turns = [
      old('b', 2),
      old('a', 1),
      turn({ key: 'n3', rank: 3 }),
      turn({ key: 'n1', rank: 1 }),
      old('first', 5, -1),
    ];
    const order: string[] = [];
    while (turns.length > 0) {
      const next = nextTurn(turns, now);
      if (next === undefined) break;
      order.push(next.key);
      turns.splice(turns.indexOf(next), 1);
    }
    expect(order).toEqual(['first', 'n1', 'n3', 'a', 'b']);
  });

  test('is none when none is due', () => {
    expect(nextTurn([turn({ tried: 1_000_000_000 })], 1_000_000_000)).toBeUndefined();
    expect(nextTurn([], 0)).toBeUndefined();
  });

  test('never leaves one out: with one read a minute, each comes round', () => {
    const turns = Array.from({ length: 40 }, (_, i) => ({ ...turn({ key: `k${i}`, rank: i % 4 }), reads: 0 }));
    for (let now = 0; now < 200 * minute; now += minute) {
      const next = nextTurn(turns, now);
      if (next === undefined) continue;
      const at = turns.indexOf(next);
      turns[at] = { ...next, tried: now, reads: next.reads + 1 };
    }
    const reads = turns.map((each) => each.reads);
    expect(Math.min(...reads)).toBeGreaterThanOrEqual(4);
    expect(Math.max(...reads)).toBeLessThanOrEqual(6);
  });
});

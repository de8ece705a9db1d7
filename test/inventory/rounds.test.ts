import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createRounds, dueAt, type Lane, phaseOf, shares, type Turn } from '../../src/inventory/rounds.ts';

const minute = 60_000;
const hour = 60 * minute;
const period = 10 * minute;
const turn = (more: Partial<Turn> = {}): Turn => ({
  period,
  phase: 0,
  lane: 'others',
  rank: 0,
  begun: undefined,
  reading: false,
  tried: undefined,
  failures: 0,
  retryPointless: false,
  ...more,
});
/** One that was read whole, or failed, at this instant. */
const read = (at: number, more: Partial<Turn> = {}) => turn({ begun: at, tried: at, ...more });

describe('a list', () => {
  test('is due at once before the first read, and after a clock that ran ahead', () => {
    expect(dueAt(turn(), 1_000)).toBe(1_000);
    expect(dueAt(read(9_000), 1_000)).toBe(1_000);
  });

  test('comes once in each period, at the same instant for every process', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(1e12), fc.nat(1e12), (key, a, b) => {
        const due = (at: number) => dueAt(read(at, { phase: phaseOf(key, period) }), at);
        expect(due(a)).toBeGreaterThan(a);
        expect(due(a)).toBeLessThanOrEqual(a + period);
        expect(Math.abs(due(a) - due(b)) % period).toBe(0);
      }),
    );
  });

  test('is due for its next page at once, and for a page that failed after a pause', () => {
    const at = 1_000_000_000;
    expect(dueAt(read(at, { reading: true }), at + 1)).toBe(at + 1);
    expect(dueAt(read(at, { reading: true, failures: 1 }), at + 1)).toBe(at + minute);
  });

  test('comes sooner after a failure, but not where there is no hope', () => {
    const at = 1_000_000_000;
    const dueAfter = (failures: number, retryPointless = false) =>
      dueAt(read(at, { failures, retryPointless, period: hour, phase: 7 }), at);
    expect(dueAfter(1)).toBe(at + minute);
    expect(dueAfter(3)).toBe(at + 4 * minute);
    expect(dueAfter(1, true)).toBe(dueAfter(0));
    expect(dueAfter(500)).toBe(dueAfter(0));
    expect(dueAfter(0)).toBeLessThanOrEqual(at + hour);
  });

  test('of many is spread over the period', () => {
    const dues = Array.from({ length: 1_000 }, (_, i) =>
      dueAt(read(0, { phase: phaseOf(`api_keys of proj_${i}`, period) }), 0),
    );
    for (let m = 0; m < 10; m++) {
      const inMinute = dues.filter((due) => Math.floor((due - 1) / minute) === m).length;
      expect(inMinute).toBeGreaterThan(60);
      expect(inMinute).toBeLessThan(140);
    }
  });
});

/** Lists of so many pages, of which one page is asked for every three seconds, 20 a minute, or so often as is said. */
function play(
  lists: readonly { readonly name: string; readonly pages: number; readonly lane: Lane }[],
  until: number,
  every = 3_000,
) {
  type Open = { -readonly [Key in keyof Turn]: Turn[Key] } & {
    readonly name: string;
    readonly pages: number;
    at: number;
  };
  const turns = lists.map(
    ({ name, pages, lane }): Open => ({
      ...turn({ lane, phase: phaseOf(name, period) }),
      name,
      pages,
      at: 0,
    }),
  );
  const rounds = createRounds();
  const asked: { readonly at: number; readonly name: string; readonly lane: Lane; readonly page: number }[] = [];
  const start = 1_000_000_000;
  for (let now = start; now < start + until; now += every) {
    const next = rounds.next(turns, now);
    if (next === undefined) continue;
    if (!next.reading) next.begun = now;
    next.tried = now;
    asked.push({ at: now - start, name: next.name, lane: next.lane, page: next.at });
    next.at = (next.at + 1) % next.pages;
    next.reading = next.at > 0;
  }
  return asked;
}

const many = (count: number, name: string, lane: Lane, pages = 1) =>
  Array.from({ length: count }, (_, i) => ({ name: `${name} ${i}`, pages, lane }));

const endOf = (asked: ReturnType<typeof play>, lane: Lane) => {
  const own = asked.filter((each) => each.lane === lane);
  return (own.at(-1)?.at ?? 0) / minute;
};

describe('the next', () => {
  test('in a lane is what was never asked for by rank, then what was asked longest ago', () => {
    const now = 1_000_000_000;
    const rounds = createRounds();
    const turns = [
      read(2, { rank: 4 }),
      read(1, { rank: 5 }),
      turn({ rank: 3 }),
      turn({ rank: 1 }),
      turn({ rank: 6, begun: 0, reading: true, tried: 3 }),
    ];
    const order: number[] = [];
    while (turns.length > 0) {
      const next = rounds.next(turns, now);
      if (next === undefined) break;
      order.push(next.rank);
      turns.splice(turns.indexOf(next), 1);
    }
    expect(order).toEqual([1, 3, 6, 5, 4]);
  });

  test('is none when none is due', () => {
    const rounds = createRounds();
    expect(rounds.next([read(1_000_000_000)], 1_000_000_000)).toBeUndefined();
    expect(rounds.next([], 0)).toBeUndefined();
  });

  test('never leaves a lane out, however much the others have to read', () => {
    const lanes: readonly Lane[] = ['projects', 'used', 'organization', 'others'];
    const counts = fc.record(
      Object.fromEntries(lanes.map((lane) => [lane, fc.nat(30)])) as Record<Lane, fc.Arbitrary<number>>,
    );
    fc.assert(
      fc.property(counts, fc.integer({ min: 1, max: 200 }), (given, pages) => {
        const lists = lanes.flatMap((lane) => many(given[lane], lane, lane, pages));
        const asked = play(lists, 30 * minute);
        const waiting = lanes.filter((lane) => given[lane] > 0);
        const all = waiting.reduce((sum, lane) => sum + shares[lane], 0);
        for (const lane of waiting) {
          const had = asked.filter((each) => each.lane === lane).length;
          const due = Math.min(given[lane] * pages, Math.floor((asked.length * shares[lane]) / all));
          expect(had).toBeGreaterThanOrEqual(due - waiting.length);
        }
      }),
      { numRuns: 60 },
    );
  });

  test('reads nothing twice before everything was read, but for what is looked at, after an hour', () => {
    const lists = [
      ...many(1, 'projects', 'projects', 80),
      ...many(1, 'users', 'organization', 130),
      ...many(3, 'limits', 'organization'),
      ...many(100, 'used', 'used'),
      ...many(2_000, 'other', 'others'),
    ];
    // All of it takes two hours.
    const asked = play(lists, 115 * minute);
    const last = new Map<string, number>();
    for (const { at, name, page, lane } of asked) {
      if (page > 0) continue;
      const before = last.get(name);
      if (before !== undefined) {
        expect(lane).not.toBe('others');
        expect(at - before).toBeGreaterThanOrEqual(hour);
      }
      last.set(name, at);
    }
    // 20 min have 400 requests.
    expect(
      endOf(
        asked.filter(({ at }) => at < hour),
        'used',
      ),
    ).toBeLessThan(20);
    expect(asked.filter(({ lane }) => lane === 'others').length).toBeGreaterThan(1_500);
    expect(new Set(asked.filter(({ name }) => name.startsWith('users')).map(({ page }) => page)).size).toBe(130);
  });

  test('comes round: with one read a minute each of forty lists does, once a round', () => {
    const lists = [...many(20, 'used', 'used'), ...many(20, 'other', 'others')];
    const asked = play(lists, 2 * minute).map(({ name }) => name);
    expect(asked).toHaveLength(40);
    expect(new Set(asked).size).toBe(40);
  });

  test('lets a round come to its end, however much is read again after an hour', () => {
    // What is looked at takes more than an hour itself, so after that some of it is always due again.
    const lists = [...many(400, 'used', 'used'), ...many(200, 'other', 'others')];
    const asked = play(lists, 4 * hour, 12_000);
    const others = asked.filter(({ lane }) => lane === 'others').slice(0, 200);
    expect(new Set(others.map(({ name }) => name)).size).toBe(200);
    // Half of the requests, once what is looked at has been read.
    expect(others.at(-1)?.at).toBeLessThan(3 * hour);
  });

  test('does not wait for ever when the clock is put back', () => {
    const rounds = createRounds();
    expect(rounds.next([], 9 * hour)).toBeUndefined();
    expect(rounds.next([read(hour)], 2 * hour)).toBeDefined();
    expect(rounds.next([read(3 * hour)], 2 * hour)).toBeDefined();
  });
});

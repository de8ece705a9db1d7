/** The change from one period to the next: nothing of the old one is lost, and the reset of the smallest series is seen. */
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { collectBucket } from '../../src/usage/bucket.ts';
import { bucketAt, hour, minute } from '../../src/usage/windows.ts';
import { createReplica, type ReplicaOptions } from '../helpers/replica.ts';
import { seconds } from '../helpers/rows.ts';
import { propertyRuns, propertyTimeout } from '../helpers/runs.ts';
import { createScraper } from '../helpers/scraper.ts';
import { type Entry, smallOrganization, used } from '../helpers/small-organization.ts';

vi.setConfig({ testTimeout: propertyTimeout });

const midnight = seconds('2026-06-01T00:00Z');
const may = seconds('2026-05-01T00:00Z');
const at = (text: string) => seconds(text);

/** A process that has run since before midnight, minute by minute. */
function nearMidnight(entries: Entry[], from: string, more: Partial<ReplicaOptions> = {}) {
  const organization = smallOrganization([...entries]);
  const time = { now: seconds(from) * 1_000 + 30_000, elapsed: 5_000 };
  const options = { organization, time, ...more };
  let replica = createReplica(options);
  const scraper = createScraper();
  /** Holds what was shown, with the minutes after midnight at which it began to be. */
  const story: [number, Record<string, number>][] = [];
  const look = () => {
    const shown = replica.round();
    scraper.scrape(shown);
    const record = Object.fromEntries([...shown].sort());
    if (JSON.stringify(story.at(-1)?.[1]) !== JSON.stringify(record)) {
      story.push([Math.floor((time.now / 1_000 - midnight) / 60), record]);
    }
    return record;
  };
  return {
    organization,
    time,
    scraper,
    story,
    look,
    replica: () => replica,
    until(text: string) {
      let shown: Record<string, number> = {};
      while (time.now + minute < seconds(text) * 1_000 + 60_000) {
        time.now += minute;
        time.elapsed += minute;
        shown = look();
      }
      return shown;
    },
    restart(state: boolean) {
      replica = createReplica({ ...options, state: state ? replica.state : undefined });
    },
  };
}

describe('a rollover', () => {
  const entries = [
    used('a', at('2026-05-20T12:00Z'), 1_000),
    used('a', at('2026-05-31T23:59Z'), 7, 800),
    used('a', at('2026-06-01T00:00Z'), 3),
    used('b', at('2026-05-20T12:00Z'), 5),
    used('new', at('2026-06-01T00:02Z'), 4),
  ];

  test('shows the old total with its last minute, then 0, then the new total', () => {
    const { until, look, story } = nearMidnight(entries, '2026-05-31T23:30Z');
    look();
    until('2026-06-01T02:00Z');
    expect(story).toEqual([
      [-30, { a: 1_000, b: 5 }],
      // A bucket of it is known: a series of 0 in the old period.
      [5, { a: 1_000, b: 5, new: 0 }],
      [15, { a: 1_007, b: 5, new: 0 }],
      [30, { a: 0, b: 0, new: 0 }],
      [32, { a: 3, b: 0, new: 4 }],
      // Without new usage for an hour.
      [90, { a: 3, new: 4 }],
    ]);
  });

  test('is counted by Prometheus to the last token, the small series too', () => {
    const { until, look, scraper } = nearMidnight(entries, '2026-05-31T23:30Z');
    look();
    until('2026-06-01T02:00Z');
    expect(Object.fromEntries(scraper.counted)).toEqual({ a: 1_010, b: 5, new: 4 });
    expect(scraper.resets.get('a')).toBe(1);
  });

  test('lets the reset be seen where the new total is larger than the old one', () => {
    const { until, look, scraper } = nearMidnight(
      [used('a', at('2026-05-31T22:00Z'), 2), used('a', at('2026-06-01T00:01Z'), 500)],
      '2026-05-31T23:30Z',
    );
    look();
    until('2026-06-01T01:00Z');
    expect(scraper.counted.get('a')).toBe(502);
    expect(scraper.resets.get('a')).toBe(1);
  });

  test('forgets the old series after an hour, but one that has new usage goes on', () => {
    const late = [...entries, used('b', at('2026-06-01T01:00Z'), 9)];
    const { until, look, story } = nearMidnight(late, '2026-05-31T23:30Z');
    look();
    expect(until('2026-06-01T03:00Z')).toEqual({ a: 3, b: 9, new: 4 });
    expect(story.map(([, shown]) => shown['b'])).not.toContain(undefined);
  });

  test('keeps the anchor when the clock goes back into the old month', () => {
    const { until, look, time, replica } = nearMidnight(entries, '2026-05-31T23:30Z');
    look();
    until('2026-06-01T00:40Z');
    const { anchor } = replica().account.ledger;
    expect(anchor).toBe(midnight);
    time.now -= 2 * hour;
    for (let each = 0; each < 10; each++) {
      time.elapsed += minute;
      time.now += minute;
      expect(look()).toEqual({ a: 3, b: 0, new: 4 });
    }
    expect(replica().account.ledger.anchor).toBe(anchor);
  });
});

test('what was used and read before the month turned is not forgotten: the api is not idle', () => {
  const { until, look, replica, time } = nearMidnight([used('a', at('2026-05-31T20:07Z'), 10)], '2026-05-31T23:30Z');
  look();
  until('2026-06-01T01:10Z');
  const { account } = replica();
  expect(account.ledger.anchor).toBe(midnight);
  expect(account.ledger.newestUsed).toMatchObject({ width: '1h', start: at('2026-05-31T20:00Z') });
  expect(account.isIdle(time.now)).toBe(false);
  expect(account.ledger.newestSettledEnd('1d')).toBe(midnight);
  until('2026-06-01T20:59Z');
  expect(account.isIdle(time.now)).toBe(false);
  until('2026-06-01T21:01Z');
  expect(account.isIdle(time.now)).toBe(true);
});

test('after a restart on its first day, what was used before takes no room from the groups of the month', () => {
  const entries = [
    used('before 1', at('2026-05-31T10:00Z'), 1),
    used('before 2', at('2026-05-31T11:00Z'), 1),
    used('first', at('2026-06-01T02:00Z'), 3),
    used('second', at('2026-06-01T03:00Z'), 4),
  ];
  const { look } = nearMidnight(entries, '2026-06-01T09:30Z', { maxGroups: 2 });
  expect(look()).toEqual({ first: 3, second: 4 });
});

test('while the month cannot turn, no day after it is asked for again and again', () => {
  let broken = true;
  const missing = { '1m': at('2026-05-31T23:59Z'), '1h': at('2026-05-31T23:00Z'), '1d': at('2026-05-31T00:00Z') };
  const entries = [used('a', at('2026-05-20T12:00Z'), 10), used('a', missing['1m'], 5)];
  for (let day = 1; day < 6; day++) entries.push(used('a', at(`2026-06-0${day}T05:00Z`), 1));
  const organization = smallOrganization(entries);
  const { until, look, replica, time, scraper } = nearMidnight(entries, '2026-05-31T22:30Z', {
    page: (width, start, now) => {
      const whole = organization.bucket(width, start, now);
      return broken && start === missing[width] ? { ...whole, end: start } : whole;
    },
  });
  look();
  until('2026-06-01T01:00Z');
  time.now += 4 * 24 * hour;
  time.elapsed += 4 * 24 * hour;
  until('2026-06-05T09:20Z');
  const { ledger, spans } = replica().account.history(time.now);
  expect(ledger.anchor).toBe(may);
  expect(spans).toEqual([{ width: '1d', from: missing['1d'], to: midnight }]);
  broken = false;
  until('2026-06-05T10:20Z');
  expect(replica().account.ledger.anchor).toBe(midnight);
  expect(scraper.counted.get('a')).toBe(20);
});

describe('before the old total goes', () => {
  const quick = [used('a', at('2026-05-31T22:00Z'), 10), used('a', at('2026-06-01T00:01Z'), 3)];

  test('twice the settle delay passes', () => {
    const { until, look, story } = nearMidnight(quick, '2026-05-31T23:30Z', { settleDelay: 20 * minute });
    look();
    until('2026-06-01T01:00Z');
    expect(story).toEqual([
      [-30, { a: 10 }],
      [40, { a: 0 }],
      [42, { a: 3 }],
    ]);
  });

  test('every bucket of the old period has settled', () => {
    let broken = false;
    const last = at('2026-05-31T23:59Z');
    const { until, look, replica, time } = nearMidnight([...quick, used('a', last, 5)], '2026-05-31T23:30Z', {
      // Whatever could tell of the last minute.
      fails: (width, start) =>
        broken &&
        ((width === '1m' && start === last) ||
          (width === '1h' && start === at('2026-05-31T23:00Z')) ||
          (width === '1d' && start === at('2026-05-31T00:00Z'))),
    });
    look();
    broken = true;
    expect(until('2026-06-01T04:00Z')).toEqual({ a: 10 });
    expect(replica().account.ledger.anchor).toBe(may);
    broken = false;
    const healed = Math.floor((time.now / 1_000 - midnight) / 60);
    const seen: number[] = [];
    for (let each = 0; each < 8; each++) {
      time.now += minute;
      time.elapsed += minute;
      seen.push(look()['a'] ?? -1);
    }
    expect(healed).toBe(240);
    // The last minute, for at least the zero-hold; then 0, for at least the zero-hold; then the new total.
    expect(seen.filter((value, index) => value !== seen[index - 1])).toEqual([15, 0, 3]);
    expect(seen.filter((value) => value === 15).length).toBeGreaterThanOrEqual(2);
    expect(seen.filter((value) => value === 0).length).toBeGreaterThanOrEqual(2);
  });

  test('the last total has been shown for zero-hold', () => {
    let broken = false;
    const last = at('2026-05-31T23:58Z');
    const { until, look, time } = nearMidnight([...quick, used('a', last, 5)], '2026-05-31T23:30Z', {
      fails: () => broken,
      zeroHold: 10 * minute,
    });
    look();
    broken = true;
    until('2026-06-01T01:00Z');
    broken = false;
    const seen: number[] = [];
    for (let each = 0; each < 30; each++) {
      time.now += minute;
      time.elapsed += minute;
      seen.push(look()['a'] ?? -1);
    }
    expect(seen.filter((value, index) => value !== seen[index - 1])).toEqual([15, 0, 3]);
    expect(seen.filter((value) => value === 15).length).toBeGreaterThanOrEqual(10);
    expect(seen.filter((value) => value === 0).length).toBeGreaterThanOrEqual(10);
  });

  test.each([
    ['just before the replay of the next one begins', true],
    ['when that has begun: history was asked before', false],
  ])('a rise of it that is read %s is shown for zero-hold, too', (_, before) => {
    // With this settle delay the days are read again just when the period can end.
    const { until, look, organization, time, replica, scraper } = nearMidnight(quick, '2026-05-31T23:30Z', {
      settleDelay: hour,
      zeroHold: 5 * minute,
    });
    look();
    until('2026-06-01T01:58Z');
    organization.entries.push({ model: 'a', minute: at('2026-05-31T20:00Z'), tokens: 5, known: time.now });
    until('2026-06-01T01:59Z');
    time.now += minute;
    time.elapsed += minute;
    const { account } = replica();
    const { ledger } = account.history(time.now);
    expect(ledger).toBe(account.ledger);
    if (before) replica().readHistory();
    else {
      replica().poll();
      expect(account.history(time.now).ledger).not.toBe(ledger);
      const day = at('2026-05-31T00:00Z');
      const raw = organization.bucket('1d', day, time.now);
      const bucket = collectBucket(raw, '1d', time.now, hour, ledger.groups, ledger.fields);
      account.put(ledger, bucket === undefined ? [] : [bucket], time.now);
    }
    const seen: number[] = [];
    for (let each = 0; each < 40; each++) {
      seen.push(look()['a'] ?? -1);
      time.now += minute;
      time.elapsed += minute;
    }
    expect(seen.filter((value, index) => value !== seen[index - 1])).toEqual([15, 0, 3]);
    expect(seen.filter((value) => value === 15).length).toBeGreaterThanOrEqual(5);
    expect(scraper.counted.get('a')).toBe(18);
  });

  test('a series that is still being held at 0 gets to show its last total of the old period', () => {
    // First seen when it has settled: its zero-hold ends after the time at which the period could.
    const { until, look, story, organization, time, scraper } = nearMidnight(quick, '2026-05-31T23:30Z', {
      zeroHold: 10 * minute,
    });
    look();
    until('2026-06-01T00:10Z');
    organization.entries.push({ model: 'late', minute: at('2026-05-31T23:57Z'), tokens: 6, known: time.now });
    until('2026-06-01T00:20Z');
    until('2026-06-01T02:30Z');
    expect(story.map(([, shown]) => shown['late']).filter((value) => value !== undefined)).toContain(6);
    expect(scraper.counted.get('late')).toBe(6);
  });

  test('the API has returned a bucket of the new period', () => {
    // The API's own clock is slow: of June it knows nothing yet.
    let june = false;
    const organization = smallOrganization(quick);
    const { until, look, replica } = nearMidnight(quick, '2026-05-31T23:30Z', {
      page: (width, start, now) => {
        const whole = organization.bucket(width, start, now);
        // Returned clipped, and so taken for nothing.
        return june || start < midnight ? whole : { ...whole, end: start };
      },
      fails: (_, start) => !june && start >= midnight,
    });
    look();
    expect(until('2026-06-01T03:00Z')).toEqual({ a: 10 });
    expect(replica().account.ledger.anchor).toBe(may);
    june = true;
    expect(until('2026-06-01T03:10Z')).toEqual({ a: 3 });
  });
});

describe('an outage of the API across midnight', () => {
  test.each([
    ['from before to just after', '2026-05-31T23:40Z', '2026-06-01T00:10Z'],
    ['past the settle delay', '2026-05-31T23:50Z', '2026-06-01T00:20Z'],
    ['past the rollover', '2026-05-31T23:55Z', '2026-06-01T00:50Z'],
    ['for hours', '2026-05-31T20:00Z', '2026-06-01T05:07Z'],
    ['for a day', '2026-05-31T12:00Z', '2026-06-01T13:00Z'],
    ['for days', '2026-05-30T12:00Z', '2026-06-03T13:00Z'],
  ])('%s loses nothing', (_, begin, end) => {
    const entries: Entry[] = [];
    for (let start = at('2026-05-30T10:00Z'); start < at('2026-06-03T14:00Z'); start += 300) {
      entries.push(used('often', start, 3));
    }
    entries.push(used('last', at('2026-05-31T23:59Z'), 2), used('first', at('2026-06-01T00:00Z'), 4));
    entries.push(used('old', at('2026-05-10T00:00Z'), 1));
    let out = false;
    const world = nearMidnight(entries, new Date(at(begin) * 1_000 - 20 * minute).toISOString(), { fails: () => out });
    world.look();
    world.until(begin);
    out = true;
    world.until(end);
    out = false;
    // Until the rollover is through.
    const calm = new Date(Math.max(at(end), at('2026-06-01T01:00Z')) * 1_000 + hour).toISOString();
    world.until(calm);
    const { organization, time, scraper } = world;
    const settled = bucketAt(time.now - 15 * minute, '1m');
    for (const model of ['often', 'last', 'first', 'old']) {
      const known = organization.tokens(may, settled, undefined, model);
      expect([model, scraper.counted.get(model) ?? 0]).toEqual([model, known]);
    }
  });
});

describe('a restart at each minute around midnight', () => {
  const entries: Entry[] = [];
  for (let start = at('2026-05-31T21:00Z'); start < at('2026-06-01T02:00Z'); start += 240) {
    entries.push(used('often', start, 3));
  }
  entries.push(
    used('big', at('2026-05-10T00:00Z'), 1_000_000),
    used('big', at('2026-05-31T23:59Z'), 17, 700),
    used('big', at('2026-06-01T00:00Z'), 11),
    used('small', at('2026-05-31T23:59Z'), 2),
    used('small', at('2026-06-01T00:03Z'), 500),
    used('old', at('2026-05-10T00:00Z'), 5),
    used('born', at('2026-06-01T00:20Z'), 9),
  );
  const minutes = Array.from({ length: 80 }, (_, index) => index - 20);
  const models = ['often', 'big', 'small', 'old', 'born'];

  function lifeWith(state: boolean, restartAt: number, downtime = 0) {
    const world = nearMidnight(entries, '2026-05-31T23:35Z');
    world.look();
    world.until(new Date((midnight + restartAt * 60) * 1_000).toISOString());
    world.time.now += downtime * minute;
    world.time.elapsed += downtime * minute;
    world.restart(state);
    world.until('2026-06-01T02:20Z');
    return world;
  }

  test('with the state file: Prometheus counts every series exactly', () => {
    for (const restartAt of minutes) {
      const { organization, time, scraper } = lifeWith(true, restartAt);
      const settled = bucketAt(time.now - 15 * minute, '1m');
      const counted = Object.fromEntries(models.map((model) => [model, scraper.counted.get(model) ?? 0]));
      const truth = Object.fromEntries(
        models.map((model) => [model, organization.tokens(may, settled, undefined, model)]),
      );
      expect([restartAt, counted]).toEqual([restartAt, truth]);
    }
  });

  test('with the state file and the process down for a while: the same', () => {
    for (const restartAt of minutes.filter((each) => each % 3 === 0)) {
      const { organization, time, scraper } = lifeWith(true, restartAt, 37);
      const settled = bucketAt(time.now - 15 * minute, '1m');
      const counted = Object.fromEntries(models.map((model) => [model, scraper.counted.get(model) ?? 0]));
      const truth = Object.fromEntries(
        models.map((model) => [model, organization.tokens(may, settled, undefined, model)]),
      );
      expect([restartAt, counted]).toEqual([restartAt, truth]);
    }
  });

  test('without it: what is shown ends right, and the old total stays until its time', () => {
    for (const restartAt of minutes.filter((each) => each % 2 === 0)) {
      const { organization, time, story, replica } = lifeWith(false, restartAt);
      const settled = bucketAt(time.now - 15 * minute, '1m');
      const shown = Object.fromEntries(replica().show());
      for (const model of models) {
        const truth = organization.tokens(midnight, settled, undefined, model);
        expect([restartAt, model, shown[model] ?? 0]).toEqual([restartAt, model, truth]);
      }
      for (const [minuteOf, each] of story) {
        if (minuteOf < 30)
          expect([restartAt, minuteOf, each['big']]).toEqual([
            restartAt,
            minuteOf,
            minuteOf < 15 ? 1_000_000 : 1_000_017,
          ]);
      }
    }
  });

  test('without it and down while the period ends: a reset can go unseen, at a loss of the old total at most', () => {
    const { organization, time, scraper } = lifeWith(false, 25, 10);
    const settled = bucketAt(time.now - 15 * minute, '1m');
    for (const model of models) {
      const missing = organization.tokens(may, settled, undefined, model) - (scraper.counted.get(model) ?? 0);
      // The new total of this one is larger than the old one was.
      expect([model, missing]).toEqual([model, model === 'small' ? 2 : 0]);
    }
  });

  test('without it: a series that was there before is still counted exactly, if its reset can be seen', () => {
    for (const restartAt of minutes.filter((each) => each % 2 === 1 || each % 2 === -1)) {
      const { organization, time, scraper } = lifeWith(false, restartAt);
      const settled = bucketAt(time.now - 15 * minute, '1m');
      const counted = scraper.counted.get('big');
      expect([restartAt, counted]).toEqual([restartAt, organization.tokens(may, settled, undefined, 'big')]);
    }
  });
});

describe('whatever happens around midnight', () => {
  const entry = fc.record({
    model: fc.constantFrom('a', 'b', 'c'),
    /** Minutes from midnight. */
    at: fc.oneof(fc.integer({ min: -180, max: 90 }), fc.constantFrom(-1, 0, -60, -2_000)),
    tokens: fc.integer({ min: 1, max: 9 }),
    delay: fc.integer({ min: 0, max: 840 }),
  });
  const step = fc.record({
    minutes: fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 25 })),
    poll: fc.boolean(),
    history: fc.boolean(),
    breaks: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 12 })),
    restart: fc.integer({ min: 0, max: 4 }).map((n) => n === 0),
  });

  test('with the state file Prometheus counts every group of both periods exactly', () => {
    const entries = fc.array(entry, { minLength: 1, maxLength: 12 });
    const begin = fc.integer({ min: -150, max: 20 });
    fc.assert(
      fc.property(entries, fc.array(step, { maxLength: 12 }), begin, (drawn, steps, from) => {
        const organization = smallOrganization(
          drawn.map(({ model, at: minuteOf, tokens, delay }) => used(model, midnight + minuteOf * 60, tokens, delay)),
        );
        const time = { now: (midnight + from * 60) * 1_000 + 30_000, elapsed: 0 };
        let breaks = 0;
        let reads = 0;
        const fails = () => {
          reads++;
          return breaks > 0 && reads % breaks === 0;
        };
        let replica = createReplica({ organization, time, fails });
        /** The first period of which anything was shown: if June has begun before, nobody asks for May. */
        let began: number | undefined;
        const scraper = createScraper();
        const pass = (minutes: number) => {
          time.now += minutes * minute;
          time.elapsed += minutes * minute;
        };
        for (const each of steps) {
          pass(each.minutes);
          breaks = each.breaks;
          if (each.restart) {
            const { state } = replica;
            replica = createReplica({ organization, time, fails, state });
          }
          if (each.poll) replica.poll();
          if (each.history) replica.readHistory();
          scraper.scrape(replica.show());
          began ??= replica.account.book?.ledger.anchor;
        }
        breaks = 0;
        time.now = Math.max(time.now, (midnight + 120 * 60) * 1_000);
        for (let calm = 0; calm < 14; calm++) {
          pass(1);
          scraper.scrape(replica.round());
          // A process that was there before May had ended shows it first, however late it can read it.
          began ??= replica.account.book?.ledger.anchor;
        }
        expect(replica.account.ledger.anchor).toBe(midnight);
        for (const model of ['a', 'b', 'c']) {
          const truth = organization.tokens(began ?? midnight, midnight + 86_400, undefined, model);
          expect([model, scraper.counted.get(model) ?? 0]).toEqual([model, truth]);
        }
      }),
      { numRuns: propertyRuns },
    );
  });
});

/** Tests what the counters show over time: first 0, then the truth, never less. */
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import type { Width } from '../../src/openai/catalogue.ts';
import { bucketAt, day, hour, minute } from '../../src/usage/windows.ts';
import { createReplica, type Replica, type ReplicaOptions } from '../helpers/replica.ts';
import { seconds } from '../helpers/rows.ts';
import { propertyRuns, propertyTimeout } from '../helpers/runs.ts';
import { createScraper } from '../helpers/scraper.ts';
import { type Entry, type SmallOrganization, smallOrganization, used } from '../helpers/small-organization.ts';

vi.setConfig({ testTimeout: propertyTimeout });

const anchor = seconds('2026-05-01T00:00Z');

function timeAt(text: string) {
  return { now: seconds(text) * 1_000, elapsed: 5_000 };
}

function pass(time: { now: number; elapsed: number }, ms: number): void {
  time.now += ms;
  time.elapsed += ms;
}

/** A replica at a time, and rounds of it every minute. */
function start(entries: Entry[], at: string, more: Partial<ReplicaOptions> = {}) {
  const organization = smallOrganization(entries);
  const time = timeAt(at);
  const replica = createReplica({ organization, time, ...more });
  return {
    organization,
    time,
    replica,
    /** Lets minutes pass, one round in each; returns what is shown at the end. */
    shownAfter(minutes: number): Record<string, number> {
      let shown = new Map<string, number>();
      for (let each = 0; each < minutes; each++) {
        pass(time, minute);
        shown = replica.round();
      }
      return Object.fromEntries(shown);
    },
    round: () => Object.fromEntries(replica.round()),
  };
}

const minuteAt = (text: string) => seconds(text);

describe('at the start', () => {
  test('settled history is shown at once, and in full', () => {
    const { round } = start(
      [
        used('a', minuteAt('2026-05-01T00:00Z'), 1),
        used('a', minuteAt('2026-05-09T12:00Z'), 10),
        used('a', minuteAt('2026-05-10T08:59Z'), 100),
      ],
      '2026-05-10T10:30:30Z',
    );
    expect(round()).toEqual({ a: 111 });
  });

  test('what has not settled is not counted, and what is of another month neither', () => {
    const { round } = start(
      [
        used('a', minuteAt('2026-04-30T23:59Z'), 1_000),
        used('a', minuteAt('2026-05-03T12:00Z'), 10),
        used('a', minuteAt('2026-05-10T10:20Z'), 100),
      ],
      '2026-05-10T10:30:30Z',
    );
    expect(round()).toEqual({ a: 10 });
  });

  test('nothing is shown before all of the history is there: never a partial sum', () => {
    let broken = true;
    const missing = seconds('2026-05-05T00:00Z');
    const { round, shownAfter } = start(
      [used('a', minuteAt('2026-05-02T12:00Z'), 10), used('a', minuteAt('2026-05-08T12:00Z'), 5)],
      '2026-05-10T10:30:30Z',
      {
        fails: (width, start) => broken && width === '1d' && start === missing,
      },
    );
    expect(round()).toEqual({});
    expect(shownAfter(5)).toEqual({});
    broken = false;
    expect(shownAfter(1)).toEqual({ a: 15 });
  });

  test('the reading of history goes on where it failed', () => {
    let broken = true;
    const reads: number[] = [];
    const { replica } = start([used('a', minuteAt('2026-05-02T12:00Z'), 10)], '2026-05-10T10:30:30Z', {
      fails: (width, start) => {
        if (width === '1d') reads.push(start);
        return broken && width === '1d' && start === seconds('2026-05-05T00:00Z');
      },
    });
    replica.readHistory();
    broken = false;
    reads.length = 0;
    replica.readHistory();
    expect(reads[0]).toBe(seconds('2026-05-05T00:00Z'));
    expect(reads.length).toBe(5);
  });

  test('a series whose only usage has not settled begins at 0', () => {
    const { round, shownAfter } = start([used('a', minuteAt('2026-05-10T10:20Z'), 100)], '2026-05-10T10:30:30Z');
    expect(round()).toEqual({ a: 0 });
    expect(shownAfter(20)).toEqual({ a: 100 });
  });
});

describe('zero first', () => {
  test('a new series appears at 0 with its first bucket, and rises when that has settled', () => {
    const { round, shownAfter, organization } = start(
      [used('a', minuteAt('2026-05-02T12:00Z'), 10)],
      '2026-05-10T10:30:30Z',
    );
    round();
    organization.entries.push(used('b', minuteAt('2026-05-10T10:31Z'), 7, 60));
    expect(shownAfter(1)).toEqual({ a: 10 });
    // Known from 10:33; settled at 10:47.
    expect(shownAfter(2)).toEqual({ a: 10, b: 0 });
    expect(shownAfter(13)).toEqual({ a: 10, b: 0 });
    expect(shownAfter(1)).toEqual({ a: 10, b: 7 });
  });

  test('a series first seen when it has settled already stays at 0 for the zero-hold', () => {
    const { round, shownAfter, time, replica, organization } = start([], '2026-05-10T10:30:30Z', {
      zeroHold: 5 * minute,
    });
    round();
    // The API comes to know an old hour at last.
    organization.entries.push({ model: 'late', minute: minuteAt('2026-05-10T09:00Z'), tokens: 3, known: time.now });
    time.now = seconds('2026-05-10T11:16Z') * 1_000;
    expect(round()).toEqual({ late: 0 });
    expect(shownAfter(4)).toEqual({ late: 0 });
    pass(time, minute - 1);
    expect(Object.fromEntries(replica.show())).toEqual({ late: 0 });
    pass(time, 1);
    expect(Object.fromEntries(replica.show())).toEqual({ late: 3 });
  });

  test('the zero-hold is real time: a clock that is set forward does not end it', () => {
    const { round, time, replica, organization } = start([], '2026-05-10T10:30:30Z');
    round();
    organization.entries.push(used('b', minuteAt('2026-05-10T09:00Z'), 3));
    time.now = seconds('2026-05-10T11:16Z') * 1_000;
    expect(round()).toEqual({ b: 0 });
    time.now += hour;
    expect(Object.fromEntries(replica.show())).toEqual({ b: 0 });
  });

  test('an explicit 0 alone makes no series', () => {
    const { round } = start([], '2026-05-10T10:30:30Z', {
      page: (width, from, at) => {
        const empty = smallOrganization().bucket(width, from, at);
        return {
          ...empty,
          rows: 1,
          labels: [['zero']],
          numbers: new Map([['input_tokens', Float64Array.of(0)]]),
        };
      },
    });
    expect(round()).toEqual({});
  });
});

describe('restatements', () => {
  test('upwards are a rise; one for each group, field and bucket is counted', () => {
    const { round, shownAfter, organization, replica, time } = start(
      [used('a', minuteAt('2026-05-10T08:05Z'), 10)],
      '2026-05-10T10:30:30Z',
    );
    round();
    expect(replica.restated).toEqual({ up: 0, down: 0 });
    organization.entries.push({ model: 'a', minute: minuteAt('2026-05-10T08:06Z'), tokens: 5, known: time.now });
    expect(shownAfter(60)).toEqual({ a: 15 });
    expect(replica.restated).toEqual({ up: 1, down: 0 });
    expect(replica.heldBack()).toBe(0);
  });

  test('downwards are held back until growth overtakes them', () => {
    const { round, shownAfter, organization, replica, time } = start(
      [used('a', minuteAt('2026-05-10T08:05Z'), 10)],
      '2026-05-10T10:30:30Z',
    );
    round();
    organization.entries.push({ model: 'a', minute: minuteAt('2026-05-10T08:05Z'), tokens: -4, known: time.now });
    expect(shownAfter(60)).toEqual({ a: 10 });
    expect(replica.restated).toEqual({ up: 0, down: 1 });
    expect(replica.heldBack()).toBe(4);
    organization.entries.push(used('a', minuteAt('2026-05-10T11:31Z'), 3));
    expect(shownAfter(30)).toEqual({ a: 10 });
    expect(replica.heldBack()).toBe(1);
    organization.entries.push(used('a', minuteAt('2026-05-10T12:01Z'), 3));
    expect(shownAfter(30)).toEqual({ a: 12 });
    expect(replica.heldBack()).toBe(0);
  });

  test('usage that moves between groups counts in both, and what is held back says how much', () => {
    const { round, shownAfter, organization, replica, time } = start(
      [used('a', minuteAt('2026-05-10T08:05Z'), 10)],
      '2026-05-10T10:30:30Z',
    );
    round();
    organization.entries.push(
      { model: 'a', minute: minuteAt('2026-05-10T08:05Z'), tokens: -10, known: time.now },
      { model: 'b', minute: minuteAt('2026-05-10T08:05Z'), tokens: 10, known: time.now },
    );
    expect(shownAfter(70)).toEqual({ a: 10, b: 10 });
    expect(replica.heldBack()).toBe(10);
    expect(replica.restated).toEqual({ up: 1, down: 1 });
  });

  test('minutes, hours and days that agree hand over without a change, and none is counted', () => {
    const entries: Entry[] = [];
    for (let at = seconds('2026-05-09T22:00Z'); at < seconds('2026-05-11T02:00Z'); at += 420)
      entries.push(used('a', at, 1));
    const { round, shownAfter, replica, organization, time } = start(entries, '2026-05-09T22:30:30Z');
    round();
    let before = 0;
    for (let each = 0; each < 27 * 60; each++) {
      const shown = shownAfter(1)['a'] ?? 0;
      const settled = bucketAt(time.now - 15 * minute, '1m');
      expect(shown).toBe(organization.tokens(anchor, settled));
      expect(shown).toBeGreaterThanOrEqual(before);
      before = shown;
    }
    expect(replica.restated).toEqual({ up: 0, down: 0 });
  });

  test('an hour that says otherwise than its minutes is a restatement', () => {
    const more = (width: Width, from: number, at: number) => {
      const extra = width === '1h' && from === seconds('2026-05-10T10:00Z') ? 1 : 0;
      return smallOrganization([used('a', minuteAt('2026-05-10T10:05Z'), 10 + extra)]).bucket(width, from, at);
    };
    const { round, shownAfter, replica } = start([], '2026-05-10T10:00:30Z', { page: more });
    round();
    expect(shownAfter(25)).toEqual({ a: 10 });
    expect(shownAfter(60)).toEqual({ a: 11 });
    expect(replica.restated).toEqual({ up: 1, down: 0 });
  });
});

describe('the ways in which it goes wrong elsewhere', () => {
  test('read once: what comes late is counted, too', () => {
    const late = minuteAt('2026-05-10T10:31Z');
    const { round, shownAfter } = start(
      [used('a', late, 1, 30), used('a', late, 2, 300), used('a', late, 4, 800)],
      '2026-05-10T10:30:30Z',
    );
    round();
    expect(shownAfter(40)).toEqual({ a: 7 });
  });

  test('clipped buckets are not counted', () => {
    const organization = smallOrganization([used('a', minuteAt('2026-05-10T10:05Z'), 10)]);
    let clip = true;
    const { round, shownAfter } = start([], '2026-05-10T10:30:30Z', {
      page: (width, from, at) => {
        const whole = organization.bucket(width, from, at);
        return clip && whole.rows > 0 ? { ...whole, end: whole.end - 1 } : whole;
      },
    });
    round();
    expect(Object.values(shownAfter(60)).reduce((a, b) => a + b, 0)).toBe(0);
    clip = false;
    expect(shownAfter(70)).toEqual({ a: 10 });
  });

  test('a restart reads the history again and counts nothing twice', () => {
    const entries = [used('a', minuteAt('2026-05-09T12:00Z'), 10), used('a', minuteAt('2026-05-10T09:00Z'), 5)];
    const first = start(entries, '2026-05-10T10:30:30Z');
    expect(first.round()).toEqual({ a: 15 });
    const second = createReplica({ organization: first.organization, time: first.time });
    expect(Object.fromEntries(second.round())).toEqual({ a: 15 });
  });

  test('a replay that ends lower than before is held back with the state file, and a reset without', () => {
    const first = start([used('a', minuteAt('2026-05-09T12:00Z'), 10)], '2026-05-10T10:30:30Z');
    first.round();
    first.organization.entries.push({
      model: 'a',
      minute: minuteAt('2026-05-09T12:00Z'),
      tokens: -4,
      known: first.time.now,
    });
    pass(first.time, 5 * minute);
    const { organization, time } = first;
    const remembering = createReplica({ organization, time, state: first.replica.state });
    expect(Object.fromEntries(remembering.round())).toEqual({ a: 10 });
    expect(remembering.heldBack()).toBe(4);
    const forgetful = createReplica({ organization, time });
    expect(Object.fromEntries(forgetful.round())).toEqual({ a: 6 });
  });

  test('a series that is not used for days stays', () => {
    const { round, shownAfter, time } = start([used('a', minuteAt('2026-05-02T12:00Z'), 10)], '2026-05-10T10:30:30Z');
    round();
    time.now += 6 * day;
    time.elapsed += 6 * day;
    expect(shownAfter(1)).toEqual({ a: 10 });
  });
});

describe('outages of the API', () => {
  test.each([
    ['minutes', 9],
    ['an hour', 75],
    ['many hours', 7 * 60 + 13],
    ['a day', 24 * 60 + 20],
    ['days', 3 * 24 * 60],
  ])('of %s heal', (_, minutes) => {
    const entries: Entry[] = [];
    for (let at = seconds('2026-05-10T09:00Z'); at < seconds('2026-05-13T18:00Z'); at += 600)
      entries.push(used('a', at, 1));
    let out = false;
    const { round, shownAfter, time, organization } = start(entries, '2026-05-10T10:30:30Z', { fails: () => out });
    const before = round()['a'] ?? 0;
    out = true;
    pass(time, minutes * minute);
    expect(round()).toEqual({ a: before });
    out = false;
    const settled = bucketAt(time.now + minute - 15 * minute, '1m');
    expect(shownAfter(1)).toEqual({ a: organization.tokens(anchor, settled) });
  });
});

describe('a clock', () => {
  const entries = () => {
    const all: Entry[] = [];
    for (let at = seconds('2026-05-09T00:00Z'); at < seconds('2026-05-12T00:00Z'); at += 180)
      all.push(used('a', at, 1));
    return all;
  };

  test.each([
    ['an hour forward', hour],
    ['a day forward', day],
    ['an hour back', -hour],
    ['a day back', -day],
    ['ten minutes forward', 10 * minute],
    ['ten minutes back', -10 * minute],
  ])('that jumps %s and is put right: no fall, nothing twice', (_, jump) => {
    // The API lives by the true time; only the process's own clock is wrong.
    const organization = smallOrganization(entries());
    const time = timeAt('2026-05-10T10:30:30Z');
    let truth = time.now;
    const replica = createReplica({
      organization,
      time,
      page: (width, from) => organization.bucket(width, from, truth),
    });
    let before = 0;
    const go = (minutes: number) => {
      for (let each = 0; each < minutes; each++) {
        pass(time, minute);
        truth += minute;
        const shown = replica.round().get('a') ?? before;
        expect(shown).toBeGreaterThanOrEqual(before);
        // What the API knows at most.
        expect(shown).toBeLessThanOrEqual(organization.tokens(anchor, truth / 1_000, truth));
        before = shown;
      }
    };
    go(10);
    time.now += jump;
    go(100);
    time.now -= jump;
    go(120);
    expect(before - replica.heldBack()).toBe(organization.tokens(anchor, bucketAt(truth - 15 * minute, '1m')));
    expect(replica.heldBack()).toBe(0);
  });

  test('that stands still: nothing falls, and it goes on when the clock does', () => {
    const { round, shownAfter, time, replica, organization } = start(entries(), '2026-05-10T10:30:30Z');
    const before = round();
    for (let each = 0; each < 30; each++) {
      time.elapsed += minute;
      expect(Object.fromEntries(replica.round())).toEqual(before);
    }
    expect(shownAfter(1)['a']).toBe(organization.tokens(anchor, bucketAt(time.now - 15 * minute, '1m')));
  });
});

describe('the history cannot be read back to the anchor', () => {
  test('no counters until the next period, then from 0', () => {
    const entries = [used('a', minuteAt('2026-05-30T12:00Z'), 10), used('a', minuteAt('2026-06-01T00:05Z'), 3)];
    const organization = smallOrganization(entries);
    const time = timeAt('2026-05-31T23:00:30Z');
    const replica = createReplica({ organization, time });
    replica.poll();
    replica.account.abandon(replica.account.history(time.now).ledger);
    expect(replica.account.counters).toBe('abandoned');
    const shown: Record<string, number>[] = [];
    for (let each = 0; each < 110; each++) {
      pass(time, minute);
      shown.push(Object.fromEntries(replica.round()));
    }
    const distinct = [...new Set(shown.map((each) => JSON.stringify(each)))];
    expect(distinct).toEqual(['{}', '{"a":0}', '{"a":3}']);
    expect(replica.account.counters).toBe('shown');
  });
});

/** Everything that can happen to one process or two, by chance. */
const models = ['a', 'b', 'c'];
const firstMinute = seconds('2026-05-01T00:00Z') / 60;
const span = 3 * 24 * 60;

const entryList = fc.array(
  fc.record({
    model: fc.constantFrom(...models),
    at: fc.integer({ min: 0, max: span - 1 }),
    tokens: fc.integer({ min: 1, max: 50 }),
    delay: fc.integer({ min: 0, max: 14 * 60 }),
    /** A later word on it: by how much, and how many minutes after. */
    restated: fc.option(
      fc.record({ share: fc.integer({ min: -100, max: 100 }), after: fc.integer({ min: 20, max: 3_000 }) }),
      { nil: undefined },
    ),
  }),
  { minLength: 1, maxLength: 25 },
);

type Drawn = (typeof entryList extends fc.Arbitrary<infer T> ? T : never)[number];

function entriesOf(drawn: readonly Drawn[], downToo: boolean): Entry[] {
  return drawn.flatMap(({ model, at, tokens, delay, restated }) => {
    const first = used(model, (firstMinute + at) * 60, tokens, delay);
    const change = Math.round((tokens * (restated?.share ?? 0)) / 100);
    const tokensMore = downToo ? change : Math.abs(change);
    if (restated === undefined || tokensMore === 0) return [first];
    return [first, { ...first, tokens: tokensMore, known: first.known + restated.after * minute }];
  });
}

const stepList = fc.array(
  fc.record({
    minutes: fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 10, max: 600 })),
    poll: fc.boolean(),
    history: fc.boolean(),
    /** The read breaks off at every n-th bucket; 0: not at all. */
    breaks: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 40 })),
    restart: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
  }),
  { minLength: 1, maxLength: 14 },
);

type Step = (typeof stepList extends fc.Arbitrary<infer T> ? T : never)[number];

interface Life {
  readonly scraper: ReturnType<typeof createScraper>;
  readonly shown: ReadonlyMap<string, number>;
  readonly replica: Replica;
  readonly time: { now: number };
  readonly fell: boolean;
}

/** Lives through the steps, then calmly until everything is known and read again. */
function live(
  organization: SmallOrganization,
  steps: readonly Step[],
  { begin, state, grouped = true }: { begin: number; state: boolean; grouped?: boolean },
): Life {
  const time = { now: (firstMinute + begin) * 60_000 + 30_000, elapsed: 0 };
  let breaks = 0;
  let reads = 0;
  const fails = () => {
    reads++;
    return breaks > 0 && reads % breaks === 0;
  };
  const make = (left?: Buffer) => createReplica({ organization, time, grouped, fails, state: left });
  let replica = make();
  const scraper = createScraper();
  let shown = new Map<string, number>();
  let fell = false;
  const look = () => {
    const now = replica.show();
    for (const [series, value] of now) if (value < (shown.get(series) ?? 0)) fell = true;
    // A series that is absent for a while is remembered, as Prometheus does.
    shown = new Map([...shown, ...now]);
    scraper.scrape(now);
  };
  for (const step of steps) {
    pass(time, step.minutes * minute);
    breaks = step.breaks;
    if (step.restart) replica = make(state ? replica.state : undefined);
    if (step.poll) replica.poll();
    if (step.history) replica.readHistory();
    look();
  }
  breaks = 0;
  // Past everything that is to come, and past the daily reading of all days; within the month.
  time.now = Math.max(time.now, (firstMinute + span + 3_100) * 60_000);
  for (const minutes of [1, 26 * 60, 1, 1, 1, 1, 30]) {
    pass(time, minutes * minute);
    replica.poll();
    replica.readHistory();
    look();
  }
  return { scraper, shown, replica, time, fell };
}

function truthOf(organization: SmallOrganization, model?: string): number {
  return organization.tokens(anchor, anchor + 31 * 86_400, undefined, model);
}

describe('whatever happens', () => {
  const begin = fc.integer({ min: 60, max: span });

  test('without restatements downwards: never a fall, right in the end, and Prometheus counts each group exactly', () => {
    fc.assert(
      fc.property(entryList, stepList, begin, (drawn, steps, from) => {
        const organization = smallOrganization(entriesOf(drawn, false));
        const { shown, scraper, fell, replica } = live(organization, steps, { begin: from, state: true });
        expect(fell).toBe(false);
        expect(replica.heldBack()).toBe(0);
        for (const model of models) {
          expect(shown.get(model) ?? 0).toBe(truthOf(organization, model));
          expect(scraper.counted.get(model) ?? 0).toBe(truthOf(organization, model));
        }
      }),
      { numRuns: propertyRuns },
    );
  });

  test('with restatements and the state file: never a fall; sum of groups − held back = ungrouped sum', () => {
    fc.assert(
      fc.property(entryList, stepList, begin, (drawn, steps, from) => {
        const organization = smallOrganization(entriesOf(drawn, true));
        const { shown, scraper, fell, replica } = live(organization, steps, { begin: from, state: true });
        expect(fell).toBe(false);
        expect([...scraper.resets]).toEqual([]);
        const current = replica.show();
        const sum = [...current.values()].reduce((a, b) => a + b, 0);
        expect(sum - replica.heldBack()).toBe(truthOf(organization));
        for (const model of models) {
          expect(current.get(model) ?? 0).toBeGreaterThanOrEqual(truthOf(organization, model));
          expect(scraper.counted.get(model) ?? 0).toBe(shown.get(model) ?? 0);
        }
      }),
      { numRuns: propertyRuns },
    );
  });

  test('a running process never lets a counter fall, with or without a state file', () => {
    fc.assert(
      fc.property(entryList, stepList, begin, (drawn, steps, from) => {
        const organization = smallOrganization(entriesOf(drawn, true));
        const calm = steps.map((step) => ({ ...step, restart: false }));
        const { scraper, fell, replica } = live(organization, calm, { begin: from, state: false, grouped: false });
        expect(fell).toBe(false);
        expect((scraper.counted.get('') ?? 0) - replica.heldBack()).toBe(truthOf(organization));
      }),
      { numRuns: propertyRuns },
    );
  });

  test('replicas agree once they have made the same reads, but for what is held back', () => {
    fc.assert(
      fc.property(entryList, stepList, stepList, begin, begin, (drawn, steps, otherSteps, from, otherFrom) => {
        const rising = smallOrganization(entriesOf(drawn, false));
        const one = live(rising, steps, { begin: from, state: false });
        const other = live(rising, otherSteps, { begin: otherFrom, state: false });
        expect(Object.fromEntries(one.replica.show())).toEqual(Object.fromEntries(other.replica.show()));

        const restated = smallOrganization(entriesOf(drawn, true));
        const total = ({ replica }: Life) =>
          [...replica.show().values()].reduce((a, b) => a + b, 0) - replica.heldBack();
        expect(total(live(restated, steps, { begin: from, state: false }))).toBe(
          total(live(restated, otherSteps, { begin: otherFrom, state: false })),
        );
      }),
      { numRuns: Math.ceil(propertyRuns / 2) },
    );
  });
});

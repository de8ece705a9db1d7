/** Rows that are refused, for an hour or for ever: what they leave unknown must not keep from being known what is. */
import { describe, expect, test, vi } from 'vitest';
import type { RawBucket } from '../../src/openai/bucket-page.ts';
import { type Width, widthSeconds } from '../../src/openai/catalogue.ts';
import { collectBucket } from '../../src/usage/bucket.ts';
import { type Changes, Ledger } from '../../src/usage/ledger.ts';
import { recent } from '../../src/usage/recent.ts';
import { refusalHold } from '../../src/usage/settle.ts';
import { bucketAt, hour, minute } from '../../src/usage/windows.ts';
import { createReplica, type ReplicaOptions } from '../helpers/replica.ts';
import { endpointNamed, rawBucket, seconds } from '../helpers/rows.ts';
import { propertyTimeout } from '../helpers/runs.ts';
import { createScraper } from '../helpers/scraper.ts';
import { type Entry, smallOrganization, used } from '../helpers/small-organization.ts';

vi.setConfig({ testTimeout: propertyTimeout });

const endpoint = endpointNamed('embeddings');
const settleDelay = 15 * minute;
const may = seconds('2026-05-01T00:00Z');
const at = (text: string) => seconds(text) * 1_000;

describe('a bucket with refused rows', () => {
  const start = seconds('2026-05-10T08:00Z');
  const settles = at('2026-05-10T09:15Z');

  function reader() {
    const time = { now: 0 };
    const ledger = new Ledger({
      endpoint,
      dimensions: ['model'],
      maxGroups: 9,
      anchor: may,
      clock: { now: () => time.now },
    });
    return (readAt: number, tokens: number | 'refused'): [boolean | undefined, Changes] => {
      time.now = readAt;
      const rows = [
        { labels: ['good'], fields: { input_tokens: 1 } },
        ...(tokens === 'refused' ? [] : [{ labels: ['bad'], fields: { input_tokens: tokens } }]),
      ];
      const refused = tokens === 'refused' ? [['bad']] : [];
      const raw = { ...rawBucket('1h', start, rows), malformedRows: refused.length, refused };
      const bucket = collectBucket(raw, '1h', readAt, settleDelay, ledger.groups, ledger.fields);
      const changes = bucket === undefined ? { up: -1, down: -1, incomplete: -1 } : ledger.put(bucket);
      return [ledger.buckets.get('1h', start)?.settled, changes];
    };
  }
  const nothing = { up: 0, down: 0, incomplete: 0 };

  test('is final when they have been refused for long enough since it could have settled', () => {
    const read = reader();
    expect(read(settles - 20 * minute, 'refused')).toEqual([false, nothing]);
    expect(read(settles, 'refused')).toEqual([false, nothing]);
    expect(read(settles + refusalHold - 1, 'refused')).toEqual([false, nothing]);
    expect(read(settles + refusalHold, 'refused')).toEqual([true, { ...nothing, incomplete: 1 }]);
    // It was said.
    expect(read(settles + 2 * refusalHold, 'refused')).toEqual([true, nothing]);
  });

  test('is not final because it is old: the fault may be one that passes', () => {
    const read = reader();
    const late = settles + 100 * hour;
    expect(read(late, 'refused')).toEqual([false, nothing]);
    expect(read(late + refusalHold - 1, 'refused')).toEqual([false, nothing]);
    expect(read(late + refusalHold, 'refused')).toEqual([true, { ...nothing, incomplete: 1 }]);
  });

  test('is final at once when the rows come as they should, and what was missing is restated upwards', () => {
    const read = reader();
    expect(read(settles, 'refused')).toEqual([false, nothing]);
    expect(read(settles + minute, 7)).toEqual([true, nothing]);
    const other = reader();
    other(settles, 'refused');
    other(settles + refusalHold, 'refused');
    expect(other(settles + hour, 7)).toEqual([true, { ...nothing, up: 1 }]);
  });

  test('never takes the place of one without', () => {
    const read = reader();
    expect(read(settles, 7)).toEqual([true, nothing]);
    for (let each = 1; each < 10; each++) expect(read(settles + each * hour, 'refused')).toEqual([true, nothing]);
    expect(read(settles + 10 * hour, 7)).toEqual([true, nothing]);
  });

  test('is known as before where the labels of a row cannot be read, and was asked for all the same', () => {
    const time = { now: settles };
    const ledger = new Ledger({
      endpoint,
      dimensions: ['model'],
      maxGroups: 9,
      anchor: may,
      clock: { now: () => time.now },
    });
    const put = (readAt: number, tokens: number, malformedRows: number) => {
      time.now = readAt;
      const raw = { ...rawBucket('1h', start, [{ labels: ['a'], fields: { input_tokens: tokens } }]), malformedRows };
      const bucket = collectBucket(raw, '1h', readAt, settleDelay, ledger.groups, ledger.fields);
      return bucket && ledger.put(bucket);
    };
    expect(put(settles, 7, 0)).toEqual(nothing);
    expect(put(settles + hour, 5, 1)).toEqual(nothing);
    const held = ledger.settled('1h', start);
    expect([held?.readAt, held?.numbers.get(0)?.[0]]).toEqual([settles + hour, 7]);
  });

  test('begins anew when they came right in between', () => {
    const read = reader();
    read(settles - hour, 'refused');
    read(settles - 30 * minute, 7);
    expect(read(settles + refusalHold - minute, 'refused')).toEqual([false, nothing]);
    expect(read(settles + refusalHold, 'refused')).toEqual([false, nothing]);
    expect(read(settles + 2 * refusalHold - minute, 'refused')).toEqual([true, { ...nothing, incomplete: 1 }]);
  });

  test('that was read by a clock that ran ahead is judged by the right one', () => {
    const read = reader();
    read(settles + 100 * hour, 'refused');
    expect(read(settles, 'refused')[0]).toBe(false);
    expect(read(settles + refusalHold, 'refused')[0]).toBe(true);
  });
});

test('a wide bucket has of each group with refused rows what all of its parts know, and nothing of one they do not', () => {
  const start = seconds('2026-05-10T08:00Z');
  const settles = at('2026-05-10T09:15Z');
  const time = { now: 0 };
  const options = { endpoint, dimensions: ['model'], maxGroups: 9, anchor: may, clock: { now: () => time.now } };
  const ledger = new Ledger(options);
  const put = (width: Width, from: number, readAt: number, tokens: Record<string, number>, refused: string[] = []) => {
    time.now = readAt;
    const rows = Object.entries(tokens).map(([model, input_tokens]) => ({ labels: [model], fields: { input_tokens } }));
    const raw = {
      ...rawBucket(width, from, rows),
      malformedRows: refused.length,
      refused: refused.map((each) => [each]),
    };
    const bucket = collectBucket(raw, width, readAt, settleDelay, ledger.groups, ledger.fields);
    return bucket && ledger.put(bucket);
  };
  const known = () => {
    const { groups, numbers, settled } = ledger.buckets.get('1h', start) ?? {};
    const values = [...(groups ?? [])].map((group, slot) => [ledger.groups.values(group)[0], numbers?.get(0)?.[slot]]);
    return [settled, Object.fromEntries(values.filter(([, value]) => !Number.isNaN(value ?? Number.NaN)))];
  };
  for (let each = 0; each < 60; each++) {
    const minuteOf = start + each * 60;
    if (each === 7) {
      put('1m', minuteOf, settles - hour, { a: 1, b: 2 }, ['c']);
      put('1m', minuteOf, settles, { a: 1, b: 2 }, ['c']);
    } else put('1m', minuteOf, settles, { a: 1, b: 2, c: 3 });
  }
  expect(put('1h', start, settles, { a: 61 }, ['b', 'c'])).toEqual({ up: 0, down: 0, incomplete: 0 });
  expect(known()).toEqual([false, { a: 61, b: 120 }]);
  expect(put('1h', start, settles + refusalHold, { a: 61 }, ['b', 'c'])).toMatchObject({ up: 1, incomplete: 1 });
  expect(known()).toEqual([true, { a: 61, b: 120 }]);
  // The bucket itself is what is known of it from now on.
  expect(put('1h', start, settles + hour, { b: 130, c: 180 }, ['a'])).toMatchObject({ up: 2, down: 0, incomplete: 0 });
  expect(known()).toEqual([true, { a: 61, b: 130, c: 180 }]);
});

/** Rows of a model are refused in the buckets that hold one of the minutes [from, to), in answers of some time. */
interface Fault {
  readonly model: string;
  /** Seconds. */
  readonly minutes: readonly [number, number];
  /** Milliseconds. */
  readonly answers?: readonly [number, number];
  /** The widths of the buckets that are meant; all, if left out. */
  readonly widths?: readonly Width[];
}

const always: readonly [number, number] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];

function start(entries: Entry[], from: string, fault: Fault, more: Partial<ReplicaOptions> = {}) {
  const organization = smallOrganization(entries);
  const time = { now: at(from) + 30_000, elapsed: 5_000 };
  const page = (width: Width, start: number, now: number): RawBucket => {
    const raw = organization.bucket(width, start, now);
    const end = start + widthSeconds[width];
    const [answersFrom, answersTo] = fault.answers ?? always;
    const isMet =
      start < fault.minutes[1] &&
      end > fault.minutes[0] &&
      now >= answersFrom &&
      now < answersTo &&
      fault.widths?.includes(width) !== false;
    const position = raw.labels[0]?.indexOf(fault.model) ?? -1;
    if (!isMet || position < 0) return raw;
    const without = <T>(column: readonly T[]) => column.filter((_, index) => index !== position);
    return {
      ...raw,
      rows: raw.rows - 1,
      labels: raw.labels.map(without),
      numbers: new Map([...raw.numbers].map(([name, column]) => [name, Float64Array.from(without([...column]))])),
      malformedRows: 1,
      refused: [[fault.model]],
    };
  };
  const options = { organization, time, page, ...more };
  let replica = createReplica(options);
  const scraper = createScraper();
  const look = (poll = true) => {
    const shown = poll ? replica.round() : replica.show();
    scraper.scrape(shown);
    return Object.fromEntries(shown);
  };
  look();
  return {
    time,
    organization,
    scraper,
    replica: () => replica,
    look,
    /** @param every minutes between two polls: a failing api is asked less often */
    until(text: string, every = 1, watch: (shown: Record<string, number>) => void = () => {}) {
      let shown: Record<string, number> = {};
      while (time.now + minute < at(text) + minute) {
        time.now += minute;
        time.elapsed += minute;
        shown = look(Math.floor(time.now / minute) % every === 0);
        watch(shown);
      }
      return shown;
    },
    restart(state?: Buffer) {
      replica = createReplica({ ...options, state });
    },
  };
}

/** Usage of two models in every fifth minute. */
function steady(from: string, to: string): Entry[] {
  const entries: Entry[] = [];
  for (let each = seconds(from); each < seconds(to); each += 300) {
    entries.push(used('good', each, 3), used('bad', each, 5));
  }
  return entries;
}

describe('one row that is refused for good', () => {
  const minuteOf = seconds('2026-05-31T20:10Z');
  const fault: Fault = { model: 'bad', minutes: [minuteOf, minuteOf + 60] };
  const entries = steady('2026-05-31T19:00Z', '2026-06-01T03:00Z');

  test('stops neither the counters of its api nor the turn of the month', () => {
    const { until, scraper, organization, replica } = start(entries, '2026-05-31T19:30Z', fault);
    const before = until('2026-05-31T23:59Z')['good'] ?? 0;
    expect(before).toBeGreaterThanOrEqual(organization.tokens(may, seconds('2026-05-31T23:40Z'), undefined, 'good'));
    const shown = until('2026-06-01T02:30Z');
    const june = seconds('2026-06-01T00:00Z');
    expect(replica().account.ledger.anchor).toBe(june);
    expect(shown['good']).toBe(organization.tokens(june, seconds('2026-06-01T02:15Z'), undefined, 'good'));
    const settled = seconds('2026-06-01T02:15Z');
    expect(scraper.counted.get('good')).toBe(organization.tokens(may, settled, undefined, 'good'));
    // Its day is what is known of May 31: all of what it lacks is one row of that width, whatever minutes are in it.
    expect(scraper.resets.get('good')).toBe(1);
  });
});

describe('a group whose rows are always refused', () => {
  const fault: Fault = { model: 'bad', minutes: always };
  const entries = steady('2026-05-10T06:00Z', '2026-05-11T04:00Z');

  test.each([
    ['polled each minute', 1],
    ['polled each ten minutes, as it is while polls fail', 10],
  ])('%s: the others are counted, an hour late at most', (_, every) => {
    const { until, time, organization, replica } = start(entries, '2026-05-10T07:30Z', fault);
    until('2026-05-10T09:00Z');
    const recentOptions = { endpoint, settleDelay, interval: () => minute };
    until('2026-05-11T02:00Z', every, (shown) => {
      const now = new Date(time.now).toISOString();
      const known = organization.tokens(may, time.now / 1_000 - 3_600, undefined, 'good');
      expect([now, shown['good']]).toEqual([now, expect.toSatisfy((value: number) => value >= known)]);
      expect([now, 'bad' in shown]).toEqual([now, false]);
      const { ledger } = replica().account;
      const gauges = recent(recentOptions, (width, start) => ledger.buckets.get(width, start), time.now).shown;
      const settled = gauges.filter(({ state }) => state === 'settled').map(({ width }) => width);
      expect([now, settled]).toEqual([now, ['1m', '1h']]);
    });
  });

  test('a restart shows the others within an hour and a half, and not lower than they were', () => {
    for (let restartAt = 0; restartAt < 60; restartAt += 7) {
      const { until, restart, scraper, time, organization } = start(entries, '2026-05-10T08:00Z', fault);
      until(`2026-05-10T10:${String(restartAt).padStart(2, '0')}Z`);
      const before = scraper.counted.get('good') ?? 0;
      restart();
      let shownAfter = 0;
      const restartedAt = time.now;
      until('2026-05-10T13:00Z', 1, (shown) => {
        if (shownAfter === 0 && 'good' in shown) {
          shownAfter = time.now - restartedAt;
          expect(shown['good']).toBeGreaterThanOrEqual(before);
        }
      });
      expect([restartAt, shownAfter > 0 && shownAfter <= 1.5 * hour]).toEqual([restartAt, true]);
      expect([restartAt, [...scraper.resets]]).toEqual([restartAt, []]);
      const settled = seconds('2026-05-10T12:15Z');
      expect(scraper.counted.get('good')).toBeGreaterThanOrEqual(organization.tokens(may, settled, undefined, 'good'));
    }
  });

  test('the month turns, and nothing of the others is lost', () => {
    const all = steady('2026-05-31T20:00Z', '2026-06-01T05:00Z');
    const { until, scraper, organization, replica, time } = start(all, '2026-05-31T21:30Z', fault);
    until('2026-06-01T04:30Z');
    expect(replica().account.ledger.anchor).toBe(seconds('2026-06-01T00:00Z'));
    expect(scraper.resets.get('good')).toBe(1);
    const counted = scraper.counted.get('good') ?? 0;
    expect(counted).toBeLessThanOrEqual(organization.tokens(may, bucketAt(time.now, '1m'), undefined, 'good'));
    expect(counted).toBeGreaterThanOrEqual(
      organization.tokens(may, bucketAt(time.now - hour, '1m'), undefined, 'good'),
    );
  });
});

describe('rows that are refused in wide buckets alone', () => {
  const entries = steady('2026-05-10T08:00Z', '2026-05-12T04:00Z');
  const fault: Fault = { model: 'bad', minutes: always, widths: ['1h', '1d'] };

  test('what the narrow ones say of their group goes on counting, and is shown', () => {
    const { until, scraper, organization, replica, time } = start(entries, '2026-05-10T07:30Z', fault);
    until('2026-05-12T02:20Z', 1, () => {
      const { account } = replica();
      expect([new Date(time.now).toISOString(), account.history(time.now).spans]).toEqual([expect.anything(), []]);
    });
    for (const model of ['good', 'bad']) {
      const truth = organization.tokens(may, seconds('2026-05-12T02:05Z'), undefined, model);
      expect([model, scraper.counted.get(model)]).toEqual([model, truth]);
    }
    const { ledger } = replica().account;
    expect(replica().restated).toEqual({ up: 0, down: 0 });
    // It stands in for its parts, so that they need not be held.
    expect(ledger.settled('1d', seconds('2026-05-11T00:00Z'))).toBeDefined();
    expect(ledger.settled('1h', seconds('2026-05-11T20:00Z'))).toBeDefined();
    expect(ledger.buckets.get('1m', seconds('2026-05-11T20:00Z'))).toBe(undefined);
  });

  test('a late correction of the others is not kept away by it', () => {
    const { until, scraper, organization } = start(entries, '2026-05-10T07:30Z', fault);
    const late = { model: 'good', minute: seconds('2026-05-10T09:07Z'), tokens: 100, known: at('2026-05-10T12:00Z') };
    organization.entries.push(late);
    until('2026-05-10T13:20Z');
    for (const model of ['good', 'bad']) {
      const truth = organization.tokens(may, seconds('2026-05-10T13:05Z'), undefined, model);
      expect([model, scraper.counted.get(model)]).toEqual([model, truth]);
    }
  });
});

describe('rows that are refused in a day that was read without', () => {
  const entries = steady('2026-05-08T06:00Z', '2026-05-10T20:00Z');
  const whole = [seconds('2026-05-08T00:00Z'), seconds('2026-05-09T00:00Z')] as const;

  test('nothing is due because of it', () => {
    const fault: Fault = {
      model: 'bad',
      minutes: whole,
      answers: [at('2026-05-09T10:00Z'), Number.POSITIVE_INFINITY],
    };
    const { until, replica, time, scraper } = start(entries, '2026-05-09T09:30Z', fault);
    const before = scraper.counted.get('bad') ?? 0;
    until('2026-05-10T13:00Z', 1, () => {
      const { spans } = replica().account.history(time.now);
      expect([new Date(time.now).toISOString(), spans]).toEqual([expect.anything(), []]);
    });
    expect(scraper.counted.get('bad')).toBeGreaterThan(before);
    expect([...scraper.resets]).toEqual([]);
    expect(replica().restated).toEqual({ up: 0, down: 0 });
  });

  test.each([
    ['without a state file a restart shows less', false, 1],
    ['with one it does not', true, undefined],
  ])('%s', (_, withState, resets) => {
    const fault: Fault = {
      model: 'bad',
      minutes: whole,
      answers: [at('2026-05-09T10:00Z'), Number.POSITIVE_INFINITY],
    };
    const { until, replica, restart, scraper, organization } = start(entries, '2026-05-09T09:30Z', fault);
    const before = until('2026-05-09T11:30Z');
    restart(withState ? replica().state : undefined);
    const after = until('2026-05-09T13:20Z');
    expect(after['good']).toBeGreaterThan(before['good'] ?? 0);
    expect(scraper.resets.get('bad')).toBe(resets);
    const day = organization.tokens(...whole, undefined, 'bad');
    const truth = organization.tokens(may, seconds('2026-05-09T13:05Z'), undefined, 'bad');
    if (withState) expect(after['bad']).toBe(before['bad']);
    else expect(after['bad']).toBe(truth - day);
  });
});

describe('rows that are refused for a while', () => {
  const entries = steady('2026-05-08T06:00Z', '2026-05-10T20:00Z');
  const during = (from: string, to: string): Fault => ({
    model: 'bad',
    minutes: always,
    answers: [at(from), at(to)],
  });

  test.each([
    ['ten minutes', '2026-05-10T10:10Z'],
    ['three hours', '2026-05-10T13:00Z'],
  ])('of %s: all of it is counted in the end, and no counter falls', (_, end) => {
    const { until, scraper, organization } = start(entries, '2026-05-10T09:30Z', during('2026-05-10T10:00Z', end));
    until('2026-05-10T15:30Z');
    expect([...scraper.resets]).toEqual([]);
    for (const model of ['good', 'bad']) {
      const truth = organization.tokens(may, seconds('2026-05-10T15:15Z'), undefined, model);
      expect([model, scraper.counted.get(model)]).toEqual([model, truth]);
    }
  });

  test('at the start: no sum is shown that lacks them while it may pass', () => {
    const fault = during('2026-05-10T09:00Z', '2026-05-10T09:55Z');
    const { until, organization, scraper } = start(entries, '2026-05-10T09:30Z', fault);
    let first: Record<string, number> | undefined;
    until('2026-05-10T10:30Z', 1, (shown) => {
      if (Object.keys(shown).length > 0) first ??= shown;
    });
    const truth = (model: string) => organization.tokens(may, seconds('2026-05-10T09:40Z'), undefined, model);
    expect(first?.['good']).toBeGreaterThanOrEqual(truth('good'));
    expect(first?.['bad']).toBeGreaterThanOrEqual(truth('bad'));
    expect([...scraper.resets]).toEqual([]);
  });
});

/** Tests where counters begin while none has been shown yet: the clock may be wrong, and the history out of reach. */
import { describe, expect, test, vi } from 'vitest';
import { bucketAt, day, minute } from '../../src/usage/windows.ts';
import { createReplica, type ReplicaOptions } from '../helpers/replica.ts';
import { seconds } from '../helpers/rows.ts';
import { propertyTimeout } from '../helpers/runs.ts';
import { createScraper } from '../helpers/scraper.ts';
import { type Entry, smallOrganization, used } from '../helpers/small-organization.ts';

vi.setConfig({ testTimeout: propertyTimeout });

const at = (text: string) => seconds(text) * 1_000;
const june = seconds('2026-06-01T00:00Z');

/** A process whose clock can be wrong; the API's is right. */
function start(entries: Entry[], from: string, wrongBy: number, more: Partial<ReplicaOptions> = {}) {
  const organization = smallOrganization([...entries]);
  const time = { now: at(from) + 30_000 + wrongBy, elapsed: 5_000 };
  let error = wrongBy;
  const options: ReplicaOptions = {
    organization,
    time,
    // What has not begun by the API's clock, it does not return.
    fails: (_, start) => start * 1_000 > time.now - error,
    page: (width, start, now) => organization.bucket(width, start, now - error),
    ...more,
  };
  let replica = createReplica(options);
  const scraper = createScraper();
  const rounds = (count: number, every = minute) => {
    let shown = new Map<string, number>();
    for (let each = 0; each < count; each++) {
      time.now += every;
      time.elapsed += every;
      shown = replica.round();
      scraper.scrape(shown);
    }
    return Object.fromEntries(shown);
  };
  return {
    organization,
    time,
    scraper,
    rounds,
    replica: () => replica,
    restart(state: boolean) {
      replica = createReplica({ ...options, state: state ? replica.state : undefined });
    },
    /** The clock as it is from now on. */
    setWrong(by: number) {
      time.now += by - error;
      error = by;
    },
  };
}

describe('a clock that is wrong at the start and put right before a counter is shown', () => {
  const entries = [
    used('a', seconds('2026-03-10T12:00Z'), 70_000),
    used('a', seconds('2026-05-10T12:00Z'), 1_000),
    used('a', seconds('2026-06-10T12:00Z'), 50),
  ];

  test('three months behind: the total of the running month alone, and not counted twice', () => {
    const first = start(entries, '2026-06-15T10:00Z', 0);
    expect(first.rounds(5)).toEqual({ a: 50 });
    const { rounds, setWrong, scraper, replica } = start(entries, '2026-06-15T10:06Z', -95 * day);
    // The samples of the process before.
    scraper.scrape(new Map([['a', 50]]));
    replica().poll();
    setWrong(0);
    expect(rounds(1)).toEqual({ a: 50 });
    rounds(300);
    expect(replica().account.ledger.anchor).toBe(june);
    expect(scraper.counted.get('a')).toBe(50);
    expect([...scraper.resets]).toEqual([]);
  });

  test('ahead into the next month: the counters of the running one are shown', () => {
    const { rounds, setWrong, replica, organization, time } = start(entries, '2026-06-15T10:06Z', 20 * day);
    rounds(3);
    expect(replica().account.book).toBe(undefined);
    setWrong(0);
    expect(rounds(1)).toEqual({ a: 50 });
    expect(replica().account.book?.ledger.anchor).toBe(june);
    organization.entries.push(used('b', bucketAt(time.now, '1m'), 3));
    expect(rounds(30)).toEqual({ a: 50, b: 3 });
  });

  test('behind, with the state of the running month: nothing is shown lower than it was', () => {
    const { rounds, setWrong, scraper, restart, organization, time } = start(entries, '2026-06-15T10:00Z', 0);
    rounds(3);
    organization.entries.push({ model: 'a', minute: seconds('2026-06-10T12:00Z'), tokens: -20, known: time.now });
    setWrong(-95 * day);
    restart(true);
    setWrong(0);
    expect(rounds(5)).toEqual({ a: 50 });
    expect([...scraper.resets]).toEqual([]);
  });

  test('what is read for the wrong anchor and refused says nothing of the right one', () => {
    const { rounds, setWrong, replica, time } = start(entries, '2026-06-15T10:06Z', -400 * day);
    const { ledger } = replica().account.history(time.now);
    setWrong(0);
    replica().poll();
    expect(replica().account.abandon(ledger)).toBe(false);
    expect(rounds(1)).toEqual({ a: 50 });
  });
});

describe('history that cannot be read back', () => {
  const entries: Entry[] = [];
  for (let each = seconds('2026-04-28T00:00Z'); each < seconds('2026-07-02T00:00Z'); each += 6 * 3_600) {
    entries.push(used('a', each + 600, 2));
  }

  test('in two periods in turn: the third has counters', () => {
    const { rounds, replica, time } = start(entries, '2026-04-29T10:00Z', 0);
    const news: boolean[] = [];
    const reached: number[] = [];
    /** Does as a poller does: each turn that history is refused, the replay is given up. */
    const refuse = () => {
      const { ledger, spans } = replica().account.history(time.now);
      if (replica().account.counters !== 'replaying' || spans.length === 0) return;
      if (ledger.anchor >= seconds('2026-06-01T00:00Z')) return;
      reached.push(ledger.anchor);
      news.push(replica().account.abandon(ledger));
    };
    refuse();
    const step = 10 * minute;
    while (time.now < at('2026-06-01T00:20Z')) {
      time.now += step;
      time.elapsed += step;
      replica().poll();
      refuse();
      expect(replica().account.book).toBe(undefined);
      expect(replica().account.counters).toBe('abandoned');
    }
    // Once for each, and said each time.
    expect(reached).toEqual([seconds('2026-04-01T00:00Z'), seconds('2026-05-01T00:00Z')]);
    expect(news).toEqual([true, true]);
    rounds(60);
    // It was running when the period began, so nothing of it was shown before: from 0.
    expect(replica().account.book?.ledger.anchor).toBe(june);
    const shown = rounds(24 * 6, 10 * minute);
    expect(shown['a']).toBe(2 * 4 + 2);
  });

  test('of the period that an earlier process has shown: the running one begins, at 0 for its reset to be seen', () => {
    const { rounds, replica, scraper, restart, time } = start(entries, '2026-04-29T10:00Z', 0);
    rounds(3);
    time.now = at('2026-06-20T10:00Z');
    restart(true);
    const { ledger } = replica().account.history(time.now);
    expect(ledger.anchor).toBe(seconds('2026-04-01T00:00Z'));
    expect(replica().account.abandon(ledger)).toBe(true);
    expect(rounds(1)).toEqual({ a: 0 });
    const total = 2 * 4 * 19 + 4;
    expect(rounds(5)).toEqual({ a: total });
    expect(scraper.resets.get('a')).toBe(1);
  });
});

describe('a period that ends while its history cannot be read yet', () => {
  const entries = [
    used('a', seconds('2026-05-10T12:00Z'), 1_000),
    used('a', seconds('2026-05-31T23:50Z'), 7),
    used('a', seconds('2026-06-01T00:10Z'), 50),
  ];

  test('is shown to its end first: nothing of it is lost', () => {
    let down = true;
    const { rounds, scraper } = start(entries, '2026-05-31T23:00Z', 0, { fails: () => down });
    // Samples of the process before.
    scraper.scrape(new Map([['a', 1_000]]));
    rounds(600);
    down = false;
    expect(rounds(1)).toEqual({ a: 1_007 });
    expect(rounds(10)).toEqual({ a: 50 });
    expect(scraper.counted.get('a')).toBe(1_057);
    expect(scraper.resets.get('a')).toBe(1);
  });

  test('is left after a day, for it may never be: the next one begins at 0, for nothing of it has been shown', () => {
    const missing = seconds('2026-05-20T00:00Z');
    const { rounds, replica } = start(entries, '2026-05-31T23:00Z', 0, {
      fails: (width, start) => width === '1d' && start === missing,
    });
    rounds(24 * 6, 10 * minute);
    expect(replica().account.counters).toBe('replaying');
    rounds(2 * 6, 10 * minute);
    expect(replica().account.book?.ledger.anchor).toBe(june);
    expect(rounds(1)).toEqual({ a: 50 });
  });
});

/** However long something goes on that keeps counters from being shown, no more buckets are held than a month needs. */
import { describe, expect, test, vi } from 'vitest';
import { hour } from '../../src/usage/windows.ts';
import { createReplica, type ReplicaOptions } from '../helpers/replica.ts';
import { seconds } from '../helpers/rows.ts';
import { propertyTimeout } from '../helpers/runs.ts';
import { smallOrganization } from '../helpers/small-organization.ts';

vi.setConfig({ testTimeout: propertyTimeout });

/** Holds what gauges show and look back to, the hours of a day and more, and the days of a month. */
const enough = 80 + 30 + 31;

/** Lives so many weeks, with a round each hour; returns the most buckets that the ledgers held. */
function most(from: string, weeks: number, fails: ReplicaOptions['fails'], abandon = false): number {
  // Without usage a bucket has the size of one number.
  const organization = smallOrganization();
  const time = { now: seconds(from) * 1_000, elapsed: 5_000 };
  const replica = createReplica({ organization, time, ...(fails === undefined ? {} : { fails }) });
  let held = 0;
  for (let each = 0; each < weeks * 7 * 24; each++) {
    time.now += hour;
    time.elapsed += hour;
    if (abandon && replica.account.counters === 'replaying') {
      replica.account.abandon(replica.account.history(time.now).ledger);
    }
    replica.round();
    for (const { buckets } of [replica.account.ledger, replica.account.history(time.now).ledger]) {
      held = Math.max(held, buckets.size);
    }
  }
  return held;
}

describe('the buckets that are held stay few', () => {
  test('when all is well', () => {
    expect(most('2026-05-01T10:00Z', 10, undefined)).toBeLessThan(enough);
  });

  test('when a day cannot be read, so that the replay never ends', () => {
    const missing = seconds('2026-05-03T00:00Z');
    expect(most('2026-05-05T10:00Z', 10, (width, start) => width === '1d' && start === missing)).toBeLessThan(enough);
  });

  test('when no day can be read', () => {
    expect(most('2026-05-05T10:00Z', 3, (width) => width === '1d')).toBeLessThan(enough);
  });

  test('when the counters are given up', () => {
    expect(most('2026-05-05T10:00Z', 10, undefined, true)).toBeLessThan(enough);
  });

  test('when the month cannot turn, for the first of the next cannot be read', () => {
    const first = seconds('2026-06-01T00:00Z');
    const fails: ReplicaOptions['fails'] = (width, start) =>
      (width !== '1m' && start === first) || (width === '1m' && start >= first && start < first + 3_600);
    expect(most('2026-05-28T10:00Z', 10, fails)).toBeLessThan(enough);
  });
});

/** An account of costs: whatever fails and whenever, months are the sums of what was last read of their days. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Bucket, collectBucket } from '../../src/usage/bucket.ts';
import { CostAccount } from '../../src/usage/cost-account.ts';
import type { Ledger } from '../../src/usage/ledger.ts';
import { DaySums, monthDays, monthsAt } from '../../src/usage/months.ts';
import type { Span } from '../../src/usage/plan.ts';
import { endpointNamed, rawBucket, seconds } from '../helpers/rows.ts';
import { propertyRuns, propertyTimeout } from '../helpers/runs.ts';

const costs = endpointNamed('costs');
const day = 86_400;
const settleDelay = day * 1_000;

/** A day's cents grow for two days, and are restated after nine. */
function centsOf(start: number, at: number): bigint {
  const hours = Math.floor((at / 1_000 - start) / 3_600);
  return BigInt(Math.max(0, Math.min(48, hours)) * 10 - (hours > 9 * 24 ? 25 : 0));
}

interface Step {
  readonly hours: number;
  /** The days of a read that fail, counted from its first; -1: none. */
  readonly pollFails: boolean;
  readonly historyFailsAt: number;
}

function live(begin: number, steps: readonly Step[]) {
  const time = { now: begin };
  const account = new CostAccount({
    endpoint: costs,
    dimensions: ['project_id'],
    maxGroups: 10,
    settleDelay: 900_000,
    clock: { now: () => time.now },
    offset: 0,
  });
  /** Holds what was last read of each day, into each ledger. */
  const known = new Map<Ledger, Map<number, bigint>>();

  function read(ledger: Ledger, { from, to }: Span, failsAt: number): void {
    const buckets: Bucket[] = [];
    const of = known.get(ledger) ?? new Map<number, bigint>();
    known.set(ledger, of);
    for (let start = from; start < to && (start - from) / day !== failsAt; start += day) {
      const cents = centsOf(start, time.now);
      const raw = rawBucket('1d', start, [
        {
          labels: ['a'],
          fields: { amount_value: `${cents / 100n}.${String(cents % 100n).padStart(2, '0')}` },
          units: { amount_value: 'usd' },
        },
      ]);
      const bucket = collectBucket(raw, '1d', time.now, settleDelay, ledger.groups, ledger.fields);
      if (bucket === undefined) continue;
      buckets.push(bucket);
      of.set(start, cents);
    }
    account.put(ledger, buckets, time.now);
  }

  /** The instant at which each day on show was read. */
  let shown = new Map<number, number>();

  function check(): void {
    const { ledger } = account;
    const of = known.get(ledger) ?? new Map<number, bigint>();
    const { previous, running, next } = monthsAt(time.now);
    const sum = (from: number, to: number) =>
      [...of].reduce((total, [start, cents]) => (start >= from && start < to ? total + cents : total), 0n);
    const days = monthDays(ledger, time.now);
    // A change of ledger takes nothing back.
    const now = new Map([...days.previous, ...days.running].map(({ start, readAt }) => [start, readAt]));
    for (const [start, readAt] of shown) {
      if (start >= previous) expect(now.get(start)).toBeGreaterThanOrEqual(readAt);
    }
    shown = now;
    const total = (buckets: readonly Bucket[]) => {
      const sums = new DaySums(0);
      sums.update(buckets);
      const text = sums.exact(ledger.groups.find('currency="usd",project_id="a"') ?? -1);
      return BigInt(Math.round(Number(text) * 100));
    };
    expect(total(days.running)).toBe(sum(running, next));
    const whole = range(previous, running).every((start) => of.has(start));
    expect(days.previousComplete).toBe(whole);
    if (whole) expect(total(days.previous)).toBe(sum(previous, running));
  }

  function round({ pollFails, historyFailsAt }: Omit<Step, 'hours'>): void {
    for (const span of account.pollSpans(time.now)) read(account.ledger, span, pollFails ? 0 : -1);
    account.turn(time.now, time.now);
    check();
    const { ledger, spans } = account.history(time.now);
    for (const span of spans) read(ledger, span, historyFailsAt);
    account.turn(time.now, time.now);
    check();
  }

  for (const step of steps) {
    time.now += step.hours * 3_600_000;
    round(step);
  }
  return {
    account,
    time,
    check,
    /** Everything succeeds: until nothing is due any more. */
    calm() {
      for (let turn = 0; turn < 4; turn++) round({ pollFails: false, historyFailsAt: -1 });
    },
  };
}

function range(from: number, to: number): number[] {
  return Array.from({ length: (to - from) / day }, (_, index) => from + index * day);
}

const step = fc.record({
  hours: fc.integer({ min: 0, max: 60 }),
  pollFails: fc.boolean(),
  historyFailsAt: fc.oneof(fc.constant(-1), fc.nat({ max: 30 })),
});

test(
  'months are what was last read of their days, and in the end what the API has',
  () => {
    fc.assert(
      fc.property(fc.nat({ max: 60 * 24 }), fc.array(step, { maxLength: 10 }), (offset, steps) => {
        const life = live((seconds('2026-04-10T00:30Z') + offset * 3_600) * 1_000, steps);
        life.calm();
        const { now } = life.time;
        const { previous, running } = monthsAt(now);
        const { ledger } = life.account;
        const days = monthDays(ledger, now);
        expect(days.previousComplete).toBe(true);
        expect(days.running.length).toBe(Math.floor((now / 1_000 - running) / day) + 1);
        // Days that were due are as the API has them now; the others as it had them at their last due read.
        for (const bucket of [...days.previous, ...days.running]) {
          expect(bucket.start).toBeGreaterThanOrEqual(previous);
          const age = now - bucket.readAt;
          expect(age).toBeLessThanOrEqual(settleDelay);
        }
        expect(ledger.groups.size).toBeLessThanOrEqual(4);
      }),
      // Each is two months long.
      { numRuns: Math.ceil(propertyRuns / 2) },
    );
  },
  propertyTimeout,
);

/**
 * Costs of the running month and of the one before, summed exactly. Pure: what is read and the time decide.
 *
 * The sum of a month is kept, and only days that have changed are taken out of it and added again. Exact decimals
 * make that safe: nothing is left behind, in whatever order days come and go.
 */
import type { Big } from 'big.js';
import { widthSeconds } from '../openai/catalogue.ts';
import { inMilliseconds, type Milliseconds, type Seconds } from '../units.ts';
import type { Bucket } from './bucket.ts';
import { Decimal } from './decimal.ts';
import type { Ledger } from './ledger.ts';
import { anchorAfter, anchorAt, bucketAt, bucketEnd, monthly } from './windows.ts';

/** Starts of UTC months. */
export interface Months {
  readonly previous: Seconds;
  readonly running: Seconds;
  readonly next: Seconds;
}

export function monthsAt(now: Milliseconds): Months {
  const running = anchorAt(now, monthly);
  return { previous: anchorAt(inMilliseconds(running) - 1, monthly), running, next: anchorAfter(running, monthly) };
}

/** The days held of both months, as of one instant. */
export interface MonthDays {
  /** The running month, today included; empty while nothing of it was read. */
  readonly running: readonly Bucket[];
  /** The month before, as far as it is known. */
  readonly previous: readonly Bucket[];
  /** True if that is every day of it. */
  readonly previousComplete: boolean;
}

export function monthDays(ledger: Ledger, now: Milliseconds): MonthDays {
  const { previous, running } = monthsAt(now);
  const before = [...ledger.buckets.between('1d', previous, running)];
  return {
    // A clock that ran ahead may have left days behind that have not come yet.
    running: [...ledger.buckets.between('1d', running, bucketEnd(bucketAt(now, '1d'), '1d'))],
    previous: before,
    previousComplete: before.length === (running - previous) / widthSeconds['1d'],
  };
}

/** The sum of one field of money over some days, for each group. */
export class DaySums {
  readonly #field: number;
  #days = new Map<number, Bucket>();
  /** The sum by group id, and in how many of the days the group has an amount. */
  #sums: Big[] = [];
  #counts: number[] = [];
  /** True if the sums are those of the days: not so when an update was broken off. */
  #whole = true;

  /** @param field its index */
  constructor(field: number) {
    this.#field = field;
  }

  /** Makes it the sum of these days. */
  update(days: readonly Bucket[]): void {
    if (!this.#whole) {
      this.#days = new Map();
      this.#sums = [];
      this.#counts = [];
    }
    this.#whole = false;
    const wanted = new Map(days.map((bucket) => [bucket.start, bucket]));
    for (const [start, bucket] of this.#days) {
      if (wanted.get(start) !== bucket) this.#add(bucket, -1);
    }
    for (const [start, bucket] of wanted) {
      if (this.#days.get(start) !== bucket) this.#add(bucket, 1);
    }
    this.#days = wanted;
    this.#whole = true;
  }

  /** Reports whether any of the days has an amount of this group. */
  has(group: number): boolean {
    return (this.#counts[group] ?? 0) > 0;
  }

  /** The group's sum as exact decimal text; `0` where no day has an amount. */
  exact(group: number): string {
    return this.#sums[group]?.toFixed() ?? '0';
  }

  #add(bucket: Bucket, sign: 1 | -1): void {
    const amounts = bucket.decimals.get(this.#field);
    if (amounts === undefined) return;
    for (let slot = 0; slot < amounts.length; slot++) {
      const text = amounts[slot] ?? null;
      const group = bucket.groups[slot];
      if (text === null || group === undefined) continue;
      const amount = new Decimal(text);
      const sum = this.#sums[group];
      this.#sums[group] =
        sum === undefined ? (sign === 1 ? amount : amount.neg()) : sign === 1 ? sum.plus(amount) : sum.minus(amount);
      this.#counts[group] = (this.#counts[group] ?? 0) + sign;
    }
  }
}

/** The sums of both months for one ledger after another. */
export class MonthSums {
  readonly #field: number;
  #ledger: Ledger | undefined;
  #byMonth = new Map<number, DaySums>();

  /** @param field index of a field of money */
  constructor(field: number) {
    this.#field = field;
  }

  /**
   * The sums of the two months around an instant; they are right once `update` of each has been run to its end.
   * Drops what is known of other months.
   */
  of(ledger: Ledger, now: Milliseconds): { readonly running: DaySums; readonly previous: DaySums } {
    // Another ledger numbers its groups otherwise.
    if (ledger !== this.#ledger) this.#byMonth = new Map();
    this.#ledger = ledger;
    const months = monthsAt(now);
    const running = this.#byMonth.get(months.running) ?? new DaySums(this.#field);
    const previous = this.#byMonth.get(months.previous) ?? new DaySums(this.#field);
    this.#byMonth = new Map([
      [months.running, running],
      [months.previous, previous],
    ]);
    return { running, previous };
  }
}

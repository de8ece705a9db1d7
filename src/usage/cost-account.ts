/**
 * The account of costs: days of two months, each as it was last read. It has no counters, for money can fall, and every
 * month is a period of its own, whatever the anchor of the counters is.
 */
import type { CostEndpoint } from '../openai/catalogue.ts';
import type { Milliseconds, Seconds } from '../units.ts';
import { Account, type AccountOptions } from './account.ts';
import type { Ledger } from './ledger.ts';
import { monthsAt } from './months.ts';
import type { Span, Summed } from './plan.ts';
import { anchorAt, monthly } from './windows.ts';

export class CostAccount extends Account {
  readonly kind = 'costs';
  readonly book = undefined;
  readonly counters = 'none';
  protected readonly period = monthly;
  protected readonly readsHistory = true;
  #historyTried = false;
  /** Days before this are not asked for any more: the API does not go back so far. */
  #reach: Seconds = Number.NEGATIVE_INFINITY;

  constructor(options: AccountOptions<CostEndpoint>) {
    super(options, anchorAt(options.clock.now(), monthly));
  }

  /** Money comes by the day, so there is no hurry. */
  isSlow(): boolean {
    return true;
  }

  /** Reports whether all that the history lacked at the start was asked for once, with or without success. */
  get historyTried(): boolean {
    return this.#historyTried;
  }

  /** The history was gone through, with or without success. Returns whether that is the first time: then more is shown. */
  historyEnded(): boolean {
    const first = !this.#historyTried;
    this.#historyTried = true;
    return first;
  }

  /** The API cannot be read back to this span, so only what comes after it will be. Returns whether that is news. */
  skip(span: Span): boolean {
    if (span.to <= this.#reach) return false;
    this.#reach = span.to;
    return true;
  }

  turn(now: Milliseconds, elapsed: Milliseconds): boolean {
    const { replay } = this;
    if (replay === undefined) {
      if (this.isPast(now, elapsed)) this.replay = this.newLedger(anchorAt(now, monthly));
      return false;
    }
    if (this.history(now).spans.length > 0) return false;
    this.showReplay(replay, now);
    return true;
  }

  protected get isShown(): boolean {
    return this.ledger.version > 0;
  }

  protected summedOf(_ledger: Ledger, now: Milliseconds): Summed {
    return { from: monthsAt(now).previous, to: Number.POSITIVE_INFINITY };
  }

  protected historyFrom(_ledger: Ledger, now: Milliseconds): Seconds {
    return Math.max(monthsAt(now).previous, this.#reach);
  }

  protected override lacks(span: Span, ledger: Ledger, now: Milliseconds): boolean {
    return this.#isStaler(span, ledger) || super.lacks(span, ledger, now);
  }

  /** Reports whether a bucket on show was read later than the one that would take its place: the sum of a month would fall. */
  #isStaler({ width, from, to }: Span, ledger: Ledger): boolean {
    return [...this.ledger.buckets.between(width, from, to)].some(
      ({ start, readAt }) => (ledger.buckets.get(width, start)?.readAt ?? Number.NEGATIVE_INFINITY) < readAt,
    );
  }
}

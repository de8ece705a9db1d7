/**
 * The account of one api of usage: besides its ledgers it has the counters made of them. They are shown once everything since
 * their anchor is known, they never fall, and what an earlier process has shown goes on.
 */
import { type UsageEndpoint, widthSeconds } from '../openai/catalogue.ts';
import { inMilliseconds, type Milliseconds, type Seconds } from '../units.ts';
import { Account, type AccountOptions, type CountersState } from './account.ts';
import type { Bucket } from './bucket.ts';
import { type BookOptions, CounterBook, type Opening } from './counters.ts';
import { sameDimensions } from './groups.ts';
import { Handover } from './handover.ts';
import type { Ledger } from './ledger.ts';
import type { Span, Summed } from './plan.ts';
import { refusalHold, settlesAt, takeoverDelay } from './settle.ts';
import { type Anchor, anchorAfter, anchorAt, bucketAt, bucketEnd, day } from './windows.ts';

/** The values that an earlier process has shown. */
export interface Restored {
  readonly anchor: Seconds;
  /** The dimensions that its groups were grouped by; undefined for what the settings say. */
  readonly dimensions?: readonly string[] | undefined;
  /** Reports whether nobody may have scraped the values yet. */
  readonly unseen: boolean;
  /** The sum of all series of the field with this name. */
  sum(field: string): number;
  /** Returns the place of the group whose labels have this text; undefined for one that was not shown. */
  group(labels: string): number | undefined;
  /** Returns the value by the field's name, and the group as `group` gave it. */
  value(field: string, group: number): number | undefined;
}

export interface UsageAccountOptions extends AccountOptions<UsageEndpoint> {
  readonly zeroHold: Milliseconds;
  readonly anchor: Anchor;
  readonly restored?: Restored | undefined;
}

export class UsageAccount extends Account {
  readonly kind = 'usage';
  readonly #options: UsageAccountOptions;
  readonly #hasCounters: boolean;
  #book: CounterBook | undefined;
  /** The beginning of the counters of the replay. */
  #opening: Opening = 'history';
  /** The API cannot be read back to an anchor at or before this one. */
  #unreachable: Seconds = Number.NEGATIVE_INFINITY;
  /** The monotonic instant of the first turn. */
  #firstTurn: Milliseconds | undefined;
  #replayed = false;
  /** Days before this are not asked for any more: the API does not go back so far. */
  #reach: Seconds = Number.NEGATIVE_INFINITY;

  constructor(options: UsageAccountOptions) {
    const now = options.clock.now();
    super(options, firstAnchor(options, Number.NEGATIVE_INFINITY, now, now));
    this.#options = options;
    this.#hasCounters = options.endpoint.fields.some((field) => field.kind === 'flow');
    if (this.#hasCounters) this.#aim(now, now);
  }

  get book(): CounterBook | undefined {
    return this.#book;
  }

  get counters(): CountersState {
    if (!this.#hasCounters) return 'none';
    if (this.#book !== undefined) return 'shown';
    return this.replay === undefined ? 'abandoned' : 'replaying';
  }

  isSlow(now: Milliseconds): boolean {
    return this.isIdle(now);
  }

  /** Reports whether nothing has been used for a day, as far as a full day is known. */
  isIdle(now: Milliseconds): boolean {
    const newest = this.ledger.newestUsed;
    if (newest !== undefined && inMilliseconds(bucketEnd(newest.start, newest.width)) > now - day) return false;
    if (this.#book !== undefined) return true;
    const hourNow = bucketAt(now, '1h');
    for (let back = 0; back <= 24; back++) {
      if (this.ledger.buckets.get('1h', hourNow - back * widthSeconds['1h']) === undefined) return false;
    }
    return true;
  }

  /**
   * The first day of this span is out of the API's reach by now, but it is known, and stays as it is. Returns false
   * where it is not known: while history is read for the first time.
   */
  leave(span: Span): boolean {
    if (this.#book === undefined || this.replay !== undefined) return false;
    this.#reach = span.from + widthSeconds['1d'];
    return true;
  }

  /**
   * The API cannot be read back to the anchor of this ledger: no counters that begin there. Returns whether that is
   * news.
   */
  abandon(ledger: Ledger): boolean {
    if (this.replay !== ledger) return false;
    if (this.isRegrouping) {
      const isRefused = this.polled === ledger;
      this.dropRegrouping();
      // What is shown can go on.
      if (!isRefused) return false;
      this.#book = undefined;
      this.showEmpty(ledger);
    }
    this.replay = undefined;
    const isNews = ledger.anchor > this.#unreachable;
    this.#unreachable = Math.max(this.#unreachable, ledger.anchor);
    return isNews;
  }

  turn(now: Milliseconds, elapsed: Milliseconds): boolean {
    this.#firstTurn ??= elapsed;
    if (this.#hasCounters && this.#book === undefined) this.#aim(now, now - (elapsed - this.#firstTurn));
    if (this.replay !== undefined) return this.#takeOver(this.replay, now, elapsed);
    if ((this.#book !== undefined || !this.#hasCounters) && this.#isOver(now, elapsed)) {
      this.#begin(this.periodEnd, 'zero');
    }
    return false;
  }

  protected get period(): Anchor {
    return this.#options.anchor;
  }

  protected get isShown(): boolean {
    return this.#book !== undefined;
  }

  protected get readsHistory(): boolean {
    return this.#book !== undefined;
  }

  protected override dropRegrouping(): void {
    super.dropRegrouping();
    this.#book?.thaw();
  }

  protected override restatedUp(ledger: Ledger, bucket: Bucket): void {
    if (ledger === this.#book?.ledger) this.#book.restatedUp(bucket);
  }

  protected summedOf(ledger: Ledger): Summed | undefined {
    if (!this.#hasCounters) return undefined;
    if (ledger === this.replay) return { from: ledger.anchor, to: Number.POSITIVE_INFINITY };
    if (ledger !== this.#book?.ledger) return undefined;
    return { from: ledger.anchor, to: this.#book.until };
  }

  protected historyFrom(ledger: Ledger): Seconds | undefined {
    if (!this.#hasCounters) return undefined;
    // A replay needs all of it, and must not be cut short.
    return ledger === this.ledger ? Math.max(ledger.anchor, this.#reach) : ledger.anchor;
  }

  /**
   * Begins the replay that the time asks for: while no counter has been shown, the clock may be put right, and a period end.
   * @param runningSince when this process began, by the clock as it is now
   */
  #aim(now: Milliseconds, runningSince: Milliseconds): void {
    const { restored } = this.#options;
    const anchor = firstAnchor(this.#options, this.#unreachable, now, runningSince);
    if (this.replay?.anchor === anchor) return;
    // This period has been shown by nobody: the last that was is an older one, or this process was there before it.
    const isNew = (restored !== undefined && restored.anchor < anchor) || runningSince <= inMilliseconds(anchor);
    if (anchor > this.#unreachable) this.#begin(anchor, isNew ? 'zero' : 'history');
    else this.replay = undefined;
  }

  #begin(anchor: Seconds, opening: Opening): void {
    this.replay = this.newLedger(anchor);
    this.#opening = opening;
  }

  /**
   * Reports whether everything since the anchor is final that another process can have counted. Refused rows keep the newest
   * minutes from it: of those that nobody can have counted by now, there need be no end.
   */
  #isWhole(ledger: Ledger, now: Milliseconds): boolean {
    const { settleDelay } = this.#options;
    const to = bucketAt(now - settleDelay, '1m');
    const covered = ledger.coveredThrough(to);
    if (covered >= to) return true;
    const next = ledger.buckets.get('1m', covered);
    return next?.refusedSince !== undefined && now < settlesAt(bucketEnd(covered, '1m'), settleDelay) + refusalHold;
  }

  #takeOver(replay: Ledger, now: Milliseconds, elapsed: Milliseconds): boolean {
    const regroups = this.isRegrouping;
    // The old period may have been restated meanwhile.
    if (!regroups && this.#book !== undefined && !this.#isOver(now, elapsed)) return false;
    if (this.history(now).spans.length > 0) return false;
    if (this.#hasCounters && !this.#isWhole(replay, now)) return false;
    if (regroups && this.#book !== undefined && !this.#isSeen(this.#book, elapsed)) return true;
    const book = this.#hasCounters ? this.#bookOf(replay, regroups) : undefined;
    this.showReplay(replay, now);
    this.#replayed = true;
    this.#book = book;
    return true;
  }

  /** Reports whether the period on show has ended and everything of it has been shown for long enough. */
  #isOver(now: Milliseconds, elapsed: Milliseconds): boolean {
    if (!this.isPast(now, elapsed)) return false;
    if (this.#book === undefined) return true;
    const { finalSince } = this.#book;
    return finalSince !== undefined && elapsed >= finalSince + this.#options.zeroHold;
  }

  /**
   * Lets nothing new be shown, and reports whether what is shown has been for as long as a zero is: what takes its place
   * goes on from there, so it must have been scraped.
   */
  #isSeen(book: CounterBook, elapsed: Milliseconds): boolean {
    if (book.isBegun) book.freeze();
    const { frozenSince } = book;
    return frozenSince !== undefined && elapsed >= frozenSince + this.#options.zeroHold;
  }

  #bookOf(ledger: Ledger, regroups: boolean): CounterBook {
    const previous = this.#book;
    const common = {
      ledger,
      opening: this.#opening,
      zeroHold: this.#options.zeroHold,
      until: anchorAfter(ledger.anchor, this.period),
    };
    if (previous !== undefined && regroups) {
      const { ledger: before, flows } = previous;
      const shown = (field: number, group: number) => previous.shown(field, group);
      return new CounterBook({
        ...common,
        handover: Handover.of({ groups: before.groups, flows, shown }, ledger.groups),
      });
    }
    return new CounterBook({
      ...common,
      ...this.#startOf(ledger),
      ...(previous === undefined ? {} : { previous }),
    });
  }

  /** Returns how the series go on from those of an earlier process. */
  #startOf(ledger: Ledger): Pick<BookOptions, 'restored' | 'restoredUnseen' | 'handover'> {
    const restored = this.#restoredFor(ledger);
    if (restored === undefined) return {};
    const isSame = sameDimensions(this.#restoredDimensions, ledger.groups.dimensions);
    if (!isSame) return { handover: this.#sumsRestored(ledger) };
    return { restored, restoredUnseen: this.#options.restored?.unseen === true };
  }

  get #restoredDimensions(): readonly string[] {
    return this.#options.restored?.dimensions ?? this.#options.dimensions;
  }

  /** An earlier process has left no more than the sums of series with other dimensions. */
  #sumsRestored({ fields }: Ledger): Handover {
    const { restored } = this.#options;
    return Handover.ofSums(
      new Map(
        fields.all.flatMap(({ kind, name }, index) =>
          kind === 'flow' && restored !== undefined ? [[index, restored.sum(name)] as const] : [],
        ),
      ),
    );
  }

  #restoredFor(ledger: Ledger): ((field: number, group: number) => number | undefined) | undefined {
    const { restored } = this.#options;
    if (restored === undefined || this.#replayed || restored.anchor !== ledger.anchor) return undefined;
    const found = new Map<number, number | undefined>();
    return (field, group) => {
      if (!found.has(group)) found.set(group, restored.group(ledger.groups.text(group)));
      const before = found.get(group);
      const name = ledger.fields.all[field]?.name;
      return before === undefined || name === undefined ? undefined : restored.value(name, before);
    };
  }
}

/**
 * Returns the start of the first counters that a process shows.
 * @param unreachable the API cannot be read back to an anchor at or before this one
 * @param runningSince when the process began, by the clock as it is now
 */
function firstAnchor(
  { restored, settleDelay, anchor }: UsageAccountOptions,
  unreachable: Seconds,
  now: Milliseconds,
  runningSince: Milliseconds,
): Seconds {
  // A period that has not begun was written under a clock that ran ahead.
  if (restored !== undefined && inMilliseconds(restored.anchor) <= now && restored.anchor > unreachable) {
    return restored.anchor;
  }
  // Until the last buckets of a period have been shown, its counters go on; a restart must not cut them short.
  const at = (instant: Milliseconds) => anchorAt(instant - takeoverDelay(settleDelay), anchor);
  // Nor must a replay that takes until it has ended; but one that cannot be done is not waited for.
  const first = at(Math.max(runningSince, now - day));
  return first > unreachable ? first : at(now);
}

/**
 * The state of one api over time: the ledger on show, the counters made of it, and the ledger that a replay is
 * filling. Start, rollover and a change of dimensions are one mechanism: a new ledger is read from its anchor to now,
 * and takes over when nothing is missing. Until then the old one stays on show.
 */
import { type Endpoint, widthSeconds } from '../openai/catalogue.ts';
import type { Bucket } from './bucket.ts';
import { CounterBook, type Opening } from './counters.ts';
import { Handover } from './handover.ts';
import { type Changes, Ledger, type LedgerOptions, refusalHold } from './ledger.ts';
import { monthsAt } from './months.ts';
import {
  historySpans,
  isBehind,
  isFinal,
  isHourOfLastDay,
  isNeeded,
  type PlanOptions,
  pollSpans,
  type Span,
  type Summed,
} from './plan.ts';
import type { TuplePool } from './tuples.ts';
import { type Anchor, anchorAfter, anchorAt, bucketAt, bucketEnd, day, monthly, takeoverDelay } from './windows.ts';

/** The values that an earlier process has shown. */
export interface Restored {
  /** Seconds. */
  readonly anchor: number;
  /** The dimensions that its groups were grouped by; undefined for what the settings say. */
  readonly dimensions?: readonly string[] | undefined;
  /** The sum of all series of the field with this name. */
  sum(field: string): number;
  /** Returns the place of the group whose labels have this text; undefined for one that was not shown. */
  group(labels: string): number | undefined;
  /** Returns the value by the field's name, and the group as `group` gave it. */
  value(field: string, group: number): number | undefined;
}

export interface AccountOptions {
  readonly endpoint: Endpoint;
  /** Dimensions to group by at first; `regroup` changes them. */
  readonly dimensions: readonly string[];
  readonly maxGroups: number;
  /** Milliseconds. */
  readonly settleDelay: number;
  readonly zeroHold: number;
  readonly anchor: Anchor;
  readonly clock: { now(): number };
  /** Delay of this api's periodic reads after the common instant, in milliseconds. */
  readonly offset: number;
  readonly restored?: Restored | undefined;
  /** Shared by all accounts. */
  readonly tuples?: TuplePool;
}

/** The state of the counters of an api. */
export type CountersState = 'none' | 'replaying' | 'shown' | 'abandoned';

interface Replay {
  readonly ledger: Ledger;
  readonly opening: Opening;
}

export class Account {
  readonly endpoint: Endpoint;
  readonly #options: AccountOptions;
  readonly #plan: PlanOptions;
  readonly #hasCounters: boolean;
  /** Dimensions of the next ledger. */
  #dimensions: readonly string[];
  #ledger: Ledger;
  /** The ledger before the last rollover, as long as it has hours of the last day that the one on show lacks. */
  #earlier: Ledger | undefined;
  #book: CounterBook | undefined;
  #replay: Replay | undefined;
  /** The API cannot be read back to an anchor at or before this one. In seconds. */
  #unreachable = Number.NEGATIVE_INFINITY;
  /** Monotonic milliseconds. */
  #firstTurn: number | undefined;
  /** Since when the API has returned nothing of the next period although it has begun, in monotonic milliseconds. */
  #waitingSince: number | undefined;
  #replayed = false;
  #historyTried = false;
  /** Days before this are not asked for any more, the API does not go back so far. In seconds. */
  #reach = Number.NEGATIVE_INFINITY;

  constructor(options: AccountOptions) {
    this.endpoint = options.endpoint;
    this.#options = options;
    const { endpoint, settleDelay, offset, dimensions } = options;
    this.#plan = { endpoint, settleDelay, offset };
    this.#dimensions = dimensions;
    this.#hasCounters = options.endpoint.fields.some((field) => field.kind === 'flow');
    const now = options.clock.now();
    this.#ledger = this.#newLedger(endpoint.kind === 'costs' ? anchorAt(now, monthly) : this.#firstAnchor(now, now));
    if (this.#hasCounters) this.#aim(now, now);
  }

  /** The ledger on show: what gauges are read off. */
  get ledger(): Ledger {
    return this.#ledger;
  }

  /** The ledger that polls read into: the one on show, unless the API refuses its dimensions. */
  get polled(): Ledger {
    const replay = this.#regrouping;
    return replay === undefined || isSubset(this.#ledger, replay.ledger) ? this.#ledger : replay.ledger;
  }

  /** Reports whether this ledger is on show, or is being filled to be. */
  isCurrent(ledger: Ledger): boolean {
    return ledger === this.#ledger || ledger === this.#replay?.ledger;
  }

  /** Reports whether as much as is shown is being read by other dimensions. */
  get isRegrouping(): boolean {
    return this.#regrouping !== undefined;
  }

  /** Reports whether a change of dimensions can begin: neither a replay nor the end of a period is under way. */
  canRegroup(now: number): boolean {
    if (this.#replay !== undefined) return false;
    return !this.#isShown || now < anchorAfter(this.#ledger.anchor, this.#period) * 1_000;
  }

  /**
   * Groups by these dimensions from now on. Where something is shown by others, that stays until as much has been read
   * by these; what cannot be read by them is dropped when it is asked to group by what is shown.
   */
  regroup(dimensions: readonly string[]): void {
    if (this.#isShown) {
      const isRegrouping = this.#regrouping !== undefined;
      const isShown = sameDimensions(dimensions, this.#ledger.groups.dimensions);
      if (isRegrouping) this.#book?.thaw();
      if (!isShown) {
        this.#replay = { ledger: this.#newLedger(this.#ledger.anchor, dimensions), opening: 'history' };
      } else if (isRegrouping) this.#replay = undefined;
      return;
    }
    this.#dimensions = dimensions;
    this.#ledger = this.#newLedger(this.#ledger.anchor);
    if (this.#replay === undefined) return;
    const { ledger, opening } = this.#replay;
    this.#replay = { ledger: this.#newLedger(ledger.anchor), opening };
  }

  /** The counters on show; undefined while they are absent. */
  get book(): CounterBook | undefined {
    return this.#book;
  }

  get counters(): CountersState {
    if (!this.#hasCounters) return 'none';
    if (this.#book !== undefined) return 'shown';
    return this.#replay === undefined ? 'abandoned' : 'replaying';
  }

  /** The hour that starts then, in seconds, and the ledger whose groups it goes by. */
  hourAt(start: number): { readonly ledger: Ledger; readonly bucket: Bucket } | undefined {
    for (const ledger of [this.#ledger, this.#earlier]) {
      const bucket = ledger?.buckets.get('1h', start);
      if (ledger !== undefined && bucket !== undefined) return { ledger, bucket };
    }
    return undefined;
  }

  /** Returns what a poll is to read now. */
  pollSpans(now: number): readonly Span[] {
    return pollSpans(this.#plan, held(this.polled), now);
  }

  /** Returns what is to be read besides, and the ledger that it belongs to. */
  history(now: number): { readonly ledger: Ledger; readonly spans: readonly Span[] } {
    const replay = this.#replay;
    const ledger = replay?.ledger ?? this.#ledger;
    const isKnown = (start: number) =>
      isFinal(ledger.buckets.get('1h', start), now) || isFinal(this.hourAt(start)?.bucket, now);
    const from = this.#historyFrom(ledger, now);
    const spans = historySpans(this.#plan, held(ledger), from, now, isKnown, this.#summedOf(ledger, now)?.to);
    if (replay === undefined) return { ledger, spans: this.#readsHistory ? spans : [] };
    return {
      ledger,
      spans: [...spans, ...pollSpans(this.#plan, held(ledger), now).filter((span) => this.#lacks(span, ledger, now))],
    };
  }

  /** Reports whether all that the history lacked at the start was asked for once, with or without success. */
  get historyTried(): boolean {
    return this.#historyTried;
  }

  /** The history was gone through, with or without success. Returns whether more is shown because of it. */
  historyEnded(): boolean {
    const first = !this.#historyTried;
    this.#historyTried = true;
    return first && this.#isCosts;
  }

  /** Takes buckets in, all at once. */
  put(ledger: Ledger, buckets: readonly Bucket[], now: number): Changes {
    let up = 0;
    let down = 0;
    let incomplete = 0;
    for (const bucket of buckets) {
      const changes = ledger.put(bucket);
      up += changes.up;
      down += changes.down;
      incomplete += changes.incomplete;
      if (changes.up > 0 && ledger === this.#book?.ledger) this.#book.restatedUp(bucket);
    }
    const summed = this.#summedOf(ledger, now);
    ledger.buckets.keep((bucket) => isNeeded(this.#plan, bucket, summed, now, (part) => stoodIn(ledger, part)));
    this.#keepHours(now);
    return { up, down, incomplete };
  }

  /** Costs: the API cannot be read back to this span, so only what comes after it will be. Returns whether that is news. */
  skip(span: Span): boolean {
    if (span.to <= this.#reach) return false;
    this.#reach = span.to;
    return true;
  }

  /**
   * The first day of this span is out of the API's reach by now, but it is known, and stays as it is. Returns false
   * where it is not known: while history is read for the first time.
   */
  leave(span: Span): boolean {
    if (this.#book === undefined || this.#replay !== undefined) return false;
    this.#reach = span.from + widthSeconds['1d'];
    return true;
  }

  /**
   * The API cannot be read back to the anchor of this ledger: no counters that begin there. Returns whether that is
   * news.
   */
  abandon(ledger: Ledger): boolean {
    if (this.#replay?.ledger !== ledger) return false;
    const isRefused = this.polled === ledger;
    if (this.#regrouping !== undefined) {
      this.#book?.thaw();
      this.#replay = undefined;
      // What is shown can go on.
      if (!isRefused) return false;
      this.#book = undefined;
      this.#dimensions = ledger.groups.dimensions;
      this.#ledger = ledger;
    }
    this.#replay = undefined;
    const isNews = ledger.anchor > this.#unreachable;
    this.#unreachable = Math.max(this.#unreachable, ledger.anchor);
    return isNews;
  }

  /**
   * Lets a replay that has everything take over, and starts the one of the next period once the old total has
   * been seen. Returns whether what is shown has changed.
   */
  turn(now: number, elapsed: number): boolean {
    this.#firstTurn ??= elapsed;
    if (this.#hasCounters && this.#book === undefined) this.#aim(now, now - (elapsed - this.#firstTurn));
    if (this.#replay !== undefined) return this.#takeOver(this.#replay, now, elapsed);
    if ((this.#book !== undefined || !this.#hasCounters) && this.#isOver(now, elapsed)) {
      const anchor = this.#isCosts ? anchorAt(now, monthly) : anchorAfter(this.#ledger.anchor, this.#options.anchor);
      this.#replay = { ledger: this.#newLedger(anchor), opening: 'zero' };
    }
    return false;
  }

  /** Reports whether nothing has been used for a day, as far as a full day is known. `now` in milliseconds. */
  isIdle(now: number): boolean {
    const newest = this.#ledger.newestUsed;
    if (newest !== undefined && bucketEnd(newest.start, newest.width) * 1_000 > now - day) return false;
    if (this.#book !== undefined) return true;
    const hourNow = bucketAt(now, '1h');
    for (let back = 0; back <= 24; back++) {
      if (this.#ledger.buckets.get('1h', hourNow - back * widthSeconds['1h']) === undefined) return false;
    }
    return true;
  }

  /** Reports whether what is known would be missed, were it dropped. */
  get #isShown(): boolean {
    return this.#book !== undefined || (this.#isCosts && this.#ledger.version > 0);
  }

  /** The replay that is to change the dimensions of what is shown. */
  get #regrouping(): Replay | undefined {
    const replay = this.#replay;
    return this.#isShown && replay?.ledger.anchor === this.#ledger.anchor ? replay : undefined;
  }

  get #readsHistory(): boolean {
    return this.#book !== undefined || this.#isCosts;
  }

  get #isCosts(): boolean {
    return this.endpoint.kind === 'costs';
  }

  /** Costs begin anew with each month, whatever the counters do: their longest sums are those of two months. */
  get #period(): Anchor {
    return this.#isCosts ? monthly : this.#options.anchor;
  }

  #newLedger(anchor: number, dimensions = this.#dimensions): Ledger {
    const { endpoint, maxGroups, clock, tuples } = this.#options;
    const options: LedgerOptions = { endpoint, dimensions, maxGroups, anchor, clock, tuples };
    return new Ledger(options);
  }

  /**
   * While no counter has been shown, the clock may be put right, and a period end: the replay goes by the time.
   * @param runningSince when this process began, by the clock as it is now, in milliseconds
   */
  #aim(now: number, runningSince: number): void {
    const anchor = this.#firstAnchor(now, runningSince);
    if (this.#replay?.ledger.anchor === anchor) return;
    const { restored } = this.#options;
    // This period has been shown by nobody: the last that was is an older one, or this process was there before it.
    const isNew = (restored !== undefined && restored.anchor < anchor) || runningSince <= anchor * 1_000;
    const opening = isNew ? 'zero' : 'history';
    this.#replay = anchor > this.#unreachable ? { ledger: this.#newLedger(anchor), opening } : undefined;
  }

  /** The start of the first counters that this process shows, in seconds. */
  #firstAnchor(now: number, runningSince: number): number {
    const { restored, settleDelay } = this.#options;
    // A period that has not begun was written under a clock that ran ahead.
    const within = restored !== undefined && restored.anchor * 1_000 <= now && restored.anchor > this.#unreachable;
    if (within) return restored.anchor;
    // Until the last buckets of a period have been shown, its counters go on; a restart must not cut them short.
    const at = (instant: number) => anchorAt(instant - takeoverDelay(settleDelay), this.#options.anchor);
    // Nor must a replay that takes until it has ended; but one that cannot be done is not waited for.
    const first = at(Math.max(runningSince, now - day));
    return first > this.#unreachable ? first : at(now);
  }

  /** The buckets that totals of a ledger are made of, in seconds; undefined for none. */
  #summedOf(ledger: Ledger, now: number): Summed | undefined {
    const forever = Number.POSITIVE_INFINITY;
    if (this.#isCosts) return { from: monthsAt(now).previous, to: forever };
    if (!this.#hasCounters) return undefined;
    if (ledger === this.#replay?.ledger) return { from: ledger.anchor, to: forever };
    if (ledger !== this.#book?.ledger) return undefined;
    return { from: ledger.anchor, to: this.#book.until };
  }

  #keepHours(now: number): void {
    const earlier = this.#earlier?.buckets;
    if (earlier === undefined) return;
    const { buckets } = this.#ledger;
    earlier.keep(({ width, start }) => isHourOfLastDay(width, start, now) && buckets.get('1h', start) === undefined);
    if (earlier.size === 0) this.#earlier = undefined;
  }

  #historyFrom(ledger: Ledger, now: number): number | undefined {
    if (this.#isCosts) return Math.max(monthsAt(now).previous, this.#reach);
    if (!this.#hasCounters) return undefined;
    // A replay needs all of it, and must not be cut short.
    return ledger === this.#ledger ? Math.max(ledger.anchor, this.#reach) : ledger.anchor;
  }

  /** Reports whether a span of recent buckets has one that could have settled and is not there. */
  #lacks(span: Span, ledger: Ledger, now: number): boolean {
    return (this.#isCosts && this.#isStaler(span, ledger)) || isBehind(this.#plan, held(ledger), span, now);
  }

  /**
   * Reports whether everything since the anchor is final that another process can have counted. Refused rows keep the newest
   * minutes from it: of those that nobody can have counted by now, there need be no end.
   */
  #isWhole(ledger: Ledger, now: number): boolean {
    const { settleDelay } = this.#options;
    const to = bucketAt(now - settleDelay, '1m');
    const covered = ledger.coveredThrough(to);
    if (covered >= to) return true;
    const next = ledger.buckets.get('1m', covered);
    return next?.refusedSince !== undefined && now < bucketEnd(covered, '1m') * 1_000 + settleDelay + refusalHold;
  }

  /** Reports whether a bucket on show was read later than the one that would take its place: the sum of a month would fall. */
  #isStaler({ width, from, to }: Span, ledger: Ledger): boolean {
    return [...this.#ledger.buckets.between(width, from, to)].some(
      ({ start, readAt }) => (ledger.buckets.get(width, start)?.readAt ?? Number.NEGATIVE_INFINITY) < readAt,
    );
  }

  #takeOver(replay: Replay, now: number, elapsed: number): boolean {
    const regroups = this.#regrouping !== undefined;
    // The old period may have been restated meanwhile.
    if (!regroups && this.#book !== undefined && !this.#isOver(now, elapsed)) return false;
    if (this.history(now).spans.length > 0) return false;
    if (this.#hasCounters && !this.#isWhole(replay.ledger, now)) return false;
    if (regroups && this.#book !== undefined && !this.#isSeen(this.#book, elapsed)) return true;
    const book = this.#hasCounters ? this.#bookOf(replay, regroups) : undefined;
    replay.ledger.follow(this.#ledger);
    this.#earlier = this.#ledger;
    this.#ledger = replay.ledger;
    this.#dimensions = replay.ledger.groups.dimensions;
    this.#keepHours(now);
    this.#replay = undefined;
    this.#replayed = true;
    this.#book = book;
    return true;
  }

  /**
   * Lets nothing new be shown, and reports whether what is shown has been for as long as a zero is: what takes its place
   * goes on from there, so it must have been scraped.
   */
  #isSeen(book: CounterBook, elapsed: number): boolean {
    if (book.isBegun) book.freeze();
    const { frozenSince } = book;
    return frozenSince !== undefined && elapsed >= frozenSince + this.#options.zeroHold;
  }

  #bookOf({ ledger, opening }: Replay, regroups: boolean): CounterBook {
    const previous = this.#book;
    const common = {
      ledger,
      opening,
      zeroHold: this.#options.zeroHold,
      until: anchorAfter(ledger.anchor, this.#period),
    };
    if (previous !== undefined && regroups) {
      const { ledger: before, flows } = previous;
      const shown = (field: number, group: number) => previous.shown(field, group);
      return new CounterBook({
        ...common,
        handover: Handover.of({ groups: before.groups, flows, shown }, ledger.groups),
      });
    }
    const restored = this.#restoredFor(ledger);
    const isOther = restored !== undefined && !sameDimensions(this.#restoredDimensions, ledger.groups.dimensions);
    return new CounterBook({
      ...common,
      ...(restored === undefined ? {} : isOther ? { handover: this.#sumsRestored(ledger) } : { restored }),
      ...(previous === undefined ? {} : { previous }),
    });
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

  /**
   * Reports whether the API has returned a bucket of the next period. One that passes over empty buckets and that nobody uses
   * returns none: after a day of waiting, by a clock that cannot be set, that is not because ours is wrong.
   */
  #hasReturned(until: number, elapsed: number): boolean {
    const returned = (['1m', '1h', '1d'] as const).some((width) => (this.#ledger.buckets.newest(width) ?? 0) >= until);
    this.#waitingSince = returned ? undefined : (this.#waitingSince ?? elapsed);
    return returned || elapsed >= (this.#waitingSince ?? elapsed) + day;
  }

  /** Reports whether the period on show has ended and everything of it has been shown for long enough. */
  #isOver(now: number, elapsed: number): boolean {
    const until = anchorAfter(this.#ledger.anchor, this.#period);
    if (now < until * 1_000 + takeoverDelay(this.#options.settleDelay)) {
      this.#waitingSince = undefined;
      return false;
    }
    if (!this.#hasReturned(until, elapsed)) return false;
    if (this.#book === undefined) return true;
    const { finalSince } = this.#book;
    return finalSince !== undefined && elapsed >= finalSince + this.#options.zeroHold;
  }
}

/** Reports whether the second ledger groups by all dimensions of the first. */
function isSubset(of: Ledger, all: Ledger): boolean {
  return of.groups.dimensions.every((name) => all.groups.dimensions.includes(name));
}

function sameDimensions(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, index) => name === b[index]);
}

function held(ledger: Ledger): (width: Bucket['width'], start: number) => Bucket | undefined {
  return (width, start) => ledger.buckets.get(width, start);
}

/** Reports whether a wider settled bucket stands for this one in the totals. */
function stoodIn(ledger: Ledger, bucket: Bucket): boolean {
  const start = bucket.start * 1_000;
  if (bucket.width === '1d') return false;
  if (ledger.settled('1d', bucketAt(start, '1d')) !== undefined) return true;
  return bucket.width === '1m' && ledger.settled('1h', bucketAt(start, '1h')) !== undefined;
}

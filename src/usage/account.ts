/**
 * The state of one api over time: the ledger on show, and the ledger that a replay is filling. Start, rollover and a
 * change of dimensions are one mechanism: a new ledger is read from its anchor to now, and takes over when nothing is
 * missing. Until then the old one stays on show. When that is, and what becomes of the counters, is told by
 * `UsageAccount` and `CostAccount`.
 */
import { type Endpoint, widthSeconds } from '../openai/catalogue.ts';
import { inMilliseconds, type Milliseconds, type Seconds } from '../units.ts';
import { adopted, canAdopt } from './adopt.ts';
import type { Bucket } from './bucket.ts';
import type { CounterBook } from './counters.ts';
import { sameDimensions } from './groups.ts';
import { type Changes, Ledger } from './ledger.ts';
import {
  type Held,
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
import { openingOf } from './settle.ts';
import type { TuplePool } from './tuples.ts';
import { type Anchor, anchorAfter, bucketAt, day } from './windows.ts';

export interface AccountOptions<Of extends Endpoint = Endpoint> {
  readonly endpoint: Of;
  /** Dimensions to group by at first; `regroup` changes them. */
  readonly dimensions: readonly string[];
  readonly maxGroups: number;
  /** The settle delay of usage. */
  readonly settleDelay: Milliseconds;
  readonly clock: { now(): Milliseconds };
  /** Delay of this api's periodic reads after the common instant. */
  readonly offset: Milliseconds;
  /** Shared by all accounts. */
  readonly tuples?: TuplePool;
  /** Days before the running one that are held although they may be of the period before; default none. */
  readonly daysBack?: number;
}

/** Tries of days before the period on one day: nothing but estimates needs them. */
const mostTries = 4;

/** The state of the counters of an api. */
export type CountersState = 'none' | 'replaying' | 'shown' | 'abandoned';

export abstract class Account {
  abstract readonly kind: Endpoint['kind'];
  /** The counters on show; undefined while they are absent. */
  abstract readonly book: CounterBook | undefined;
  abstract readonly counters: CountersState;
  readonly endpoint: Endpoint;
  protected readonly plan: PlanOptions;
  /** The ledger that is read from its anchor to now, to take the place of the one on show. */
  protected replay: Ledger | undefined;
  /** The time from one rollover to the next. */
  protected abstract readonly period: Anchor;
  /** Reports whether what is known would be missed, were it dropped. */
  protected abstract readonly isShown: boolean;
  /** Reports whether there is history to be read of the ledger on show. */
  protected abstract readonly readsHistory: boolean;
  readonly #options: AccountOptions;
  /** Dimensions of the next ledger. */
  #dimensions: readonly string[];
  #ledger: Ledger;
  /** The ledger before the last rollover, as long as it has hours of the last day that the one on show lacks. */
  #earlier: Ledger | undefined;
  /** The ledger that has days of the period before, as long as these are held. */
  #before: Ledger | undefined;
  /** The number of times that they were handed out to be read on the UTC day that starts then. */
  #daysBeforeTried: { readonly on: Seconds; times: number } = { on: Number.NEGATIVE_INFINITY, times: 0 };
  /** The monotonic instant since which the API has returned nothing of the next period although it has begun. */
  #waitingSince: Milliseconds | undefined;

  /** @param anchor start of the first ledger */
  constructor(options: AccountOptions, anchor: Seconds) {
    const { endpoint, settleDelay, offset, dimensions } = options;
    this.endpoint = endpoint;
    this.#options = options;
    this.plan = { endpoint, settleDelay, offset };
    this.#dimensions = dimensions;
    this.#ledger = this.newLedger(anchor);
  }

  /** Reports whether the api is polled at the idle interval. */
  abstract isSlow(now: Milliseconds): boolean;

  /**
   * Lets a replay that has everything take over, and starts the one of the next period once the old total has
   * been seen. Returns whether what is shown has changed.
   * @param elapsed monotonic
   */
  abstract turn(now: Milliseconds, elapsed: Milliseconds): boolean;

  /** Returns the time whose buckets the totals of a ledger are made of; undefined for none. */
  protected abstract summedOf(ledger: Ledger, now: Milliseconds): Summed | undefined;

  /** Returns the first day that is read of a ledger; undefined where no days are needed. */
  protected abstract historyFrom(ledger: Ledger, now: Milliseconds): Seconds | undefined;

  /** The ledger on show: what gauges are read off. */
  get ledger(): Ledger {
    return this.#ledger;
  }

  /** The ledger that polls read into: the one on show, unless the API refuses its dimensions. */
  get polled(): Ledger {
    const replay = this.regrouping;
    return replay === undefined || isSubset(this.#ledger, replay) ? this.#ledger : replay;
  }

  /** Reports whether this ledger is on show, or is being filled to be. */
  isCurrent(ledger: Ledger): boolean {
    return ledger === this.#ledger || ledger === this.replay;
  }

  /** Reports whether as much as is shown is being read by other dimensions. */
  get isRegrouping(): boolean {
    return this.regrouping !== undefined;
  }

  /** Reports whether a change of dimensions can begin: neither a replay nor the end of a period is under way. */
  canRegroup(now: Milliseconds): boolean {
    if (this.replay !== undefined) return false;
    return !this.isShown || now < inMilliseconds(this.periodEnd);
  }

  /**
   * Groups by these dimensions from now on. Where something is shown by others, that stays until as much has been read
   * by these; what cannot be read by them is dropped when it is asked to group by what is shown.
   */
  regroup(dimensions: readonly string[]): void {
    if (this.isShown) {
      const shown = this.#ledger;
      if (this.isRegrouping) this.dropRegrouping();
      if (!sameDimensions(dimensions, shown.groups.dimensions)) this.replay = this.newLedger(shown.anchor, dimensions);
      return;
    }
    this.#dimensions = dimensions;
    this.#ledger = this.newLedger(this.#ledger.anchor);
    if (this.replay !== undefined) this.replay = this.newLedger(this.replay.anchor);
  }

  /** Returns the hour that starts then, and the ledger whose groups it goes by. */
  hourAt(start: Seconds): { readonly ledger: Ledger; readonly bucket: Bucket } | undefined {
    for (const ledger of [this.#ledger, this.#earlier]) {
      const bucket = ledger?.buckets.get('1h', start);
      if (ledger !== undefined && bucket !== undefined) return { ledger, bucket };
    }
    return undefined;
  }

  /** Returns the settled day that starts then, and the ledger whose groups it goes by. */
  dayAt(start: Seconds): { readonly ledger: Ledger; readonly bucket: Bucket } | undefined {
    for (const ledger of [this.#ledger, this.#before]) {
      const bucket = ledger?.settled('1d', start);
      if (ledger !== undefined && bucket !== undefined) return { ledger, bucket };
    }
    return undefined;
  }

  /** Returns what a poll is to read now. */
  pollSpans(now: Milliseconds): readonly Span[] {
    return pollSpans(this.plan, held(this.polled), now);
  }

  /** Returns what is to be read besides, and the ledger that it belongs to. Minutes that polls have read are not among it. */
  history(now: Milliseconds): { readonly ledger: Ledger; readonly spans: readonly Span[] } {
    const { replay } = this;
    const ledger = replay ?? this.#ledger;
    if (replay === undefined && !this.readsHistory) return { ledger, spans: [] };
    const isKnown = (start: Seconds) =>
      isFinal(ledger.buckets.get('1h', start), now) || isFinal(this.hourAt(start)?.bucket, now);
    const from = this.historyFrom(ledger, now);
    const spans = historySpans(this.plan, held(ledger), from, now, isKnown, this.summedOf(ledger, now)?.to);
    if (replay === undefined) return spans.length > 0 ? { ledger, spans } : this.#daysBefore(now);
    const adopts = this.polled !== ledger && canAdopt(this.polled, ledger);
    // After all that is older, whose groups come first.
    const adoptsLater = adopts && spans.length > 0;
    if (adopts && !adoptsLater) this.#adoptMinutes(ledger, now);
    const lacking = pollSpans(this.plan, held(ledger), now).filter(
      (span) => !(adoptsLater && span.width === '1m') && this.lacks(span, ledger, now),
    );
    return { ledger, spans: [...spans, ...lacking] };
  }

  /** Takes buckets in, all at once. */
  put(ledger: Ledger, buckets: readonly Bucket[], now: Milliseconds): Changes {
    let up = 0;
    let down = 0;
    let incomplete = 0;
    for (const bucket of buckets) {
      const changes = ledger.put(bucket);
      up += changes.up;
      down += changes.down;
      incomplete += changes.incomplete;
      if (changes.up > 0) this.restatedUp(ledger, bucket);
    }
    if (ledger === this.#before) {
      this.#keepOlder(now);
      return { up, down, incomplete };
    }
    const summed = this.summedOf(ledger, now);
    ledger.buckets.keep((bucket) => isNeeded(this.plan, bucket, summed, now, (part) => stoodIn(ledger, part)));
    this.#keepOlder(now);
    return { up, down, incomplete };
  }

  /**
   * Takes over the minutes that polls have read for the ledger on show. Hours are few and weigh more, and may have been
   * restated since they were polled.
   */
  #adoptMinutes(replay: Ledger, now: Milliseconds): void {
    const { polled } = this;
    const isNew = ({ width, start, readAt }: Bucket) =>
      readAt <= now && readAt > (replay.buckets.get(width, start)?.readAt ?? Number.NEGATIVE_INFINITY);
    const found = pollSpans(this.plan, held(replay), now).flatMap(({ width, from, to }) =>
      width === '1m' ? [...polled.buckets.between(width, from, to)].filter(isNew) : [],
    );
    if (found.length > 0) this.put(replay, adopted(found, polled, replay), now);
  }

  /** The start of the next period. */
  protected get periodEnd(): Seconds {
    return anchorAfter(this.#ledger.anchor, this.period);
  }

  /** The replay that is to change the dimensions of what is shown. */
  protected get regrouping(): Ledger | undefined {
    const { replay } = this;
    return this.isShown && replay?.anchor === this.#ledger.anchor ? replay : undefined;
  }

  /** Leaves what is shown as it is. */
  protected dropRegrouping(): void {
    this.replay = undefined;
  }

  /** Called with a bucket of which more is known than before. */
  protected restatedUp(_ledger: Ledger, _bucket: Bucket): void {}

  /** Reports whether a span of recent buckets has one that could have settled and is not there. */
  protected lacks(span: Span, ledger: Ledger, now: Milliseconds): boolean {
    return isBehind(this.plan, held(ledger), span, now);
  }

  protected newLedger(anchor: Seconds, dimensions = this.#dimensions): Ledger {
    const { endpoint, maxGroups, clock, tuples } = this.#options;
    return new Ledger({ endpoint, dimensions, maxGroups, anchor, clock, tuples });
  }

  /** Shows the replay's ledger in place of the one on show, and goes on from where that was. */
  protected showReplay(ledger: Ledger, now: Milliseconds): void {
    ledger.follow(this.#ledger);
    this.#earlier = this.#ledger;
    if (ledger.anchor > this.#ledger.anchor) this.#before = this.#ledger;
    this.showEmpty(ledger);
    this.#keepOlder(now);
  }

  /** Shows a ledger that knows nothing of the one before it. */
  protected showEmpty(ledger: Ledger): void {
    this.#ledger = ledger;
    this.#dimensions = ledger.groups.dimensions;
    this.replay = undefined;
  }

  /** Reports whether the next period has begun, everything of the one on show has settled, and the API has gone on, too. */
  protected isPast(now: Milliseconds, elapsed: Milliseconds): boolean {
    if (now < openingOf(this.periodEnd, this.#options.settleDelay)) {
      this.#waitingSince = undefined;
      return false;
    }
    return this.#hasReturned(this.periodEnd, elapsed);
  }

  /**
   * Reports whether the API has returned a bucket of the next period. One that passes over empty buckets and that nobody uses
   * returns none: after a day of waiting, by a clock that cannot be set, that is not because ours is wrong.
   */
  #hasReturned(until: Seconds, elapsed: Milliseconds): boolean {
    const returned = (['1m', '1h', '1d'] as const).some((width) => (this.#ledger.buckets.newest(width) ?? 0) >= until);
    this.#waitingSince = returned ? undefined : (this.#waitingSince ?? elapsed);
    return returned || elapsed >= (this.#waitingSince ?? elapsed) + day;
  }

  /** The reads of days before the period on show: each of them once. They have a ledger of their own. */
  #daysBefore(now: Milliseconds): { readonly ledger: Ledger; readonly spans: readonly Span[] } {
    const { anchor, groups } = this.#ledger;
    const from = this.#firstDayBack(now);
    const lacking: Seconds[] = [];
    for (let start = from; start < anchor; start += widthSeconds['1d']) {
      if (this.#before?.buckets.get('1d', start) === undefined) lacking.push(start);
    }
    const [first] = lacking;
    const today = bucketAt(now, '1d');
    if (this.#daysBeforeTried.on !== today) this.#daysBeforeTried = { on: today, times: 0 };
    if (first === undefined || this.#daysBeforeTried.times >= mostTries) return { ledger: this.#ledger, spans: [] };
    this.#daysBeforeTried.times++;
    this.#before ??= this.newLedger(from, groups.dimensions);
    const to = (lacking.at(-1) ?? first) + widthSeconds['1d'];
    return { ledger: this.#before, spans: [{ width: '1d', from: first, to }] };
  }

  #firstDayBack(now: Milliseconds): Seconds {
    return bucketAt(now, '1d') - (this.#options.daysBack ?? 0) * widthSeconds['1d'];
  }

  /** Drops what is no longer of use of the ledgers before the one on show. */
  #keepOlder(now: Milliseconds): void {
    const { buckets, anchor } = this.#ledger;
    const from = this.#firstDayBack(now);
    for (const older of new Set([this.#earlier, this.#before])) {
      older?.buckets.keep(
        ({ width, start }) =>
          (older === this.#earlier && isHourOfLastDay(width, start, now) && buckets.get('1h', start) === undefined) ||
          (older === this.#before && width === '1d' && start >= from && start < anchor),
      );
    }
    if (this.#earlier?.buckets.size === 0) this.#earlier = undefined;
    if (this.#before?.buckets.size === 0) this.#before = undefined;
  }
}

/** Reports whether the second ledger groups by all dimensions of the first. */
function isSubset(of: Ledger, all: Ledger): boolean {
  return of.groups.dimensions.every((name) => all.groups.dimensions.includes(name));
}

function held(ledger: Ledger): Held {
  return (width, start) => ledger.buckets.get(width, start);
}

/** Reports whether a wider settled bucket stands for this one in the totals. */
function stoodIn(ledger: Ledger, bucket: Bucket): boolean {
  const start = inMilliseconds(bucket.start);
  if (bucket.width === '1d') return false;
  if (ledger.settled('1d', bucketAt(start, '1d')) !== undefined) return true;
  return bucket.width === '1m' && ledger.settled('1h', bucketAt(start, '1h')) !== undefined;
}

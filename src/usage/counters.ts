/**
 * Turns totals into what the counters show: never a fall, and 0 before a first value. The totals are the truth; this is the rule by
 * which they become samples that Prometheus's `rate` and `increase` read rightly.
 */
import { inSeconds, type Milliseconds, type Seconds } from '../units.ts';
import type { Bucket } from './bucket.ts';
import { Grid } from './grid.ts';
import type { Handover } from './handover.ts';
import type { Ledger } from './ledger.ts';
import { farewell } from './settle.ts';
import { flowFields, Totals } from './totals.ts';

/**
 * The beginning of a series that has settled history when the book is opened:
 * - `history`: with its total at once. An earlier process has shown it, so 0 would look like a reset.
 * - `zero`: at 0 first, so that its first usage is a rise. After a rollover every series is new.
 */
export type Opening = 'history' | 'zero';

export interface BookOptions {
  readonly ledger: Ledger;
  readonly opening: Opening;
  /** The time for which a series stays at 0 before its first value. */
  readonly zeroHold: Milliseconds;
  /** End of the period: the next anchor. */
  readonly until: Seconds;
  /** The value that an earlier process showed for a series; undefined for one that it did not know. */
  readonly restored?: (field: number, group: number) => number | undefined;
  /** Reports whether nobody may have scraped those values yet: see `CounterBook.isUnseen`. */
  readonly restoredUnseen?: boolean;
  /** The sums of series of other dimensions that these take the place of. */
  readonly handover?: Handover;
  /** The book before the rollover: its series are shown at 0 until they have new usage or an hour has passed. */
  readonly previous?: CounterBook;
}

const noTotals = new Float64Array(0);

/** Receives one sample of a counter: the labels as text, and the value. */
export type CounterSample = (labels: string, value: number) => void;

/** The totals of a field as of one instant, by group. */
interface Known {
  /** Number of groups. */
  readonly size: number;
  /** Start of the newest bucket with usage. */
  readonly used: Float64Array;
  /** A group past its end has a total of 0. */
  readonly total: Float64Array | undefined;
}

export class CounterBook {
  readonly ledger: Ledger;
  readonly until: Seconds;
  readonly #options: BookOptions;
  readonly #totals: Totals;
  /** Indexes of the fields that have counters. */
  readonly flows: readonly number[];
  readonly #shown = new Grid(0);
  /** The instant at which a series was first shown, in monotonic milliseconds; NaN for one that is not. */
  readonly #since = new Grid(Number.NaN);
  readonly #heldBack = new Map<number, number>();
  #previous: CounterBook | undefined;
  #openedAt: Milliseconds | undefined;
  #finalSince: Milliseconds | undefined;
  /** The instant at which a series began last above 0, at a value that nobody can have scraped before. */
  #begunAboveZero: Milliseconds = Number.NEGATIVE_INFINITY;
  #unseen = false;
  #frozen = false;
  #frozenSince: Milliseconds | undefined;
  #seen = -1;
  /** Rises whenever a value on show changes. */
  revision = 0;
  /** The same for one field alone, by field index; dropping the period before makes all of them rise, too. */
  readonly #revisions: number[] = [];
  #nextChange: Milliseconds = Number.POSITIVE_INFINITY;

  constructor(options: BookOptions) {
    this.ledger = options.ledger;
    this.until = options.until;
    this.#options = options;
    this.#totals = new Totals(options.ledger);
    this.flows = flowFields(options.ledger);
    this.#previous = options.previous;
  }

  /**
   * Brings what is shown up to the totals, as far as the rules allow. To be called just before it is rendered: a
   * zero counts as shown from then on. It goes by what the ledger held when it began, and must come to its end before
   * anything is shown.
   * @param now nothing that has not ended by then is summed
   * @param elapsed monotonic: a zero is held that long for a scraper, whatever the clock does
   */
  advance(now: Milliseconds, elapsed: Milliseconds): void {
    this.#openedAt ??= elapsed;
    if (this.#previous !== undefined && elapsed >= this.#openedAt + farewell) {
      this.#previous = undefined;
      for (const field of this.flows) this.#changed(field);
    }
    if (this.#frozen) {
      this.#frozenSince ??= elapsed;
      return;
    }
    this.#unseen = elapsed < this.#begunAboveZero + this.#options.zeroHold;
    const { version } = this.ledger;
    if (version === this.#seen && elapsed < this.#nextChange) return;
    const opening = this.#seen === -1;
    const size = this.ledger.groups.size;
    const used = this.ledger.lastUsed.copy();
    this.#nextChange = Number.POSITIVE_INFINITY;
    const complete = this.ledger.coveredThrough(this.until) >= this.until;

    const totals = this.#totals.upTo(Math.min(this.until, Math.ceil(inSeconds(now))));
    let pending = false;
    for (const field of this.flows) {
      if (this.#advanceField(field, { size, used: used.column(field, size), total: totals[field] }, opening, elapsed))
        pending = true;
    }
    this.#seen = version;
    this.#unseen = elapsed < this.#begunAboveZero + this.#options.zeroHold;
    if (!complete || pending) this.#finalSince = undefined;
    else this.#finalSince ??= elapsed;
  }

  /** Reports whether a page has been made of it: before, it shows nothing. */
  get isOpen(): boolean {
    return this.#openedAt !== undefined;
  }

  /** Reports whether its values have been brought up to date once: before, nobody knows what they are. */
  get isBegun(): boolean {
    return this.#seen !== -1;
  }

  /**
   * Reports whether series stand above 0 that have not been shown for as long as a zero is: they took the place of
   * others, and a process that goes on from them must show these values once more, for nobody may have scraped them.
   */
  get isUnseen(): boolean {
    return this.#unseen;
  }

  /** Keeps what is shown as it is, until `thaw`. */
  freeze(): void {
    this.#frozen = true;
  }

  thaw(): void {
    this.#frozen = false;
    this.#frozenSince = undefined;
  }

  /** The instant since which what is shown has stayed as it is, in monotonic milliseconds; undefined until it does. */
  get frozenSince(): Milliseconds | undefined {
    return this.#frozenSince;
  }

  /** The instant at which time alone changes what is shown, in monotonic milliseconds; Infinity for never. */
  get nextChange(): Milliseconds {
    const farewellEnd = this.#previous === undefined ? Number.POSITIVE_INFINITY : (this.#openedAt ?? 0) + farewell;
    return this.#frozen ? farewellEnd : Math.min(this.#nextChange, farewellEnd);
  }

  /**
   * The instant since which the period's last total has been on show, with every bucket settled, in monotonic
   * milliseconds.
   */
  get finalSince(): Milliseconds | undefined {
    return this.#finalSince;
  }

  /** More is known of this bucket than before: if it is of this period, that has to be shown first. */
  restatedUp({ start }: Bucket): void {
    if (start < this.until) this.#finalSince = undefined;
  }

  /** The ledgers whose groups are on show: this period's, and for a while that of the one before. */
  get ledgers(): readonly Ledger[] {
    return this.#previous === undefined ? [this.ledger] : [this.ledger, this.#previous.ledger];
  }

  /** The amount by which what is shown is above the totals, by field index, because a counter must not fall. */
  get heldBack(): ReadonlyMap<number, number> {
    return this.#heldBack;
  }

  /** The value on show; undefined for a series that is not. */
  shown(field: number, group: number): number | undefined {
    return Number.isNaN(this.#since.get(field, group)) ? undefined : this.#shown.get(field, group);
  }

  /** Another value means that the samples of the field may be others. */
  revisionOf(field: number): number {
    return this.#revisions[field] ?? 0;
  }

  /** The samples of a field, those of a finished period that are still to be seen at 0 included. */
  samples(field: number, sample: CounterSample): void {
    const { groups } = this.ledger;
    const since = this.#since.column(field, groups.size);
    const shown = this.#shown.column(field, groups.size);
    for (let group = 0; group < groups.size; group++) {
      if (!Number.isNaN(since[group])) sample(groups.text(group), shown[group] ?? 0);
    }
    this.#previous?.samplesOwn(field, (labels) => {
      const group = groups.find(labels);
      if (group === undefined || this.shown(field, group) === undefined) sample(labels, 0);
    });
  }

  /** The samples of a field without those of the period before. */
  samplesOwn(field: number, sample: CounterSample): void {
    const { groups } = this.ledger;
    for (let group = 0; group < groups.size; group++) {
      const value = this.shown(field, group);
      if (value !== undefined) sample(groups.text(group), value);
    }
  }

  /** Returns whether a series of the field is still kept below its total. */
  #advanceField(field: number, { size, used, total }: Known, opening: boolean, elapsed: Milliseconds): boolean {
    const { ledger } = this;
    const { zeroHold, restored, restoredUnseen = false, handover } = this.#options;
    const since = this.#since.column(field, size);
    const shown = this.#shown.column(field, size);
    const historyAtOnce =
      opening && this.#options.opening === 'history' && restored === undefined && handover === undefined;
    const isUsed = (group: number) => (used[group] ?? 0) >= ledger.anchor;
    const begins = opening ? handover?.begin(field, size, ledger.groups, isUsed, total ?? noTotals) : undefined;
    let pending = false;
    let heldBack = 0;
    for (let group = 0; group < size; group++) {
      if (!isUsed(group) && Number.isNaN(since[group])) continue;
      const target = total?.[group] ?? 0;
      if (Number.isNaN(since[group])) {
        const handed = begins?.[group] ?? handover?.late(field, ledger.groups, group);
        const before = handed ?? restored?.(field, group) ?? 0;
        // A zero that an earlier process showed may not have been scraped yet, so it is held once more; and nobody has
        // scraped what takes the place of other series.
        const isUnseen = handed !== undefined || restoredUnseen;
        const atOnce = (before > 0 && !isUnseen) || (historyAtOnce && target > 0);
        since[group] = atOnce ? Number.NEGATIVE_INFINITY : elapsed;
        if (before > 0 && isUnseen) this.#begunAboveZero = elapsed;
        shown[group] = before;
        this.#changed(field);
      }
      const heldUntil = (since[group] ?? elapsed) + zeroHold;
      const value = shown[group] ?? 0;
      if (target > value) {
        if (elapsed >= heldUntil) {
          shown[group] = target;
          this.#changed(field);
        } else {
          pending = true;
          this.#nextChange = Math.min(this.#nextChange, heldUntil);
        }
      } else heldBack += value - target;
    }
    if (heldBack > 0 || this.#heldBack.has(field)) this.#heldBack.set(field, heldBack);
    return pending;
  }

  #changed(field: number): void {
    this.revision++;
    this.#revisions[field] = this.revisionOf(field) + 1;
  }
}

/**
 * The ledger holds what is known of one api: its groups, its fields, its buckets. Reading puts buckets in; gauges, counters and
 * money are read off it. A rollover starts a new ledger, so nothing in one ever has to be taken out again.
 */
import { type Endpoint, type Width, widthSeconds } from '../openai/catalogue.ts';
import { inSeconds, type Milliseconds, type Seconds } from '../units.ts';
import { type Bucket, isNonZeroDecimal } from './bucket.ts';
import { BucketCache } from './buckets.ts';
import { coveredThrough, unbroken } from './cover.ts';
import { FieldTable } from './fields.ts';
import { Grid } from './grid.ts';
import { GroupTable } from './groups.ts';
import { completed } from './refusals.ts';
import { type Restatements, restatements } from './restatements.ts';
import { refusalHold } from './settle.ts';
import type { TuplePool } from './tuples.ts';
import { bucketEnd } from './windows.ts';

export interface LedgerOptions {
  readonly endpoint: Endpoint;
  /** Dimensions asked for: those of `group_by`, in the endpoint's order. */
  readonly dimensions: readonly string[];
  /** Bound on groups, past which they are folded. */
  readonly maxGroups: number;
  /** The start of the counters. */
  readonly anchor: Seconds;
  readonly clock: { now(): Milliseconds };
  /** Shared by the ledgers of a process. */
  readonly tuples?: TuplePool | undefined;
}

/** Buckets that `keep` can leave: a year of days, and hours and minutes of many failing days. */
const mostBuckets = 4_000;

/** The changes that putting buckets in has made to what had settled. */
export interface Changes extends Restatements {
  /** Buckets that have become final although rows of them are refused. */
  readonly incomplete: number;
}

const unchanged: Changes = { up: 0, down: 0, incomplete: 0 };

const never = Number.NEGATIVE_INFINITY;

/** The groups and fields that have series, as of one instant. */
export interface SeriesView {
  readonly groups: GroupTable;
  hasSeries(field: number, group: number): boolean;
  /** The number of groups that have a series of this field: as long as it is the same, they are the same groups. */
  seriesOf(field: number): number;
}

/** The time of a bucket. */
type Place = Pick<Bucket, 'start' | 'width'>;

export class Ledger {
  readonly endpoint: Endpoint;
  readonly anchor: Seconds;
  readonly groups: GroupTable;
  readonly fields: FieldTable;
  readonly buckets: BucketCache;
  /** Start of the newest bucket in which the field was not 0 for the group, in seconds; -Infinity for none. */
  readonly lastUsed = new Grid(never);
  /** Rises with every bucket put in. */
  version = 0;
  readonly #clock: { now(): Milliseconds };
  #newestUsed: Place | undefined;
  readonly #settledEnds = new Map<Width, Seconds>();
  /** The groups that have a series, by field index. */
  readonly #series: number[] = [];

  constructor(options: LedgerOptions) {
    this.endpoint = options.endpoint;
    this.anchor = options.anchor;
    this.#clock = options.clock;
    this.groups = new GroupTable(options.dimensions, options.maxGroups, options.tuples);
    this.fields = new FieldTable(options.endpoint);
    const columns = this.fields.known + 64;
    this.buckets = new BucketCache(mostBuckets * (options.maxGroups + 2) * 3 * (1 + columns), options.clock);
  }

  /** Takes a bucket in; it replaces what was there. Returns what it changed of what had settled. */
  put(read: Bucket): Changes {
    const before = this.buckets.get(read.width, read.start);
    if (before !== undefined && isOlder(read, before, this.#clock.now())) return unchanged;
    if (read.refused === undefined && before?.settled === true && before.refusedSince === undefined) {
      // Nobody knows which groups lack something, so the last good numbers stay. It was asked for all the same.
      this.buckets.set({ ...before, readAt: read.readAt });
      return unchanged;
    }
    const stood = read.settled ? this.#settledParts(read, before) : undefined;
    const whole = completed(read, stood, this.fields);
    const refused = whole.refusedSince !== undefined;
    const bucket = refused ? heldOff(whole, before) : whole;
    const changes = bucket.settled ? restatements(stood, bucket, this.fields, this.groups.size) : unchanged;
    this.buckets.set(bucket);
    this.#note(bucket);
    this.version++;
    return { ...changes, incomplete: refused && bucket.settled && before?.settled !== true ? 1 : 0 };
  }

  /** The settled bucket of this width and start. */
  readonly settled = (width: Width, start: Seconds): Bucket | undefined => {
    const bucket = this.buckets.get(width, start);
    return bucket?.settled === true ? bucket : undefined;
  };

  /** End of the newest settled bucket of this width that was ever read. */
  newestSettledEnd(width: Width): Seconds | undefined {
    return this.#settledEnds.get(width);
  }

  /** End of what is settled without a gap since the anchor; `to` at the most. */
  coveredThrough(to: Seconds): Seconds {
    return coveredThrough(this.settled, this.anchor, to);
  }

  /** Reports whether the field has had a value other than 0 in this group, in any bucket held. */
  readonly hasSeries = (field: number, group: number): boolean => this.lastUsed.get(field, group) !== never;

  /** The series as they are now: a view that does not change while buckets come in. */
  seriesNow(): SeriesView {
    const { groups } = this;
    const used = this.lastUsed.copy();
    const counts = [...this.#series];
    return {
      groups,
      hasSeries: (field, group) => used.get(field, group) !== never,
      seriesOf: (field) => counts[field] ?? 0,
    };
  }

  /** The newest bucket with usage; of buckets that overlap, the narrowest. */
  get newestUsed(): Place | undefined {
    return this.#newestUsed;
  }

  /** Takes the place of another: up to when anything was used, and read, goes on from there. */
  follow(before: Ledger): void {
    const now = inSeconds(this.#clock.now());
    // What a wrong clock read goes with that ledger.
    for (const [width, end] of before.#settledEnds) if (end <= now) this.#noteSettled(width, end);
    const newest = before.#newestUsed;
    if (newest !== undefined && newest.start <= now) this.#noteNewest(newest);
  }

  /** Returns what stood for the bucket's time before it: itself, or all of its parts if every one has settled. */
  #settledParts(bucket: Bucket, before: Bucket | undefined): readonly Bucket[] | undefined {
    if (before?.settled === true) return [before];
    if (bucket.width === '1m' || this.endpoint.kind === 'costs') return undefined;
    const end = bucketEnd(bucket.start, bucket.width);
    const settled = (width: Width, start: Seconds) => (width === bucket.width ? undefined : this.settled(width, start));
    const span = unbroken(settled, bucket.start, end);
    return span.end < end ? undefined : span.buckets;
  }

  #note(bucket: Bucket): void {
    if (bucket.settled) this.#noteSettled(bucket.width, bucketEnd(bucket.start, bucket.width));
    if (!bucket.used) return;
    for (const [field, column] of bucket.numbers) {
      this.#noteUse(bucket, field, (slot) => column[slot] !== 0 && !Number.isNaN(column[slot]), column.length);
    }
    for (const [field, column] of bucket.decimals) {
      this.#noteUse(bucket, field, (slot) => isNonZeroDecimal(column[slot] ?? ''), column.length);
    }
    this.#noteNewest(bucket);
  }

  #noteSettled(width: Width, end: Seconds): void {
    this.#settledEnds.set(width, Math.max(end, this.#settledEnds.get(width) ?? end));
  }

  #noteNewest({ start, width }: Place): void {
    const newest = this.#newestUsed;
    // A wide bucket says less about when, so among those that start together the narrowest counts.
    if (newest === undefined || laterOrNarrower({ start, width }, newest)) this.#newestUsed = { start, width };
  }

  #noteUse({ groups, start }: Bucket, field: number, isUsed: (slot: number) => boolean, slots: number): void {
    const last = this.lastUsed.column(field, this.groups.size);
    for (let slot = 0; slot < slots; slot++) {
      const group = groups[slot] ?? 0;
      const before = last[group] ?? never;
      if (start <= before || !isUsed(slot)) continue;
      if (before === never) this.#series[field] = (this.#series[field] ?? 0) + 1;
      last[group] = start;
    }
  }
}

/** A late answer to an early question must not undo a later read; one from a clock that ran ahead can be undone. */
function isOlder(bucket: Bucket, before: Bucket, now: Milliseconds): boolean {
  return bucket.readAt < before.readAt && before.readAt <= now;
}

/** A bucket with refused rows, final only if they have been refused for long enough. */
function heldOff(bucket: Bucket, before: Bucket | undefined): Bucket {
  const since = (of: Bucket | undefined) => of?.refusedSince ?? Number.POSITIVE_INFINITY;
  // The earlier of both, for a clock that was put back as well.
  const refusedSince = Math.min(since(bucket), since(before));
  return { ...bucket, refusedSince, settled: bucket.settled && bucket.readAt >= refusedSince + refusalHold };
}

function laterOrNarrower(a: Place, b: Place): boolean {
  return a.start === b.start ? widthSeconds[a.width] <= widthSeconds[b.width] : a.start > b.start;
}

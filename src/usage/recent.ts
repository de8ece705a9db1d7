/**
 * The gauges: which buckets are shown now, in which state, and what each group reads. Pure.
 */
import { type Api, type Endpoint, type Field, type Width, widthSeconds } from '../openai/catalogue.ts';
import { inMilliseconds, inSeconds, type Milliseconds, type Seconds } from '../units.ts';
import type { Bucket } from './bucket.ts';
import type { SeriesView } from './ledger.ts';
import type { Held } from './plan.ts';
import { settleDelayOf } from './settle.ts';
import { bucketAt, bucketEnd, hour, lookbackBuckets, polledWidths } from './windows.ts';

export type State = 'settled' | 'settling' | 'open';

/** A bucket on show. */
export interface Shown {
  readonly width: Width;
  readonly state: State;
  readonly bucket: Bucket;
  /** The buckets before it in which a group must have been to read 0 now. */
  readonly before: readonly Bucket[];
}

/** An hour of an api on show. */
export interface ShownHour {
  readonly api: Api;
  readonly state: State;
  readonly start: Seconds;
}

export interface Recent {
  readonly shown: readonly Shown[];
  /** The instant at which time alone changes what is shown; Infinity for never. */
  readonly until: Milliseconds;
}

export interface RecentOptions {
  readonly endpoint: Endpoint;
  /** The settle delay of usage. */
  readonly settleDelay: Milliseconds;
  /** Time between two polls of this api when all is well. */
  readonly interval: () => Milliseconds;
}

/** A bucket that could not be renewed for this long past its normal age is no longer shown. */
const grace: Milliseconds = hour;

/**
 * The buckets that the gauges show at `now`, narrow widths first, and for how long that holds.
 * @param held gives a bucket that has been read, if there is one
 */
export function recent(options: RecentOptions, held: Held, now: Milliseconds): Recent {
  const shown: Shown[] = [];
  let until: Milliseconds = Number.POSITIVE_INFINITY;
  for (const width of polledWidths(options.endpoint)) {
    for (const [state, bucket] of candidates(options, held, width, now)) {
      const end = expiry(options, state, bucket);
      if (end <= now) continue;
      until = Math.min(until, end);
      shown.push({ width, state, bucket, before: [...lookback(held, bucket)] });
    }
  }
  return { shown, until };
}

/** States of a width that are shown: of the minutes the settled ones alone, for the others change too fast to be scraped. */
function candidates(options: RecentOptions, held: Held, width: Width, now: Milliseconds): [State, Bucket][] {
  const current = bucketAt(now, width);
  const found: [State, Bucket][] = [];
  const settled = newestBefore(options, held, width, current, (bucket) => bucket.settled);
  if (settled !== undefined) found.push(['settled', settled]);
  if (width === '1m') return found;
  const settling = newestBefore(options, held, width, current, (bucket) => !bucket.settled);
  if (settling !== undefined && settling.start > (settled?.start ?? Number.NEGATIVE_INFINITY)) {
    found.push(['settling', settling]);
  }
  const open = held(width, current);
  if (open !== undefined) found.push(['open', open]);
  return found;
}

function newestBefore(
  options: RecentOptions,
  held: Held,
  width: Width,
  current: Seconds,
  wanted: (bucket: Bucket) => boolean,
): Bucket | undefined {
  const seconds = widthSeconds[width];
  // Nothing older than this can still be shown.
  const oldest = current - inSeconds(settledAge(options, width) + grace) - 2 * seconds;
  for (let start = current - seconds; start >= oldest; start -= seconds) {
    const bucket = held(width, start);
    if (bucket !== undefined && wanted(bucket)) return bucket;
  }
  return undefined;
}

/** Returns how far the end of the newest settled bucket is behind the time at most, when all is well. */
function settledAge(options: RecentOptions, width: Width): Milliseconds {
  return (
    settleDelayOf(options.endpoint, options.settleDelay) + inMilliseconds(widthSeconds[width]) + options.interval()
  );
}

/** Returns when a bucket stops being shown in this state, unless a read renews it before. */
function expiry(options: RecentOptions, state: State, bucket: Bucket): Milliseconds {
  const end = inMilliseconds(bucketEnd(bucket.start, bucket.width));
  if (state === 'settled') return end + settledAge(options, bucket.width) + grace;
  const unrenewed = bucket.readAt + options.interval() + grace;
  return state === 'open' ? Math.min(end, unrenewed) : unrenewed;
}

function* lookback(held: Held, shown: Bucket): Generator<Bucket> {
  const seconds = widthSeconds[shown.width];
  for (let back = 1; back <= lookbackBuckets[shown.width]; back++) {
    const bucket = held(shown.width, shown.start - back * seconds);
    if (bucket !== undefined) yield bucket;
  }
}

/** Receives one sample: the group, and the value as a number or, for money, as exact decimal text. */
export type Sample = (group: number, value: number | string) => void;

/**
 * The samples of one field in a shown bucket: the group's value; 0 for a group that is not in this bucket but was
 * in one shortly before it, unless the field is a level. A field missing from a row stays absent, and so does a
 * field that was never other than 0 in the group.
 */
export function samplesOf(
  { groups, hasSeries }: Pick<SeriesView, 'groups' | 'hasSeries'>,
  field: Field,
  index: number,
  shown: Shown,
  sample: Sample,
): void {
  const { bucket } = shown;
  eachValue(bucket, index, (group, value) => {
    if (hasSeries(index, group)) sample(group, value);
  });
  if (field.kind === 'level' || shown.before.length === 0) return;

  const present = new Uint8Array(groups.size);
  for (const group of bucket.groups) present[group] = 1;
  for (const before of shown.before) {
    eachValue(before, index, (group) => {
      if (present[group] === 1 || present[groups.base(group)] === 1) return;
      present[group] = 1;
      if (hasSeries(index, group)) sample(group, 0);
    });
  }
}

/** Calls back for each group of the bucket that has the field. */
function eachValue(bucket: Bucket, field: number, visit: (group: number, value: number | string) => void): void {
  const numbers = bucket.numbers.get(field);
  if (numbers !== undefined) {
    for (let slot = 0; slot < numbers.length; slot++) {
      const value = numbers[slot] ?? Number.NaN;
      if (!Number.isNaN(value)) visit(bucket.groups[slot] ?? 0, value);
    }
    return;
  }
  const decimals = bucket.decimals.get(field);
  if (decimals === undefined) return;
  for (let slot = 0; slot < decimals.length; slot++) {
    const value = decimals[slot] ?? null;
    if (value !== null) visit(bucket.groups[slot] ?? 0, value);
  }
}

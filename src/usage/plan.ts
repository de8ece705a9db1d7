/**
 * Decides what to read next, from what is known and the time. Pure: after an outage of any length, after a clock step or
 * at the first start, the same rule finds what is missing, in the widest buckets that serve.
 */
import { type Endpoint, type Width, widthSeconds } from '../openai/catalogue.ts';
import { inMilliseconds, type Milliseconds, type Seconds } from '../units.ts';
import type { Bucket } from './bucket.ts';
import { settleDelayOf } from './settle.ts';
import {
  anchorAt,
  bucketAt,
  bucketEnd,
  day,
  hour,
  lastDue,
  lookbackBuckets,
  minute,
  monthly,
  polledWidths,
} from './windows.ts';

/** Buckets to read: those of one width that start in [from, to). */
export interface Span {
  readonly width: Width;
  readonly from: Seconds;
  readonly to: Seconds;
}

/** A time whose buckets are added up: [from, to). */
export interface Summed {
  readonly from: Seconds;
  readonly to: Seconds;
}

/** The bucket held of this width and start, settled or not. */
export type Held = (width: Width, start: Seconds) => Bucket | undefined;

export interface PlanOptions {
  readonly endpoint: Endpoint;
  /** The settle delay of usage. */
  readonly settleDelay: Milliseconds;
  /** Delay of this api's periodic reads after the common instant, so that not all come at once. */
  readonly offset: Milliseconds;
}

/** Days of costs that are read again each hour. */
const recentCostDays = 3;

/** The time after which history asks again for a bucket with refused rows before it is final. */
const refusalRetry: Milliseconds = 5 * minute;

/** Reports whether a bucket's numbers can be relied on as final. One read in the future was read by a wrong clock. */
export function isFinal(bucket: Bucket | undefined, now: Milliseconds): boolean {
  return bucket?.settled === true && bucket.readAt <= now;
}

/** Reports whether a bucket is to be asked for because it is not final; after refused rows, not at once again. */
function isOutstanding({ offset }: PlanOptions, bucket: Bucket | undefined, now: Milliseconds): boolean {
  if (bucket === undefined || bucket.readAt > now) return true;
  return !bucket.settled && (bucket.refusedSince === undefined || bucket.readAt < lastDue(now, refusalRetry, offset));
}

/** The first bucket of this width that cannot have settled by now. */
function firstUnsettled(width: Width, now: Milliseconds, settleDelay: Milliseconds): Seconds {
  return bucketAt(now - settleDelay, width);
}

/** Start of the oldest bucket that the gauges of this width need: the newest settled one's lookback. */
function oldestShown(endpoint: Endpoint, width: Width, now: Milliseconds, usageSettleDelay: Milliseconds): Seconds {
  const newestSettled = firstUnsettled(width, now, settleDelayOf(endpoint, usageSettleDelay)) - widthSeconds[width];
  return newestSettled - lookbackBuckets[width] * widthSeconds[width];
}

/** Returns what a poll reads: from the first recent bucket that has not settled to the one in progress. */
export function pollSpans(options: PlanOptions, held: Held, now: Milliseconds): readonly Span[] {
  return polledWidths(options.endpoint).flatMap((width) => {
    const to = bucketEnd(bucketAt(now, width), width);
    let from = oldestShown(options.endpoint, width, now, options.settleDelay);
    while (from < to - widthSeconds[width] && isFinal(held(width, from), now)) from += widthSeconds[width];
    return from < to ? [{ width, from, to }] : [];
  });
}

/**
 * Returns what the history lacks, or is due to be read again: whole days since `from`, and the hours of the days that
 * have not settled. Each hour: the hours of the running day and the days that ended within the last 24 h (costs:
 * the last 3 days). Each day: all of it. Oldest first.
 * @param from first day needed; undefined where no days are needed
 * @param isKnown whether this hour of the last 24 is final, be it elsewhere. Those before the running day are for show
 *   alone: what is missing of them is read together with its hours, and never by itself; and nothing before `from`,
 *   whose groups would take the room of those that are counted
 * @param until end of the days needed
 */
export function historySpans(
  options: PlanOptions,
  held: Held,
  from: Seconds | undefined,
  now: Milliseconds,
  isKnown = (start: Seconds): boolean => isFinal(held('1h', start), now),
  until: Seconds = Number.POSITIVE_INFINITY,
): readonly Span[] {
  const { endpoint } = options;
  const costs = endpoint.kind === 'costs';
  const settleDelay = settleDelayOf(endpoint, options.settleDelay);
  const phase: Milliseconds = options.settleDelay + options.offset;
  const hourlyDue = lastDue(now, hour, phase);
  const dailyDue = lastDue(now, day, phase);
  const recent: Milliseconds = now - (costs ? recentCostDays * day : day);

  const isDue = (width: Width, start: Seconds): boolean => {
    const bucket = held(width, start);
    if (bucket === undefined || !isFinal(bucket, now)) return isOutstanding(options, bucket, now);
    const hourly =
      width === '1h' || inMilliseconds(bucketEnd(start, width)) > recent || bucket.refusedSince !== undefined;
    return bucket.readAt < (hourly ? hourlyDue : dailyDue);
  };

  const today = firstUnsettled('1d', now, settleDelay);
  const spans: Span[] = [];
  if (from !== undefined) {
    // The months of costs, and their recent days, are read apart: a fault in one must not keep the others away.
    const cuts = costs ? [anchorAt(now, monthly), bucketAt(recent, '1d')] : [];
    for (const [begin, end] of pieces(from, Math.min(today, until), cuts)) {
      spans.push(...runs('1d', begin, end, isDue));
    }
  }
  if (costs) return spans;
  for (const span of runs('1h', Math.max(today, from ?? today), firstUnsettled('1h', now, settleDelay), isDue)) {
    let begin = span.from;
    if (begin === today) {
      begin = Math.max(bucketAt(now - day, '1h'), from ?? Number.NEGATIVE_INFINITY);
      while (begin < today && isKnown(begin)) begin += widthSeconds['1h'];
    }
    spans.push({ ...span, from: Math.min(begin, span.from) });
  }
  return spans;
}

/** Reports whether a span of recent buckets has one that could have settled and is to be asked for, or lacks the newest. */
export function isBehind(options: PlanOptions, held: Held, { width, from, to }: Span, now: Milliseconds): boolean {
  const settled = Math.min(firstUnsettled(width, now, settleDelayOf(options.endpoint, options.settleDelay)), to);
  for (let start = from; start < settled; start += widthSeconds[width]) {
    if (isOutstanding(options, held(width, start), now)) return true;
  }
  return held(width, Math.max(from, settled)) === undefined;
}

/** [from, to) cut at the given places. */
function pieces(from: Seconds, to: Seconds, cuts: readonly Seconds[]): readonly (readonly [Seconds, Seconds])[] {
  const inside = cuts.filter((cut) => cut > from && cut < to).sort((a, b) => a - b);
  return [from, ...inside].map((begin, index) => [begin, inside[index] ?? to]);
}

/** The runs of buckets in [from, to) that are due. */
function runs(width: Width, from: Seconds, to: Seconds, isDue: (width: Width, start: Seconds) => boolean): Span[] {
  const spans: Span[] = [];
  let begin: Seconds | undefined;
  for (let start = from; start < to; start += widthSeconds[width]) {
    if (isDue(width, start)) begin ??= start;
    else if (begin !== undefined) {
      spans.push({ width, from: begin, to: start });
      begin = undefined;
    }
  }
  if (begin !== undefined) spans.push({ width, from: begin, to });
  return spans;
}

/** Reports whether the bucket is one of the hours of the last day, the one that it began in included. */
export function isHourOfLastDay(width: Width, start: Seconds, now: Milliseconds): boolean {
  return width === '1h' && inMilliseconds(start) >= now - day - hour;
}

/**
 * Reports whether a bucket is still of use: shown by a gauge, or part of a total, or of the day that tells whether an api
 * is idle.
 * @param isStoodIn whether a wider settled bucket stands for it in the totals
 */
export function isNeeded(
  options: PlanOptions,
  bucket: Bucket,
  summed: Summed | undefined,
  now: Milliseconds,
  isStoodIn: (bucket: Bucket) => boolean,
): boolean {
  if (bucket.start >= oldestShown(options.endpoint, bucket.width, now, options.settleDelay)) return true;
  if (isHourOfLastDay(bucket.width, bucket.start, now)) return true;
  if (summed === undefined || bucket.start < summed.from || bucket.start >= summed.to) return false;
  // A day of costs counts as it was last known, be it final or not.
  if (options.endpoint.kind === 'costs') return true;
  // For how long rows have been refused must not be forgotten, or it would never be final.
  return (bucket.settled || bucket.refusedSince !== undefined) && !isStoodIn(bucket);
}

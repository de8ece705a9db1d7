/**
 * Arithmetic of buckets and of the times at which reads are due. Pure. Bucket starts and ends are in seconds of
 * UTC, as in the API; instants are in milliseconds, as in the clock.
 */
import { type Endpoint, type Width, widthSeconds } from '../openai/catalogue.ts';

/** Milliseconds, as instants are; lengths in seconds are in the catalogue. */
export const minute = 60_000;
export const hour = 3_600_000;
export const day = 86_400_000;

/** Start of the bucket of this width that holds the instant. Every width divides the UTC day, so a floor serves. */
export function bucketAt(instant: number, width: Width): number {
  const seconds = widthSeconds[width];
  return Math.floor(instant / 1_000 / seconds) * seconds;
}

export function bucketEnd(start: number, width: Width): number {
  return start + widthSeconds[width];
}

/** A day of costs is final a day after its end (source: the API's documentation). */
const costsSettleDelay = day;

/** How long after its end a bucket settles, in milliseconds. */
export function settleDelayOf(endpoint: Endpoint, usageSettleDelay: number): number {
  return endpoint.kind === 'costs' ? costsSettleDelay : usageSettleDelay;
}

/**
 * How long after an anchor the counters of the new period take the place of those before it, in milliseconds: the last
 * bucket of the old period settles first, and its total is then seen for as long again.
 */
export function takeoverDelay(settleDelay: number): number {
  return 2 * settleDelay;
}

/** Series of a finished period are shown at 0 for this long unless they have new usage, in milliseconds. */
export const farewell: number = hour;

/** Widths whose recent buckets are shown, and read at each poll. */
export function polledWidths(endpoint: Endpoint): readonly Width[] {
  return endpoint.kind === 'costs' ? ['1d'] : ['1m', '1h'];
}

/** Buckets before the shown one in which a group must have been for it to read 0 now. */
export const lookbackBuckets: Readonly<Record<Width, number>> = { '1m': 60, '1h': 1, '1d': 1 };

/**
 * The latest instant at or before `now` at which something was due that is due every `period`, `phase` after
 * each multiple of the period in UTC. So it does not depend on when the process started.
 */
export function lastDue(now: number, period: number, phase: number): number {
  return Math.floor((now - phase) / period) * period + phase;
}

/** The first instant after `now` at which it is due again. */
export function nextDue(now: number, period: number, phase: number): number {
  return lastDue(now, period, phase) + period;
}

/** When the counters start from 0: at midnight UTC of the first of the month, of the year, or of a yearly date. */
export type Anchor =
  | { readonly kind: 'month' }
  | { readonly kind: 'year' }
  | { readonly kind: 'yearly'; readonly month: number; readonly day: number };

/** The anchor of costs, whatever the counters' own anchor is. */
export const monthly = { kind: 'month' } as const satisfies Anchor;

/** The latest anchor at or before the instant, in seconds. `month` of a yearly anchor is 1 … 12. */
export function anchorAt(instant: number, anchor: Anchor): number {
  const date = new Date(instant);
  const year = date.getUTCFullYear();
  if (anchor.kind === 'month') return Date.UTC(year, date.getUTCMonth(), 1) / 1_000;
  const at = (y: number) => (anchor.kind === 'year' ? Date.UTC(y, 0, 1) : Date.UTC(y, anchor.month - 1, anchor.day));
  return (at(year) <= instant ? at(year) : at(year - 1)) / 1_000;
}

/** The first anchor after the one at `start`, in seconds. */
export function anchorAfter(start: number, anchor: Anchor): number {
  const date = new Date(start * 1_000);
  if (anchor.kind === 'month') return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1) / 1_000;
  return Date.UTC(date.getUTCFullYear() + 1, date.getUTCMonth(), date.getUTCDate()) / 1_000;
}

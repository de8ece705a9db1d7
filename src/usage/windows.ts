/**
 * Arithmetic of buckets and of the times at which reads are due. Pure. Bucket starts and ends are in seconds of
 * UTC, as in the API; instants are in milliseconds, as in the clock.
 */
import { type Endpoint, type Width, widthSeconds } from '../openai/catalogue.ts';
import { inMilliseconds, inSeconds, type Milliseconds, type Seconds } from '../units.ts';

/** Lengths as the clock has them; the catalogue has those of the buckets, in seconds. */
export const minute: Milliseconds = 60_000;
export const hour: Milliseconds = 3_600_000;
export const day: Milliseconds = 86_400_000;

/** Start of the bucket of this width that holds the instant. Every width divides the UTC day, so a floor serves. */
export function bucketAt(instant: Milliseconds, width: Width): Seconds {
  const seconds = widthSeconds[width];
  return Math.floor(inSeconds(instant) / seconds) * seconds;
}

export function bucketEnd(start: Seconds, width: Width): Seconds {
  return start + widthSeconds[width];
}

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
export function lastDue(now: Milliseconds, period: Milliseconds, phase: Milliseconds): Milliseconds {
  return Math.floor((now - phase) / period) * period + phase;
}

/** The first instant after `now` at which it is due again. */
export function nextDue(now: Milliseconds, period: Milliseconds, phase: Milliseconds): Milliseconds {
  return lastDue(now, period, phase) + period;
}

/** The start of the counters: midnight UTC of the first of the month, of the year, or of a yearly date. */
export type Anchor =
  | { readonly kind: 'month' }
  | { readonly kind: 'year' }
  | { readonly kind: 'yearly'; readonly month: number; readonly day: number };

/** The anchor of costs, whatever the counters' own anchor is. */
export const monthly = { kind: 'month' } as const satisfies Anchor;

/** The latest anchor at or before the instant. `month` of a yearly anchor is 1 … 12. */
export function anchorAt(instant: Milliseconds, anchor: Anchor): Seconds {
  const date = new Date(instant);
  const year = date.getUTCFullYear();
  if (anchor.kind === 'month') return inSeconds(Date.UTC(year, date.getUTCMonth(), 1));
  const at = (y: number) => (anchor.kind === 'year' ? Date.UTC(y, 0, 1) : Date.UTC(y, anchor.month - 1, anchor.day));
  return inSeconds(at(year) <= instant ? at(year) : at(year - 1));
}

/** The first anchor after the one at `start`. */
export function anchorAfter(start: Seconds, anchor: Anchor): Seconds {
  const date = new Date(inMilliseconds(start));
  if (anchor.kind === 'month') return inSeconds(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1));
  return inSeconds(Date.UTC(date.getUTCFullYear() + 1, date.getUTCMonth(), date.getUTCDate()));
}

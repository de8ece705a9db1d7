/** The rules of when a bucket is final, and when the counters of one period give way to those of the next. Pure. */
import type { Endpoint } from '../openai/catalogue.ts';
import { inMilliseconds, type Milliseconds, type Seconds } from '../units.ts';
import { day, hour } from './windows.ts';

/** A day of costs is final a day after its end (source: the API's documentation). */
const costsSettleDelay = day;

/** Returns how long after its end a bucket of this api settles. */
export function settleDelayOf({ kind }: Pick<Endpoint, 'kind'>, usageSettleDelay: Milliseconds): Milliseconds {
  return kind === 'costs' ? costsSettleDelay : usageSettleDelay;
}

/** Returns the instant from which on a read of a bucket that ends then is final. */
export function settlesAt(end: Seconds, settleDelay: Milliseconds): Milliseconds {
  return inMilliseconds(end) + settleDelay;
}

/**
 * A bucket in which rows are refused becomes final if that is still so this long after it was first seen and could
 * have settled. A fault that passes is over by then; and it is well within the hour for which minutes are polled, so that
 * one bad group does not keep the minutes of all others from being known.
 */
export const refusalHold: Milliseconds = hour / 2;

/**
 * Returns how long after an anchor the counters of the new period take the place of those before it: the last bucket of
 * the old period settles first, and its total is then seen for as long again.
 */
export function takeoverDelay(settleDelay: Milliseconds): Milliseconds {
  return 2 * settleDelay;
}

/** Returns the earliest instant at which the counters of a period take the place of those before it. */
export function openingOf(anchor: Seconds, settleDelay: Milliseconds): Milliseconds {
  return inMilliseconds(anchor) + takeoverDelay(settleDelay);
}

/** Series of a finished period are shown at 0 for this long after the opening, unless they have new usage. */
export const farewell: Milliseconds = hour;

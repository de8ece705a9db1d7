/**
 * The two units of time, which the compiler keeps apart: the API speaks of seconds, the clock of milliseconds. A plain
 * number passes for either, so literals and arithmetic read as usual; a value of the one unit never passes for the other.
 */
declare const unit: unique symbol;

/** An instant of UTC, or a length of time, as the API gives it. */
export type Seconds = number & { readonly [unit]?: 'seconds' };

/** An instant of UTC, a monotonic instant, or a length of time, as the clock gives it. */
export type Milliseconds = number & { readonly [unit]?: 'milliseconds' };

export function inMilliseconds(time: Seconds): Milliseconds {
  return time * 1_000;
}

/** Returns a fraction where the time is not a whole number of seconds. */
export function inSeconds(time: Milliseconds): Seconds {
  return time / 1_000;
}

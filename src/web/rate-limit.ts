/** A token bucket for requests: `burst` at once, and one more for each interval that passes. */
import type { RateLimit } from '../settings/web-config.ts';

/** Counts a request at `now` (monotonic milliseconds) and returns 0, or the milliseconds after which there is room. */
export type CountRequest = (limit: RateLimit, now: number) => number;

/** The limit may be another one each time. */
export function createRateCounter(): CountRequest {
  /** When all that was taken out is in the bucket again. */
  let full = Number.NEGATIVE_INFINITY;
  return ({ interval, burst }, now) => {
    const room = interval * burst;
    const next = Math.min(Math.max(full, now), now + room) + interval;
    const wait = next - (now + room);
    if (wait > 0) return wait;
    full = next;
    return 0;
  };
}

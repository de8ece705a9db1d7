/** A token bucket for requests: `burst` at once, and one more for each interval that passes. */
import { LRUCache } from 'lru-cache';
import type { RateLimit } from '../settings/web-config.ts';

/** Counts a request at `now` (monotonic milliseconds) and returns 0, or the milliseconds after which there is room. */
export type CountRequest = (limit: RateLimit, now: number) => number;

/** The limit may be another one each time. */
export function createRateCounter(): CountRequest {
  /** The instant at which all that was taken out is in the bucket again. */
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

/** Clients whose requests are counted; whoever asked longest ago is forgotten first, and then has a full bucket. */
const mostClients = 10_000;

/** Counts for each client on its own, so that nobody uses up what others have. */
export function createClientRateCounter(): (client: string, limit: RateLimit, now: number) => number {
  const counters = new LRUCache<string, CountRequest>({ max: mostClients });
  return (client, limit, now) => {
    const count = counters.get(client) ?? createRateCounter();
    counters.set(client, count);
    return count(limit, now);
  };
}

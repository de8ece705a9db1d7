/** Remembers ids, so that what is reported twice counts once: the last so many, each for so long. */
import { LRUCache } from 'lru-cache';
import type { Milliseconds } from '../units.ts';

export interface SeenIds {
  /**
   * Remembers an id.
   * @param elapsed monotonic
   * @returns false if it is remembered already
   */
  add(id: string, elapsed: Milliseconds): boolean;
}

const mostIds = 100_000;
const keep: Milliseconds = 3_600_000;

export function createSeenIds(): SeenIds {
  let now: Milliseconds = 0;
  // Looking does not renew an id: it is forgotten an hour after it was first seen. A time of 0 would be none.
  const perf = { now: () => now + 1 };
  const seen = new LRUCache<string, true>({ max: mostIds, ttl: keep, ttlResolution: 0, perf });
  return {
    add(id, elapsed) {
      now = elapsed;
      if (seen.has(id)) return false;
      seen.set(id, true);
      return true;
    },
  };
}

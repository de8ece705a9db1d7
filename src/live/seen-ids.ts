/** Remembers ids, so that what is reported twice counts once: the last so many, each for so long. */
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

/**
 * Returns one that remembers nothing yet. Looking renews no id, so the oldest is always the one whose turn it is to be
 * overwritten. The lists grow with what is in them.
 */
export function createSeenIds(): SeenIds {
  const placeOf = new Map<string, number>();
  const ids: string[] = [];
  const times: Milliseconds[] = [];
  let next = 0;
  return {
    add(id, elapsed) {
      const since = times[placeOf.get(id) ?? -1];
      if (since !== undefined && elapsed - since <= keep) return false;
      const oldest = ids[next];
      // An id that was seen again after its time has a newer place.
      if (oldest !== undefined && placeOf.get(oldest) === next) placeOf.delete(oldest);
      placeOf.set(id, next);
      ids[next] = id;
      times[next] = elapsed;
      next = (next + 1) % mostIds;
      return true;
    },
  };
}

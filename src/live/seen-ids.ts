/** Remembers ids, so that what is reported twice counts once: the last so many, each for so long. */
import type { Milliseconds } from '../units.ts';

export interface SeenIds {
  /**
   * Remembers an id.
   * @param elapsed monotonic
   * @returns false if it is remembered already
   */
  add(id: string, elapsed: Milliseconds): boolean;
  readonly size: number;
}

const usually = { most: 100_000, keep: 3_600_000 } as const;

export function createSeenIds({
  most,
  keep,
}: {
  readonly most: number;
  readonly keep: Milliseconds;
} = usually): SeenIds {
  /** When each was seen, the oldest first. */
  const seen = new Map<string, Milliseconds>();
  return {
    add(id, elapsed) {
      const before = seen.get(id);
      if (before !== undefined && elapsed - before < keep) return false;
      seen.delete(id);
      seen.set(id, elapsed);
      for (const [oldest, at] of seen) {
        if (seen.size <= most && elapsed - at < keep) break;
        seen.delete(oldest);
      }
      return true;
    },
    get size() {
      return seen.size;
    },
  };
}

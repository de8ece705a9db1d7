/** An instant of UTC that somebody waits for, and that can be moved meanwhile. */
import { type Clock, longestNap } from '../clock.ts';
import type { Milliseconds } from '../units.ts';

export interface Due {
  /** An instant of UTC. Who waits for it waits for the new one from now on. */
  set(instant: Milliseconds): void;
  /**
   * Waits for the instant, also when the clock steps meanwhile; but hardly longer than it was away at first.
   * @throws the signal's reason once it is aborted
   */
  wait(signal: AbortSignal): Promise<void>;
}

/** The reason that ends a nap from which the instant has moved away. */
const moved = Symbol('moved');

export function createDue(clock: Clock, first: Milliseconds): Due {
  let instant = first;
  /** Monotonic: a clock that is put back by a day must not keep an api from being polled for a day. */
  let latest: Milliseconds = latestFor(first);
  let nap: AbortController | undefined;

  function latestFor(at: Milliseconds): Milliseconds {
    return clock.monotonic() + (at - clock.now()) + longestNap;
  }

  return {
    set(next) {
      instant = next;
      latest = latestFor(next);
      nap?.abort(moved);
    },
    async wait(signal) {
      for (;;) {
        signal.throwIfAborted();
        const left = Math.min(instant - clock.now(), latest - clock.monotonic());
        if (left <= 0) return;
        const napping = new AbortController();
        nap = napping;
        const end = () => napping.abort(signal.reason);
        signal.addEventListener('abort', end, { once: true });
        try {
          await clock.sleep(Math.min(left, longestNap), napping.signal);
        } catch (error) {
          if (error !== moved) throw error;
        } finally {
          signal.removeEventListener('abort', end);
          nap = undefined;
        }
      }
    },
  };
}

/** Gives the event loop back now and then, so that a scrape never waits long for work in the background. */
import { setImmediate as turn } from 'node:timers/promises';

/** Milliseconds that work may go on at a stretch. */
const stretch = 4;

export interface Breather {
  /** Resolves at once, or after a turn of the event loop if the work has gone on for long enough. */
  breathe(): Promise<void> | undefined;
}

export function createBreather(clock: { monotonic(): number }): Breather {
  let since = clock.monotonic();
  return {
    breathe() {
      if (clock.monotonic() - since < stretch) return undefined;
      return turn().then(() => {
        since = clock.monotonic();
      });
    },
  };
}

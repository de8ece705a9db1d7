/** A clock that moves only when a test says so, for what waits for the real disk meanwhile. */
import type { Clock } from '../../src/clock.ts';

export interface HandClock extends Clock {
  /** Lets so many milliseconds pass at once. */
  pass(ms: number): void;
}

export function handClock(start = Date.parse('2026-11-20T09:00:00Z')): HandClock {
  let elapsed = 0;
  const sleepers = new Set<{ readonly until: number; readonly wake: () => void }>();
  return {
    now: () => start + elapsed,
    monotonic: () => elapsed,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        const stopped = () => {
          sleepers.delete(sleeper);
          reject(signal?.reason);
        };
        const sleeper = {
          until: elapsed + ms,
          wake: () => {
            signal?.removeEventListener('abort', stopped);
            resolve();
          },
        };
        if (signal?.aborted === true) return stopped();
        signal?.addEventListener('abort', stopped, { once: true });
        sleepers.add(sleeper);
      }),
    pass(ms) {
      elapsed += ms;
      for (const sleeper of [...sleepers]) {
        if (sleeper.until > elapsed) continue;
        sleepers.delete(sleeper);
        sleeper.wake();
      }
    },
  };
}

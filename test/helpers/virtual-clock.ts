/** A clock that stands still until a test moves it, so that a simulated day takes no longer than its work. */
import type { Clock } from '../../src/clock.ts';

export interface VirtualClock extends Clock {
  /**
   * Lets `ms` pass: runs the sleepers that are due, in the order of their time, then of their arrival, and lets what
   * they set off come to rest before the next one.
   */
  advance(ms: number): Promise<void>;
  /** Sets UTC forward or back by `ms`, as somebody setting the clock would; no time passes. */
  step(ms: number): void;
  /** How many are asleep. */
  sleepers(): number;
  /** When the next sleeper is due, in monotonic milliseconds; undefined if nobody sleeps. */
  nextDue(): number | undefined;
}

/** Lets everything that needs no more than the event loop's own turns run until it waits for something else. */
export async function settle(turns = 2): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/**
 * @param start UTC in milliseconds; the monotonic clock begins elsewhere, so that nobody can mix them up
 * @param quietTurns work has come to rest when nobody asked the clock for so many turns of the event loop; more are
 *   needed where something takes many turns in between, such as decoding pages of thousands of rows
 */
export function createVirtualClock(start = Date.UTC(2026, 4, 15, 12), quietTurns = 2): VirtualClock {
  interface Sleeper {
    readonly due: number;
    wake(): void;
  }
  const sleeping = new Set<Sleeper>();
  let monotonic = 1_000;
  let offset = start - monotonic;
  let asked = false;

  const rest = async () => {
    for (let quiet = 0; quiet < quietTurns; quiet++) {
      asked = false;
      await settle(1);
      if (asked) quiet = -1;
    }
  };

  const first = (): Sleeper | undefined => {
    let found: Sleeper | undefined;
    for (const sleeper of sleeping) if (found === undefined || sleeper.due < found.due) found = sleeper;
    return found;
  };

  return {
    now() {
      asked = true;
      return monotonic + offset;
    },
    monotonic() {
      asked = true;
      return monotonic;
    },
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        asked = true;
        if (signal?.aborted) return reject(signal.reason);
        if (ms <= 0) return resolve();
        const sleeper = {
          due: monotonic + ms,
          wake() {
            sleeping.delete(sleeper);
            signal?.removeEventListener('abort', leave);
            resolve();
          },
        };
        const leave = () => {
          sleeping.delete(sleeper);
          reject(signal?.reason);
        };
        signal?.addEventListener('abort', leave, { once: true });
        sleeping.add(sleeper);
      }),
    async advance(ms) {
      const end = monotonic + ms;
      await rest();
      for (;;) {
        const sleeper = first();
        if (sleeper === undefined || sleeper.due > end) break;
        monotonic = Math.max(monotonic, sleeper.due);
        sleeper.wake();
        await rest();
      }
      monotonic = end;
      await rest();
    },
    step(ms) {
      offset += ms;
    },
    sleepers: () => sleeping.size,
    nextDue: () => first()?.due,
  };
}

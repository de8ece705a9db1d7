/**
 * A clock that stands still until it is told to move. Sleepers wake in order, and after each one the program gets
 * to finish what it started: so the real code lives a simulated day in seconds, and always in the same order.
 */
import type { Clock } from '../../src/clock.ts';

export interface VirtualClockOptions {
  /** UTC milliseconds shown at first. Default noon of 15 May 2026. */
  readonly start?: number;
  /** True while the program waits for something that no clock knows, as a worker thread or compression. */
  readonly busy?: () => boolean;
}

export interface VirtualClock extends Clock {
  /** The number of those that are asleep. */
  readonly sleepers: number;
  /** The instant at which the next of them wakes, in monotonic milliseconds; undefined if nobody sleeps. */
  readonly nextDue: number | undefined;
  /** Lets `ms` of monotonic time pass. */
  advance(ms: number): Promise<void>;
  /** Lets time pass until UTC reads `utcMs`, if nothing steps it meanwhile. Does nothing if it already does. */
  runUntil(utcMs: number): Promise<void>;
  /** Lets time pass until the promise is settled; returns or throws what it does. @throws after `limitMs`. */
  settle<T>(promise: Promise<T>, limitMs?: number): Promise<T>;
  /** Moves UTC by `ms`, forward or back; monotonic time and sleepers do not notice. */
  step(ms: number): void;
  /** Lets the program finish all that it can do without time passing. */
  drain(): Promise<void>;
}

interface Sleeper {
  readonly due: number;
  readonly order: number;
  readonly wake: () => void;
  gone: boolean;
}

/** More turns of the event loop than any honest work needs at one instant: a loop that waits for nothing. */
const mostTurns = 1_000_000;

/** Returns what Node lists as active while the program still has something to do that is not waiting for time or a peer. */
function pending(): boolean {
  return process
    .getActiveResourcesInfo()
    .some((name) => name === 'Immediate' || name === 'CloseReq' || name.startsWith('FSReq'));
}

/** Holds what the monotonic clock begins at: not where UTC does, so that nobody can mix them up. */
const origin = 1_000;

export function createVirtualClock({
  start = Date.UTC(2026, 4, 15, 12),
  busy = () => false,
}: VirtualClockOptions = {}): VirtualClock {
  let monotonic = origin;
  let offset = start - origin;
  let order = 0;
  let asleep = 0;
  /** Rises whenever the program uses the clock: it is doing something. */
  let uses = 0;
  const heap: Sleeper[] = [];

  const before = (a: Sleeper, b: Sleeper) => a.due < b.due || (a.due === b.due && a.order < b.order);

  function push(sleeper: Sleeper): void {
    let at = heap.length;
    heap.push(sleeper);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent];
      if (!above || !before(sleeper, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = sleeper;
  }

  function pop(): void {
    const last = heap.pop();
    if (!last || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      let least = heap[child];
      const right = heap[child + 1];
      if (least && right && before(right, least)) {
        least = right;
        child += 1;
      }
      if (!least || !before(least, last)) break;
      heap[at] = least;
      at = child;
    }
    heap[at] = last;
  }

  /** The next to wake; those whose sleep was aborted are dropped. */
  function next(): Sleeper | undefined {
    while (heap[0]?.gone) pop();
    return heap[0];
  }

  async function drain(): Promise<void> {
    for (let turn = 0; turn < mostTurns; turn += 1) {
      const seen = uses;
      // All promises and ticks run before the next turn of the event loop begins.
      await new Promise<void>((resolve) => setImmediate(resolve));
      if (uses === seen && !pending() && !busy()) return;
    }
    throw new Error('The program never comes to rest: something keeps working without time passing.');
  }

  async function run(until: () => number, done: () => boolean): Promise<void> {
    await drain();
    while (!done()) {
      const sleeper = next();
      const end = until();
      if (!sleeper || sleeper.due > end) {
        monotonic = Math.max(monotonic, end);
        return;
      }
      pop();
      monotonic = Math.max(monotonic, sleeper.due);
      sleeper.wake();
      await drain();
    }
  }

  const clock: VirtualClock = {
    now() {
      uses += 1;
      return offset + monotonic;
    },
    monotonic() {
      uses += 1;
      return monotonic;
    },
    sleep(ms, signal) {
      uses += 1;
      if (signal?.aborted) return Promise.reject(signal.reason);
      if (!(ms > 0)) return Promise.resolve();
      return new Promise((resolve, reject) => {
        const sleeper: Sleeper = {
          due: monotonic + ms,
          order,
          gone: false,
          wake() {
            sleeper.gone = true;
            asleep -= 1;
            signal?.removeEventListener('abort', onAbort);
            resolve();
          },
        };
        const onAbort = () => {
          uses += 1;
          asleep -= 1;
          sleeper.gone = true;
          reject(signal?.reason);
        };
        order += 1;
        asleep += 1;
        signal?.addEventListener('abort', onAbort, { once: true });
        push(sleeper);
      });
    },
    get sleepers() {
      return asleep;
    },
    get nextDue() {
      return next()?.due;
    },
    async advance(ms) {
      const end = monotonic + ms;
      await run(
        () => end,
        () => false,
      );
    },
    async runUntil(utcMs) {
      await run(
        () => Math.max(monotonic, utcMs - offset),
        () => offset + monotonic >= utcMs && (next()?.due ?? Infinity) > monotonic,
      );
    },
    async settle(promise, limitMs = 86_400_000) {
      let settled = false;
      const mark = () => {
        settled = true;
      };
      promise.then(mark, mark);
      const end = monotonic + limitMs;
      await run(
        () => end,
        () => settled,
      );
      if (!settled) throw new Error(`Not settled after ${limitMs} ms of simulated time.`);
      return promise;
    },
    step(ms) {
      offset += ms;
    },
    drain,
  };
  return clock;
}

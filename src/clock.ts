/**
 * The only place that asks for the time or waits. Everything else is handed a `Clock`, so that a test runs a simulated
 * day in a second and a demonstration can run faster than real time.
 */
import { performance } from 'node:perf_hooks';
import { clearTimeout, setTimeout } from 'node:timers';
import type { Milliseconds } from './units.ts';

export interface Clock {
  /** UTC, since the epoch. It can step, in both directions. */
  now(): Milliseconds;
  /** Time since some fixed instant. Never steps: durations are differences of this. */
  monotonic(): Milliseconds;
  /**
   * Resolves when so much monotonic time has passed.
   * @throws the signal's reason as soon as `signal` is aborted.
   */
  sleep(time: Milliseconds, signal?: AbortSignal): Promise<void>;
}

/** Longest delay that a Node timer takes; longer ones would fire at once. */
const longestTimer = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  async sleep(ms, signal) {
    const end = performance.now() + ms;
    for (;;) {
      signal?.throwIfAborted();
      const left = end - performance.now();
      if (left <= 0) return;
      await timer(Math.min(Math.ceil(left), longestTimer), signal);
    }
  },
};

/** Resolves after so many milliseconds, or when the signal is aborted. The promises of node:timers make an error for that. */
function timer(ms: Milliseconds, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(running);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const running = setTimeout(end, ms);
    signal?.addEventListener('abort', end);
  });
}

/** A wait for an instant of UTC looks at the clock this often, for it can step. */
export const longestNap: Milliseconds = 15_000;

/** The reason that ends the sleep of an alarm that is turned off. Without one, each would make an error with its stack. */
const turnedOff = Symbol('turned off');

/**
 * Calls `ring` once so much monotonic time has passed.
 * @returns what turns it off: after that it never rings
 */
export function alarm(clock: Pick<Clock, 'sleep'>, time: Milliseconds, ring: () => void): () => void {
  const off = new AbortController();
  clock.sleep(time, off.signal).then(
    () => {
      // Turned off between the end of the sleep and this turn.
      if (!off.signal.aborted) ring();
    },
    () => {},
  );
  return () => off.abort(turnedOff);
}

/** A clock that shows `start` now and from here on runs `speed` times as fast as `base`. */
export function scaledClock(base: Clock, speed: number, start: Milliseconds = base.now()): Clock {
  const origin = base.monotonic();
  const elapsed = () => (base.monotonic() - origin) * speed;
  return {
    now: () => start + elapsed(),
    monotonic: elapsed,
    sleep: (ms, signal) => base.sleep(ms / speed, signal),
  };
}

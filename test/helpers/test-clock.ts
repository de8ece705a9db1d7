/** The time that a test shares with the processes that it starts: the wall's, or another one that runs as fast as it likes. */
import { fileURLToPath } from 'node:url';
import type { Clock } from '../../src/clock.ts';
import { systemClock } from '../../src/clock.ts';

export interface TestClock extends Clock {
  /** Holds what a process needs to have the same time. */
  readonly execArgv: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

const preload = fileURLToPath(new URL('./shifted-clock.mjs', import.meta.url));

export const wallClock: TestClock = { ...systemClock, execArgv: [], environment: {} };

/** @param start UTC milliseconds that it shows now @param speed how many times as fast as the wall it runs */
export function shiftedClock(start: number, speed = 1): TestClock {
  const origin = Date.now();
  return {
    now: () => start + (Date.now() - origin) * speed,
    monotonic: () => performance.now() * speed,
    sleep: (ms, signal) => systemClock.sleep(ms / speed, signal),
    execArgv: ['--import', preload],
    environment: { TEST_CLOCK: `${start} ${speed} ${origin}` },
  };
}

/**
 * The time unless a test needs another: the middle of a month, a day and an hour. By the wall's, a test would fail on
 * the first of a month, when nothing has settled yet.
 */
export const usualClock: TestClock = shiftedClock(Date.parse('2026-05-15T12:30:02Z'));

/**
 * Keeps collecting garbage from getting between a scrape and the thread that serves it. Reports are garbage by the
 * megabyte, of which the serving thread has to collect its part.
 */
import { setFlagsFromString } from 'node:v8';
import type { Clock } from '../clock.ts';
import type { Milliseconds } from '../units.ts';

/**
 * The flags by which each thread marks between pauses, moves and updates by itself: where processors are few, helpers
 * come late. Sweeping keeps its helpers.
 */
const alone = ['--no-concurrent-marking', '--no-parallel-compaction', '--no-parallel-pointer-update'];

/**
 * The flags by which a small heap is collected after eight megabytes instead of two, and not made dense; a large one
 * grows by a tenth, and young heaps do not grow.
 */
const seldom = ['--no-optimize-for-size', '--heap-growing-percent=10', '--semi-space-growth-factor=1'];
/** The flags that hold otherwise, for little memory. */
const often = ['--optimize-for-size', '--heap-growing-percent=0', '--semi-space-growth-factor=2'];

/** Bytes a second from which on reports are many. */
const many = 1_000_000;
/** How long they are looked at: briefly where they may have begun to be many, longer where they may have ended. */
const looks: { readonly begin: Milliseconds; readonly end: Milliseconds } = { begin: 100, end: 10_000 };

/**
 * Lets threads collect alone, which takes memory at the start; so it is only for who takes reports, and not for several
 * organizations. To be called before V8 has begun to mark and before a thread is started.
 */
export function collectAlone(): void {
  setAll(alone, setFlagsFromString);
}

/** Returns a function that takes the bytes of reports, and lets all threads collect seldom while those are many. */
export function createSeldomCollection(
  clock: Pick<Clock, 'sleep'>,
  set: (flag: string) => void = setFlagsFromString,
): (bytes: number) => void {
  let sum = 0;
  let isSeldom = false;
  let isWatched = false;

  async function watch(): Promise<void> {
    isWatched = true;
    do {
      const length = isSeldom ? looks.end : looks.begin;
      await clock.sleep(length);
      const areMany = sum >= (many * length) / 1_000;
      sum = 0;
      if (areMany !== isSeldom) setAll(areMany ? seldom : often, set);
      isSeldom = areMany;
    } while (isSeldom);
    isWatched = false;
  }

  return (bytes) => {
    sum += bytes;
    if (!isWatched) void watch();
  };
}

function setAll(flags: readonly string[], set: (flag: string) => void): void {
  for (const flag of flags) set(flag);
}

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
 * The looks in a row without many reports after which heaps are collected often again: ten minutes. The change back to
 * seldom costs one long collection, so bursts that follow each other must not repeat it.
 */
const quietLooks = 60;

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
  let isWatched = false;

  async function areMany(look: Milliseconds): Promise<boolean> {
    sum = 0;
    await clock.sleep(look);
    return sum >= (many * look) / 1_000;
  }

  async function watch(): Promise<void> {
    if (!(await areMany(looks.begin))) return;
    setAll(seldom, set);
    for (let quiet = 0; quiet < quietLooks; ) quiet = (await areMany(looks.end)) ? 0 : quiet + 1;
    setAll(often, set);
  }

  return (bytes) => {
    if (!isWatched) {
      isWatched = true;
      void watch().finally(() => {
        isWatched = false;
      });
    }
    sum += bytes;
  };
}

function setAll(flags: readonly string[], set: (flag: string) => void): void {
  for (const flag of flags) set(flag);
}

/**
 * Keeps collecting garbage from getting between a scrape and the thread that serves it. Reports are garbage by the
 * megabyte, of which the serving thread has to collect its part.
 */
import { setFlagsFromString } from 'node:v8';

/**
 * Each thread marks between pauses, moves and updates by itself, for where processors are few, helpers come late.
 * Sweeping keeps its helpers.
 */
const alone = ['--no-concurrent-marking', '--no-parallel-compaction', '--no-parallel-pointer-update'];

/**
 * A small heap is collected after eight megabytes instead of two, and is not made dense each time. A large one grows by
 * a tenth, as otherwise, and what is young has no more room.
 */
const seldom = ['--no-optimize-for-size', '--heap-growing-percent=10', '--semi-space-growth-factor=1'];

/**
 * Keeps the pauses of all threads short and few. Their heaps are larger for it, so it is only for who takes reports, and
 * not for several organizations. To be called before V8 has begun to mark and before a thread is started.
 */
export function keepPausesShort(): void {
  for (const flag of [...alone, ...seldom]) setFlagsFromString(flag);
}

/** Keeps what helps to collect garbage from getting between a scrape and the thread that serves it. */
import { setFlagsFromString } from 'node:v8';

/**
 * Lets each thread mark between pauses, move and update by itself; sweeping keeps its helpers. Reports are garbage by
 * the megabyte, which the serving thread has to collect; where processors are few, a scrape would wait until the
 * helpers get one, too. Heaps are larger for it at the start, so it is only for who takes reports, and not for several
 * organizations. To be called before V8 has begun to mark and before a thread is started.
 */
export function collectAlone(): void {
  for (const flag of ['concurrent-marking', 'parallel-compaction', 'parallel-pointer-update']) {
    setFlagsFromString(`--no-${flag}`);
  }
}

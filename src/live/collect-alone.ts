/** Keeps what helps to collect garbage from getting between a scrape and the thread that serves it. */
import { setFlagsFromString } from 'node:v8';

/**
 * Lets each thread collect its garbage without helpers. Reports are garbage by the megabyte, which the serving thread has to
 * collect; where processors are few, a scrape would wait with it until the helpers get one. Heaps are larger for it at the
 * start, so it is only for who takes reports. To be called before a thread is started.
 */
export function collectAlone(): void {
  for (const flag of ['concurrent-marking', 'parallel-compaction', 'parallel-pointer-update']) {
    setFlagsFromString(`--no-${flag}`);
  }
}

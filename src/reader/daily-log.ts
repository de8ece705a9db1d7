/** Says what stays as it is once a UTC day, for each matter and api: somebody may look at a log of any day. */
import type { Clock } from '../clock.ts';
import type { Logger } from '../log.ts';
import type { Api } from '../openai/catalogue.ts';
import { bucketAt } from '../usage/windows.ts';

/** Returns what has said nothing yet. */
export function createDailyLog(log: Logger, clock: Clock) {
  /** The day, in seconds, on which it was said the last time. */
  const saidOn = new Map<string, number>();

  function isNew(matter: string, api: Api): boolean {
    const today = bucketAt(clock.now(), '1d');
    const key = `${matter} ${api}`;
    if (saidOn.get(key) === today) return false;
    saidOn.set(key, today);
    return true;
  }

  return {
    warn(matter: string, api: Api, text: string): void {
      if (isNew(matter, api)) log.warn(text, { api });
    },
    info(matter: string, api: Api, ...texts: readonly string[]): void {
      if (texts.length === 0 || !isNew(matter, api)) return;
      for (const text of texts) log.info(text, { api });
    },
  };
}

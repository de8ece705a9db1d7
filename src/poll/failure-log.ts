/**
 * Says a failure once, not at every poll: when it begins, when it changes and when it is over. A refused key fails
 * every api alike, so it is said once for all of them; one that goes on failing when that is over is then said itself.
 */
import type { Logger } from '../log.ts';
import { inFull, type Reason } from '../openai/errors.ts';

export interface FailureLog {
  failed(api: string, what: string, failure: { readonly reason: Reason; readonly error: Error }, next: number): void;
  succeeded(api: string, what: string): void;
  /** It is not done any more, so nothing will ever be said of it. */
  forget(api: string, what: string): void;
}

/** Reasons that are about the key, whichever api was asked. */
const aboutKey: ReadonlySet<Reason> = new Set<Reason>(['auth', 'permission']);

export function createFailureLog(log: Logger): FailureLog {
  /** The last reason of each api and activity that fails, and whether it was said of this one. */
  const failing = new Map<string, { readonly reason: Reason; readonly aloud: boolean }>();
  const isSaidOfAnother = (key: string, reason: Reason) =>
    aboutKey.has(reason) && [...failing].some(([other, last]) => other !== key && last.aloud && last.reason === reason);

  return {
    failed(api, what, { reason, error }, next) {
      const key = `${api} ${what}`;
      const fields = { api, reason, next: new Date(next).toISOString() };
      const message = `${api}: ${what} failed (${reason}) and will be tried again: ${inFull(error)}`;
      const last = failing.get(key);
      const isSaid = last?.reason === reason && last.aloud;
      const aloud = !isSaid && !isSaidOfAnother(key, reason);
      if (aloud) log.warn(message, fields);
      else log.debug(message, fields);
      failing.set(key, { reason, aloud: aloud || isSaid });
    },
    succeeded(api, what) {
      const key = `${api} ${what}`;
      const last = failing.get(key);
      if (last === undefined) return;
      failing.delete(key);
      const message = `${api}: ${what} succeeds again`;
      if (last.aloud) log.info(message, { api });
      else log.debug(message, { api });
    },
    forget: (api, what) => {
      failing.delete(`${api} ${what}`);
    },
  };
}

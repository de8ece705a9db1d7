/**
 * Says a failure once, not at every poll: when it begins, when it changes and when it is over. A refused key fails
 * every api alike, so it is said once for all of them.
 */
import type { Logger } from '../log.ts';
import type { Reason } from '../openai/errors.ts';

export interface FailureLog {
  failed(api: string, what: string, failure: { readonly reason: Reason; readonly error: Error }, next: number): void;
  succeeded(api: string, what: string): void;
  /** It is not done any more, so nothing will ever be said of it. */
  forget(api: string, what: string): void;
}

/** Reasons that are about the key, whichever api was asked. */
const aboutKey: ReadonlySet<Reason> = new Set<Reason>(['auth', 'permission']);

export function createFailureLog(log: Logger): FailureLog {
  /** The reason last said of each api and activity. */
  const said = new Map<string, Reason>();
  const isSaidOfAnother = (key: string, reason: Reason) =>
    aboutKey.has(reason) && [...said].some(([other, otherReason]) => other !== key && otherReason === reason);

  return {
    failed(api, what, { reason, error }, next) {
      const key = `${api} ${what}`;
      const fields = { api, reason, next: new Date(next).toISOString() };
      const message = `${api}: ${what} failed (${reason}), will be tried again: ${error.message}`;
      if (said.get(key) === reason || isSaidOfAnother(key, reason)) log.debug(message, fields);
      else log.warn(message, fields);
      said.set(key, reason);
    },
    succeeded(api, what) {
      if (said.delete(`${api} ${what}`)) log.info(`${api}: ${what} succeeds again`, { api });
    },
    forget: (api, what) => {
      said.delete(`${api} ${what}`);
    },
  };
}

/**
 * The one wrapper around whatever asks the API: it measures and names the outcome, so that what runs inside
 * neither times nor counts itself.
 */
import type { Clock } from '../clock.ts';
import type { Logger } from '../log.ts';
import type { ApiLabel } from '../openai/catalogue.ts';
import { ApiError, type Reason } from '../openai/errors.ts';
import { inSeconds, type Seconds } from '../units.ts';

export interface AttemptContext {
  readonly api: ApiLabel;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

export interface Outcome {
  readonly duration: Seconds;
  readonly failure: { readonly reason: Reason; readonly error: Error } | undefined;
}

/**
 * Runs `task` and says how it went.
 * @throws the signal's reason once it is aborted
 */
export async function attempt(context: AttemptContext, task: () => Promise<void>): Promise<Outcome> {
  const { clock, log, api, signal } = context;
  const begun = clock.monotonic();
  let failure: Outcome['failure'];
  try {
    await task();
  } catch (error) {
    signal.throwIfAborted();
    failure = error instanceof ApiError ? { reason: error.reason, error } : defect(error, api, log);
  }
  return { duration: inSeconds(clock.monotonic() - begun), failure };
}

/** An answer that the code was not prepared for must not end the other apis; it is said with all that is known. */
function defect(thrown: unknown, api: ApiLabel, log: Logger): Outcome['failure'] {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  log.error(`${api}: unexpected error while processing an answer; please report it: ${error.message}`, {
    api,
    stack: error.stack,
  });
  return { reason: 'malformed', error };
}

/** The state of an api's polls, as data: for the exporter's own metrics, the status page and `/-/ready`. */
import type { Api } from '../openai/catalogue.ts';
import type { Reason } from '../openai/errors.ts';
import type { Milliseconds, Seconds } from '../units.ts';

export interface PollFailure {
  readonly reason: Reason;
  /** The message, in one sentence, without any secret. */
  readonly message: string;
  readonly whatToDo: string;
  readonly at: Milliseconds;
}

export interface PollStatus {
  readonly api: Api;
  /** True if the last poll succeeded; undefined until one was tried. */
  up: boolean | undefined;
  polls: number;
  /** Polls that failed since the last one that did not. */
  failures: number;
  /** The last poll's failure; undefined when it succeeded. */
  failure: PollFailure | undefined;
  lastPoll: Milliseconds | undefined;
  lastSuccess: Milliseconds | undefined;
  nextPoll: Milliseconds | undefined;
  /** The time that the last poll took. */
  duration: Seconds | undefined;
}

export function newPollStatus(api: Api): PollStatus {
  return {
    api,
    up: undefined,
    polls: 0,
    failures: 0,
    failure: undefined,
    lastPoll: undefined,
    lastSuccess: undefined,
    nextPoll: undefined,
    duration: undefined,
  };
}

/** The state of an api's polls, as data: for the exporter's own metrics, the status page and `/-/ready`. */
import type { Api } from '../openai/catalogue.ts';
import type { Reason } from '../openai/errors.ts';

export interface PollFailure {
  readonly reason: Reason;
  /** The message, in one sentence, without any secret. */
  readonly message: string;
  readonly whatToDo: string;
  /** UTC milliseconds. */
  readonly at: number;
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
  /** UTC milliseconds. */
  lastPoll: number | undefined;
  lastSuccess: number | undefined;
  nextPoll: number | undefined;
  /** Seconds that the last poll took. */
  duration: number | undefined;
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

/**
 * Keeps names and limits up to date: goes round the lists of the organization and of its projects, one page at a time,
 * as the budget's lowest class allows. A list that fails keeps what it had, and holds up no other.
 */
import { longestNap } from '../clock.ts';
import type { Logger } from '../log.ts';
import { adminKeysUrl } from '../openai/advice.ts';
import { type ApiLabel, isListApi, type ListApi, listApis } from '../openai/catalogue.ts';
import { ApiError, inFull, type Reason } from '../openai/errors.ts';
import type { Filters } from '../openai/query.ts';
import type { PageSizes } from '../openai/read-buckets.ts';
import { attempt, type Outcome } from '../poll/attempt.ts';
import type { FailureLog } from '../poll/failure-log.ts';
import { day } from '../usage/windows.ts';
import { createListTasks, type ListTasksOptions, type Task } from './list-tasks.ts';
import { createModelsInUseReader, dimensionsOfUse } from './read-models-in-use.ts';
import { createRounds, dueAt } from './rounds.ts';

export interface NamesPollerOptions extends Omit<ListTasksOptions, 'readModelsInUse' | 'malformed' | 'dropped'> {
  readonly log: Logger;
  readonly failureLog: FailureLog;
  /** The filters of the usage that tells which models are in use. */
  readonly filters: Filters;
  /** Sizes of the pages that polls read. */
  readonly sizes: PageSizes;
  /** The dimensions that polls group by. */
  readonly groupBy: readonly string[];
  readonly report: {
    polled(api: ApiLabel, reason: Reason | undefined): void;
    /** A list that goes on counts as failed until its page has come: there was no answer for too long. */
    late(): void;
    malformed(api: ApiLabel, items: number): void;
  };
  /** Names or limits may have changed. */
  changed(): void;
}

/** The state of the reading of one kind of list. */
export interface ListStatus {
  readonly api: ListApi;
  /** Reports whether every list of the kind was read the last time; undefined before the first, and without the scope. */
  up(): boolean | undefined;
  /** Returns why one of them was not read the last time, a missing scope included. */
  failure(): Outcome['failure'];
  /** UTC milliseconds. */
  lastSuccess(): number | undefined;
  /** Seconds that the last read took. */
  duration(): number | undefined;
}

export interface NamesPoller {
  readonly lists: readonly ListStatus[];
  /** Reads until the signal is aborted. */
  run(signal: AbortSignal): Promise<void>;
}

/** A poller that has read nothing; `run` rejects with the reason of its signal. */
export function createNamesPoller(options: NamesPollerOptions): NamesPoller {
  const { limits, client, clock, filters, sizes, groupBy, log, failureLog, report } = options;
  const tasks = createListTasks({
    ...options,
    readModelsInUse: createModelsInUseReader({
      client,
      clock,
      filters,
      polledSizes: dimensionsOfUse.every((name) => groupBy.includes(name)) ? sizes : undefined,
      inUse: limits.inUse,
      refused: ({ api }, dimension, reason) => sayRefused(api, dimension, reason),
      // They tell whose limits are shown.
      leftOut: (rows) => report.malformed('rate_limits', rows),
    }),
    malformed: (api, items) => report.malformed(api, items),
    dropped: ({ api, what }) => failureLog.forget(api, what),
  });
  const lastSuccess = new Map<string, number>();
  const durations = new Map<string, number>();
  /** True if it was said that the key lacks the scope. */
  let refused = false;

  /** Dimensions, by api, that are known to be refused. */
  const refusedBefore = new Set<string>();

  /** Says once that OpenAI does not tell which models a project uses, and what follows from that. */
  function sayRefused(api: ApiLabel, dimension: string, reason: string): void {
    const key = `${api} ${dimension}`;
    if (refusedBefore.has(key)) return;
    refusedBefore.add(key);
    const shown =
      dimension === 'model'
        ? 'Every rate limit of the projects with usage is shown.'
        : 'The rate limits of the models in use are shown for every project.';
    log.warn(
      `${api}: OpenAI does not grant grouping by ${dimension}, so it is not known which models a project uses. ${shown} It is tried again each day. OpenAI said: ${reason}`,
      { api },
    );
  }

  /** Asks for one page. */
  async function carryOut(task: Task, signal: AbortSignal): Promise<void> {
    const { api, what } = task;
    task.begin(clock.now());
    let last = false;
    const late = () => {
      tasks.note(task);
      logOutcome(task, task.failure);
      report.late();
    };
    const outcome = await attempt({ api, clock, log, signal }, async () => {
      last = await task.next(signal, late);
    });
    const wasLate = task.isLate;
    const seconds = task.end(outcome, last);
    const reason = outcome.failure?.reason;
    if (wasLate || last || reason !== undefined) {
      tasks.note(task);
      logOutcome(task, task.failure);
    }
    if (last || reason !== undefined) {
      if (isListApi(api)) {
        durations.set(api, seconds);
        if (reason === undefined) lastSuccess.set(api, clock.now());
        report.polled(api, reason);
      }
    } else if (wasLate) report.late();
    options.changed();
    log.debug(`${api}: ${what} ${last ? 'ended' : 'goes on'}`, { api, seconds, reason });
  }

  function logOutcome(task: Task, failure: Outcome['failure']): void {
    const { api, what } = task;
    if (task === tasks.projects) logScope(api, failure);
    if (failure === undefined) failureLog.succeeded(api, what);
    // A refused key is said by the polls, which name the scope that matters first.
    else if (failure.reason !== 'auth' && (failure.reason !== 'permission' || !refused)) {
      failureLog.failed(api, what, failure, dueAt(task, clock.now()));
    }
  }

  /** Says once that names and limits are refused, and once that they are not any more. */
  function logScope(api: ApiLabel, failure: Outcome['failure']): void {
    if (failure?.reason === 'permission' && !refused) {
      refused = true;
      const { error } = failure;
      // Others than the API refuse, too, and then the scopes are not at fault.
      const why =
        error instanceof ApiError && !error.lacksScope
          ? inFull(error)
          : `the key lacks the scope api.management.read. Usage and costs go on without it; add the scope, or make an admin key that has it, at ${adminKeysUrl}`;
      log.warn(`names and limits are off: ${why}`, { api });
    } else if (failure === undefined && refused) {
      refused = false;
      log.info('names and limits are read again', { api });
    }
  }

  return {
    lists: listApis.map((api) => ({
      api,
      up: () => tasks.outcomeOf(api).up,
      failure: () => tasks.outcomeOf(api).failure,
      lastSuccess: () => lastSuccess.get(api),
      duration: () => durations.get(api),
    })),
    async run(signal) {
      const rounds = createRounds();
      for (;;) {
        signal.throwIfAborted();
        tasks.update();
        const now = clock.now();
        const task = rounds.next(tasks.candidates(), now);
        if (task !== undefined) {
          await carryOut(task, signal);
          continue;
        }
        let next = now + day;
        for (const each of tasks.candidates()) next = Math.min(next, dueAt(each, now));
        await clock.sleep(Math.max(1, Math.min(next - now, longestNap)), signal);
      }
    },
  };
}

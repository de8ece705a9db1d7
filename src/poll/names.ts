/**
 * Keeps names and limits up to date: goes round the lists of the organization and of its projects, one request at a
 * time, as the budget's lowest class allows. A list that fails keeps what it had, and holds up no other.
 */
import { longestNap } from '../clock.ts';
import type { Logger } from '../log.ts';
import { type ListApi, listApis } from '../openai/catalogue.ts';
import { adminKeysUrl, type Reason } from '../openai/errors.ts';
import type { Filters } from '../openai/query.ts';
import { day } from '../usage/windows.ts';
import { attempt, type Outcome } from './attempt.ts';
import type { FailureLog } from './failure-log.ts';
import { beginTask, createListTasks, endTask, type ListTasksOptions, type Task } from './list-tasks.ts';
import { createModelsInUseReader } from './models-in-use.ts';
import { dueAt, nextTurn } from './rounds.ts';

export interface NamesPollerOptions extends Omit<ListTasksOptions, 'readModelsInUse' | 'malformed' | 'dropped'> {
  readonly log: Logger;
  readonly failureLog: FailureLog;
  /** Under which usage is asked for the models in use. */
  readonly filters: Filters;
  readonly report: {
    polled(api: string, reason: Reason | undefined): void;
    malformed(api: string, items: number): void;
  };
  /** Names or limits may have changed. */
  changed(): void;
}

/** How the reading of one kind of list goes. */
export interface ListStatus {
  readonly api: ListApi;
  /** Whether every list of the kind was read the last time; undefined before the first, and without the scope. */
  up(): boolean | undefined;
  /** Why one of them was not read the last time, the scope's lack included. */
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
  const { limits, client, clock, filters, log, failureLog, report } = options;
  const tasks = createListTasks({
    ...options,
    readModelsInUse: createModelsInUseReader({ client, clock, filters, inUse: limits.inUse }),
    malformed: (api, items) => report.malformed(api, items),
    dropped: ({ api, what }) => failureLog.forget(api, what),
  });
  const lastSuccess = new Map<string, number>();
  const durations = new Map<string, number>();
  /** Whether it was said that the key lacks the scope. */
  let refused = false;

  async function carryOut(task: Task, signal: AbortSignal): Promise<void> {
    const { api, what } = task;
    beginTask(task, clock.now());
    const outcome = await attempt({ api, clock, log, signal }, () => task.read(signal));
    endTask(task, outcome.failure);
    const reason = outcome.failure?.reason;
    if (isList(api)) {
      durations.set(api, outcome.duration);
      if (reason === undefined) lastSuccess.set(api, clock.now());
      report.polled(api, reason);
    }
    logOutcome(task, outcome);
    options.changed();
    log.debug(`${api}: ${what} ended`, { api, seconds: outcome.duration, reason });
  }

  function logOutcome(task: Task, { failure }: Outcome): void {
    const { api, what } = task;
    if (task === tasks.projects) logScope(api, failure);
    if (failure === undefined) failureLog.succeeded(api, what);
    // A refused key is said by the polls, which name the scope that matters first.
    else if (failure.reason !== 'auth' && (failure.reason !== 'permission' || !refused)) {
      failureLog.failed(api, what, failure, dueAt(task, clock.now()));
    }
  }

  /** Says once that the key lacks the scope, and once that it has it after all. */
  function logScope(api: string, failure: Outcome['failure']): void {
    if (failure?.reason === 'permission' && !refused) {
      refused = true;
      log.warn(
        `names and limits are off: the key lacks the scope api.management.read. Usage and costs go on without it; add the scope, or make an admin key that has it, at ${adminKeysUrl}`,
        { api },
      );
    } else if (failure === undefined && refused) {
      refused = false;
      log.info('names and limits are read again: the key has the scope api.management.read', { api });
    }
  }

  /** Of each list of the kind that was tried: why it failed, if it did. */
  function failuresOf(api: ListApi): readonly Outcome['failure'][] {
    const own = tasks.of(api);
    const projects = tasks.projects.failure;
    const withoutScope = projects?.reason === 'permission' ? projects : undefined;
    // Nothing of this kind can be asked for before the projects are known.
    if (own.length === 0 && withoutScope !== undefined) return [withoutScope];
    return own
      .filter(({ ended }) => ended)
      .map(({ projectId, failure }) =>
        // What is not asked any more, because the scope is gone, says nothing of how things are.
        projectId === null ? failure : (withoutScope ?? failure),
      );
  }

  function statusOf(api: ListApi): ListStatus {
    return {
      api,
      up() {
        const all = failuresOf(api);
        if (all.every((failure) => failure?.reason === 'permission')) return undefined;
        return all.every((failure) => failure === undefined);
      },
      failure: () => failuresOf(api).find((failure) => failure !== undefined),
      lastSuccess: () => lastSuccess.get(api),
      duration: () => durations.get(api),
    };
  }

  return {
    lists: listApis.map(statusOf),
    async run(signal) {
      for (;;) {
        signal.throwIfAborted();
        tasks.update();
        const now = clock.now();
        const task = nextTurn(tasks.candidates(), now);
        if (task !== undefined) {
          await carryOut(task, signal);
          continue;
        }
        const next = Math.min(...[...tasks.candidates()].map((each) => dueAt(each, now)), now + day);
        await clock.sleep(Math.max(1, Math.min(next - now, longestNap)), signal);
      }
    },
  };
}

/** Whether it is a list: usage apis are asked, too, but how they go is told by their own polls. */
function isList(api: string): boolean {
  return listApis.some((name) => name === api);
}

/**
 * Keeps names and limits up to date: goes round the lists of the organization and of its projects, one request at a
 * time, as the budget's lowest class allows. A list that fails keeps what it had, and holds up no other.
 */
import type { Clock } from '../clock.ts';
import type { Logger } from '../log.ts';
import { type Directory, organization } from '../names/directory.ts';
import type { Limits } from '../names/limits.ts';
import { type Endpoint, widthSeconds } from '../openai/catalogue.ts';
import type { Client } from '../openai/client.ts';
import { adminKeysUrl, type Reason } from '../openai/errors.ts';
import { type List, type ListApi, listApis, lists, readList } from '../openai/lists.ts';
import type { Filters } from '../openai/query.ts';
import { createPageSizes, readBuckets } from '../openai/read.ts';
import { bucketAt, day, hour } from '../usage/windows.ts';
import { attempt, type Outcome } from './attempt.ts';
import type { FailureLog } from './failure-log.ts';
import { dueAt, nextTurn, type Turn } from './rounds.ts';

export interface NamesPollerOptions {
  readonly directory: Directory;
  readonly limits: Limits;
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Logger;
  readonly failureLog: FailureLog;
  /** Milliseconds in which everything is to be read once, if the budget allows. */
  readonly refresh: number;
  readonly allRateLimits: boolean;
  /** Usage apis that tell which models are in use, and the filters under which they are asked. */
  readonly apisByModel: readonly Endpoint[];
  readonly filters: Filters;
  /** Whether a project is on a series of usage or costs. */
  readonly isUsed: (projectId: string) => boolean;
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

interface Task extends Turn {
  /** The api that is asked, and a few words for the log. */
  readonly api: string;
  readonly what: string;
  readonly projectId: string | null;
  tried: number | undefined;
  /** Whether a try has come to its end, so that there is something to say. */
  ended: boolean;
  failures: number;
  hopeless: boolean;
  /** Why the last read failed. */
  failure: Outcome['failure'];
  rank: number;
  read(signal: AbortSignal): Promise<void>;
}

/** A wait is cut into pieces this long, in milliseconds, so that a clock that steps is noticed. */
const longestNap = 15_000;

/** Milliseconds that reading the days of one api may take; most of it is waiting for a turn. */
const daysDeadline = 1_800_000;

/** Days that tell which models are in use, the running one included: what a page holds. */
const days = 31;

/**
 * Ranks: the organization's own lists are few and always come first; then projects with usage; names before limits.
 * Which models are in use is needed for limits alone, so at first it waits for names; later it is a request an hour.
 */
const ranks = {
  organization: -2,
  inUse: -1,
  usedNames: 0,
  inUseAtFirst: 1,
  usedLimits: 2,
  otherNames: 3,
  otherLimits: 4,
} as const;

export function createNamesPoller(options: NamesPollerOptions): NamesPoller {
  const { directory, limits, client, clock, log, failureLog, refresh, report } = options;
  const tasks = new Map<string, Task>();
  const lastSuccess = new Map<string, number>();
  const durations = new Map<string, number>();
  /** Sizes of its own: days by project and model are far smaller than days by everything. */
  const sizes = createPageSizes();
  /** By api: the day, in seconds, on which the whole span was read the last time. */
  const wholeReadOn = new Map<string, number>();
  let refused = false;
  let updated: { readonly version: number; readonly elapsed: number } | undefined;

  function add(task: Pick<Task, 'key' | 'api' | 'what' | 'projectId' | 'period' | 'rank' | 'read'>): void {
    if (!tasks.has(task.key)) {
      tasks.set(task.key, {
        ...task,
        tried: undefined,
        ended: false,
        failures: 0,
        hopeless: false,
        failure: undefined,
      });
    }
  }

  function addList<T>(
    list: List<T>,
    projectId: string | null,
    rank: number,
    take: (items: readonly T[], complete: boolean) => void,
  ): void {
    const { api } = list;
    const of = projectId === null ? '' : ` of ${projectId}`;
    add({
      key: `${api}${of}`,
      api,
      what: `reading${of}`,
      projectId,
      period: refresh,
      rank,
      async read(signal) {
        const { items, malformed, failure } = await readList(client, clock, list, projectId, signal);
        report.malformed(api, malformed);
        // What came before a failure stands; nothing at all says nothing.
        if (failure === undefined || items.length > 0) take(items, failure === undefined);
        if (failure !== undefined) throw failure;
      },
    });
  }

  function addOrganization(): void {
    const { organization: rank } = ranks;
    addList(lists.projects, null, rank, (items, complete) => directory.takeProjects(items, complete));
    addList(lists.users, null, rank, (items, complete) => directory.takeUsers(items, complete));
    addList(lists.spendLimits, null, rank, (items, all) => limits.takeSpendLimit(organization, items, all));
    addList(lists.spendAlerts, null, rank, (items, all) => limits.takeSpendAlerts(organization, items, all));
    addList(lists.adminKeys, null, rank, (items, all) => limits.takeAdminKeys(items, all));
    for (const endpoint of options.apisByModel) {
      const { api } = endpoint;
      add({
        key: `models in use at ${api}`,
        api,
        what: 'reading of the models in use',
        projectId: null,
        period: hour,
        rank: ranks.inUseAtFirst,
        read: (signal) => readModelsInUse(endpoint, signal),
      });
    }
  }

  function addProject(id: string): void {
    addList(lists.apiKeys, id, ranks.otherNames, (items, all) => directory.takeKeys(id, items, all));
    addList(lists.serviceAccounts, id, ranks.otherNames, (items, all) => directory.takeServiceAccounts(id, items, all));
    addList(lists.spendLimits, id, ranks.otherLimits, (items, all) => limits.takeSpendLimit(id, items, all));
    addList(lists.spendAlerts, id, ranks.otherLimits, (items, all) => limits.takeSpendAlerts(id, items, all));
    // Of a project that uses no model no rate limit would be shown.
    if (options.allRateLimits || limits.inUse.hasProject(id)) {
      addList(lists.rateLimits, id, ranks.otherLimits, (items, all) => limits.rate.take(id, items, all));
    }
  }

  /** Which days tell of models in use: once a day all of them, otherwise the running day and the one before. */
  async function readModelsInUse(endpoint: Endpoint, signal: AbortSignal): Promise<void> {
    const { api } = endpoint;
    const today = bucketAt(clock.now(), '1d');
    const whole = wholeReadOn.get(api) !== today;
    const from = today - (whole ? days - 1 : 1) * widthSeconds['1d'];
    const pages = readBuckets(client, sizes, {
      endpoint,
      width: '1d',
      from,
      to: today + widthSeconds['1d'],
      groupBy: ['project_id', 'model'],
      filters: options.filters,
      priority: 'names',
      deadline: clock.monotonic() + daysDeadline,
      signal,
    });
    for await (const { buckets } of pages) for (const bucket of buckets) limits.inUse.take(bucket);
    if (whole) wholeReadOn.set(api, today);
  }

  /** Brings the tasks in line with the projects there are; what is used changes without notice, but not at once. */
  function update(): void {
    const version = directory.version + limits.inUse.version;
    const elapsed = clock.monotonic();
    if (updated?.version === version && elapsed < updated.elapsed + longestNap) return;
    updated = { version, elapsed };
    limits.inUse.forget(clock.now());
    const active = new Set(directory.activeProjects);
    for (const id of active) addProject(id);
    for (const [key, task] of tasks) {
      const { projectId, rank, api } = task;
      if (projectId === null) continue;
      if (!active.has(projectId)) {
        tasks.delete(key);
        failureLog.forget(api, task.what);
        directory.dropProject(projectId);
        limits.dropProject(projectId);
        continue;
      }
      const isLimit = rank === ranks.usedLimits || rank === ranks.otherLimits;
      if (options.isUsed(projectId) || limits.inUse.hasProject(projectId)) {
        task.rank = isLimit ? ranks.usedLimits : ranks.usedNames;
      } else task.rank = isLimit ? ranks.otherLimits : ranks.otherNames;
    }
  }

  /** Tasks worth a try: without the scope, or the key, those of the projects would all fail alike. */
  function* candidates(): Generator<Task> {
    for (const task of tasks.values()) {
      if (task.projectId === null || !isKeyFault(projectsTask()?.failure?.reason)) yield task;
    }
  }

  function projectsTask(): Task | undefined {
    return tasks.get(lists.projects.api);
  }

  async function carryOut(task: Task, signal: AbortSignal): Promise<void> {
    const { api, what } = task;
    const isList = listApis.some((name) => name === api);
    task.tried = clock.now();
    if (task.rank === ranks.inUseAtFirst) task.rank = ranks.inUse;
    const outcome = await attempt({ api, clock, log, signal }, () => task.read(signal));
    const reason = outcome.failure?.reason;
    task.ended = true;
    task.failure = outcome.failure;
    task.failures = reason === undefined ? 0 : task.failures + 1;
    // A scope is not added within a minute; asking for it again and again would only fill the API's logs.
    task.hopeless = reason === 'permission';
    if (isList) {
      durations.set(api, outcome.duration);
      if (reason === undefined) lastSuccess.set(api, clock.now());
      report.polled(api, reason);
    }
    say(task, outcome);
    options.changed();
    log.debug(`${api}: ${what} ended`, { api, seconds: outcome.duration, reason });
  }

  function say(task: Task, { failure }: Outcome): void {
    const { api, what } = task;
    if (task === projectsTask()) {
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
    if (failure === undefined) failureLog.succeeded(api, what);
    // A refused key is said by the polls, which name the scope that matters first.
    else if (failure.reason !== 'auth' && (failure.reason !== 'permission' || !refused)) {
      failureLog.failed(api, what, failure, dueAt(task, clock.now()));
    }
  }

  function statusOf(api: ListApi): ListStatus {
    /** Of each list of the kind that was tried: why it failed, if it did. */
    const failures = () => {
      const own = [...tasks.values()].filter((task) => task.api === api);
      const projects = projectsTask()?.failure;
      const withoutScope = projects?.reason === 'permission' ? projects : undefined;
      // Nothing of this kind can be asked for before the projects are known.
      if (own.length === 0 && withoutScope !== undefined) return [withoutScope];
      return own
        .filter(({ ended }) => ended)
        .map(({ projectId, failure }) =>
          // What is not asked any more, because the scope is gone, says nothing of how things are.
          projectId === null ? failure : (withoutScope ?? failure),
        );
    };
    return {
      api,
      up() {
        const all = failures();
        if (all.every((failure) => failure?.reason === 'permission')) return undefined;
        return all.every((failure) => failure === undefined);
      },
      failure: () => failures().find((failure) => failure !== undefined),
      lastSuccess: () => lastSuccess.get(api),
      duration: () => durations.get(api),
    };
  }

  return {
    lists: listApis.map(statusOf),
    async run(signal) {
      addOrganization();
      for (;;) {
        signal.throwIfAborted();
        update();
        const now = clock.now();
        const task = nextTurn(candidates(), now);
        if (task !== undefined) {
          await carryOut(task, signal);
          continue;
        }
        const next = Math.min(...[...candidates()].map((each) => dueAt(each, now)), now + day);
        await clock.sleep(Math.max(1, Math.min(next - now, longestNap)), signal);
      }
    },
  };
}

/** Faults of the key: whatever is asked for, the answer would be the same. */
function isKeyFault(reason: Reason | undefined): boolean {
  return reason === 'permission' || reason === 'auth';
}

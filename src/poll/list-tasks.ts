/**
 * What there is to read of names and limits: the lists of the organization, those of each of its projects, and which
 * models are in use. Projects come and go, and with them what is to be read.
 */
import type { Clock } from '../clock.ts';
import { type Directory, organization } from '../names/directory.ts';
import type { Limits } from '../names/limits.ts';
import type { Endpoint } from '../openai/catalogue.ts';
import type { Client } from '../openai/client.ts';
import type { Reason } from '../openai/errors.ts';
import { type List, lists, readList } from '../openai/lists.ts';
import { hour } from '../usage/windows.ts';
import type { Outcome } from './attempt.ts';
import type { Turn } from './rounds.ts';

export interface ListTasksOptions {
  readonly directory: Directory;
  readonly limits: Limits;
  readonly client: Client;
  readonly clock: Clock;
  /** Milliseconds in which everything is to be read once, if the budget allows. */
  readonly refresh: number;
  readonly allRateLimits: boolean;
  /** Usage apis that tell which models are in use. */
  readonly apisByModel: readonly Endpoint[];
  /** Whether a project is on a series of usage or costs. */
  readonly isUsed: (projectId: string) => boolean;
  readModelsInUse(endpoint: Endpoint, signal: AbortSignal): Promise<void>;
  /** Items of a list were refused; called with 0, too. */
  malformed(api: string, items: number): void;
  /** A task is gone with its project. */
  dropped(task: Task): void;
}

/** Something to read, again and again, and how it went the last time. */
export interface Task extends Turn {
  /** The api that is asked, and a few words for the log. */
  readonly api: string;
  readonly what: string;
  /** Null for what belongs to the organization. */
  readonly projectId: string | null;
  tried: number | undefined;
  /** Whether a try has come to its end, so that there is something to say. */
  ended: boolean;
  failures: number;
  retryPointless: boolean;
  /** Why the last read failed. */
  failure: Outcome['failure'];
  rank: number;
  read(signal: AbortSignal): Promise<void>;
}

export interface ListTasks {
  /** The list of projects, on which all that belongs to one of them depends. */
  readonly projects: Task;
  /** Those that ask this api, of the organization and of projects. */
  of(api: string): readonly Task[];
  /** Those that are worth a try. */
  candidates(): Iterable<Task>;
  /** Brings the tasks in line with the projects there are; cheap where there is nothing to do. */
  update(): void;
}

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

/** Which projects are used changes without notice, but not at once: milliseconds between two looks. */
const lookEvery = 15_000;

export function createListTasks(options: ListTasksOptions): ListTasks {
  const { directory, limits, client, clock, refresh } = options;
  const tasks = new Map<string, Task>();
  let updated: { readonly version: number; readonly elapsed: number } | undefined;

  const projects = addList(lists.projects, null, ranks.organization, (items, complete) =>
    directory.takeProjects(items, complete),
  );
  addOrganization();

  function add(task: Pick<Task, 'key' | 'api' | 'what' | 'projectId' | 'period' | 'rank' | 'read'>): Task {
    const known = tasks.get(task.key);
    if (known !== undefined) return known;
    const added: Task = {
      ...task,
      tried: undefined,
      ended: false,
      failures: 0,
      retryPointless: false,
      failure: undefined,
    };
    tasks.set(task.key, added);
    return added;
  }

  function addList<T>(
    list: List<T>,
    projectId: string | null,
    rank: number,
    take: (items: readonly T[], complete: boolean) => void,
  ): Task {
    const { api } = list;
    const of = projectId === null ? '' : ` of ${projectId}`;
    return add({
      key: `${api}${of}`,
      api,
      what: `reading${of}`,
      projectId,
      period: refresh,
      rank,
      async read(signal) {
        const { items, malformed, failure } = await readList(client, clock, list, projectId, signal);
        options.malformed(api, malformed);
        // What came before a failure stands; nothing at all says nothing.
        if (failure === undefined || items.length > 0) take(items, failure === undefined);
        if (failure !== undefined) throw failure;
      },
    });
  }

  function addOrganization(): void {
    const { organization: rank } = ranks;
    addList(lists.users, null, rank, (items, all) => directory.takeUsers(items, all));
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
        read: (signal) => options.readModelsInUse(endpoint, signal),
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

  function drop(task: Task, projectId: string): void {
    tasks.delete(task.key);
    options.dropped(task);
    directory.dropProject(projectId);
    limits.dropProject(projectId);
  }

  function isInUse(projectId: string): boolean {
    return options.isUsed(projectId) || limits.inUse.hasProject(projectId);
  }

  function update(): void {
    const version = directory.version + limits.inUse.version;
    const elapsed = clock.monotonic();
    if (updated?.version === version && elapsed < updated.elapsed + lookEvery) return;
    updated = { version, elapsed };
    limits.inUse.forget(clock.now());
    const active = new Set(directory.activeProjects);
    for (const id of active) addProject(id);
    for (const task of tasks.values()) {
      const { projectId } = task;
      if (projectId === null) continue;
      if (active.has(projectId)) task.rank = rankInProject(task.rank, isInUse(projectId));
      else drop(task, projectId);
    }
  }

  return {
    projects,
    of: (api) => [...tasks.values()].filter((task) => task.api === api),
    *candidates() {
      // Without the scope, or the key, those of the projects would all fail alike.
      const ofProjects = !isKeyFault(projects.failure?.reason);
      for (const task of tasks.values()) if (ofProjects || task.projectId === null) yield task;
    },
    update,
  };
}

/** To be called when a read of it begins. @param now UTC in milliseconds */
export function beginTask(task: Task, now: number): void {
  task.tried = now;
  if (task.rank === ranks.inUseAtFirst) task.rank = ranks.inUse;
}

/** To be called when the read has ended. */
export function endTask(task: Task, failure: Outcome['failure']): void {
  task.ended = true;
  task.failure = failure;
  task.failures = failure === undefined ? 0 : task.failures + 1;
  // A scope is not added within a minute; asking for it again and again would only fill the API's logs.
  task.retryPointless = failure?.reason === 'permission';
}

/** @param rank what the task of a project had before */
function rankInProject(rank: number, used: boolean): number {
  const isLimit = rank === ranks.usedLimits || rank === ranks.otherLimits;
  if (used) return isLimit ? ranks.usedLimits : ranks.usedNames;
  return isLimit ? ranks.otherLimits : ranks.otherNames;
}

/** Faults of the key: whatever is asked for, the answer would be the same. */
function isKeyFault(reason: Reason | undefined): boolean {
  return reason === 'permission' || reason === 'auth';
}

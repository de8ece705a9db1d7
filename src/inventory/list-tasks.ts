/**
 * Lists what there is to read of names and limits: the lists of the organization, those of each of its projects, and which
 * models are in use. Projects come and go, and with them what is to be read.
 */
import type { Clock } from '../clock.ts';
import { type ApiLabel, type Endpoint, type ListApi, listApis } from '../openai/catalogue.ts';
import type { Client } from '../openai/client.ts';
import type { ApiError, Reason } from '../openai/errors.ts';
import { createListRead, type List, lists } from '../openai/lists.ts';
import type { Outcome } from '../poll/attempt.ts';
import { hour } from '../usage/windows.ts';
import { type Directory, organization } from './directory.ts';
import type { Limits } from './limits.ts';
import { type ListOutcome, notTried, Tally } from './list-tally.ts';
import { type Lane, phaseOf, type Turn } from './rounds.ts';

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
  /** Reports whether a project is on a series of usage or costs. */
  readonly isUsed: (projectId: string) => boolean;
  /** Makes what reads the models in use of one usage api, again and again. */
  readModelsInUse(endpoint: Endpoint): PagedRead;
  /** Items of a list were refused, or lack something; called with 0, too. */
  malformed(api: ApiLabel, items: number): void;
  /** A task is gone with its project. */
  dropped(task: Task): void;
}

/** Something that takes a request for each page. */
export interface PagedRead {
  /** It has begun, and there are pages to go. */
  readonly underWay: boolean;
  /**
   * Asks for the next page, and takes it in. Resolves with whether it was the last.
   * @param late called if there is no answer for too long; the request goes on
   * @throws {ApiError}
   */
  next(signal: AbortSignal, late?: (error: ApiError) => void): Promise<boolean>;
}

/** The part that tasks of several projects have in common. */
interface Kind {
  /** Tells the kind from every other. */
  readonly key: string;
  readonly api: ApiLabel;
  readonly what: string;
  readonly period: number;
  readonly rank: number;
  read(projectId: string | null): PagedRead;
}

/** Ranks in a lane: before anything of it was read, names come before limits, and short lists before long ones. */
const ranks = { first: 0, second: 1, last: 2 } as const;

/** A retry that comes as late as this many failures make it is too late for a cursor: the list begins anew. */
const mostFailuresOfPage = 5;

/** Something to read, again and again, and how it went the last time. There is one for each list of each project. */
export class Task implements Turn {
  readonly #kind: Kind;
  /** Null for what belongs to the organization. */
  readonly projectId: string | null;
  readonly phase: number;
  lane: Lane;
  begun: number | undefined;
  tried: number | undefined;
  failures = 0;
  retryPointless = false;
  /** A read has come to its end. */
  #ended = false;
  #failure: Outcome['failure'];
  /** The running request has had no answer for too long. */
  #late: Outcome['failure'];
  #read: PagedRead | undefined;
  /** Seconds that the pages of the running read have taken. */
  #seconds = 0;

  constructor(kind: Kind, projectId: string | null, lane: Lane) {
    this.#kind = kind;
    this.projectId = projectId;
    this.lane = lane;
    this.phase = phaseOf(projectId === null ? kind.key : `${kind.key} of ${projectId}`, kind.period);
  }

  /** The api that is asked. */
  get api(): ApiLabel {
    return this.#kind.api;
  }

  /** A few words for the log. */
  get what(): string {
    return this.projectId === null ? this.#kind.what : `${this.#kind.what} of ${this.projectId}`;
  }

  get period(): number {
    return this.#kind.period;
  }

  get rank(): number {
    return this.#kind.rank;
  }

  /** True if a read has come to its end, or does not get there, so that there is something to say. */
  get ended(): boolean {
    return this.#ended || this.#late !== undefined;
  }

  /** The reason why the last read failed, or does not come to its end. */
  get failure(): Outcome['failure'] {
    return this.#late ?? this.#failure;
  }

  get isLate(): boolean {
    return this.#late !== undefined;
  }

  get reading(): boolean {
    return this.#read?.underWay === true;
  }

  /** Notes that a page is asked for. @param now UTC in milliseconds */
  begin(now: number): void {
    this.tried = now;
    if (this.reading && this.failures <= mostFailuresOfPage) return;
    this.begun = now;
    this.#seconds = 0;
    this.#read = this.#kind.read(this.projectId);
  }

  /**
   * Asks for the next page. Resolves with whether it was the last.
   * @param late called when the task counts as failed until the page has come: there was no answer for too long
   * @throws {ApiError}
   */
  next(signal: AbortSignal, late: () => void): Promise<boolean> {
    if (this.#read === undefined) throw new Error('a read has to begin before its pages');
    return this.#read.next(signal, (error) => {
      this.#late = { reason: error.reason, error };
      late();
    });
  }

  /** Notes that a page has come. Returns the seconds that the read has taken so far. */
  end({ duration, failure }: Outcome, last: boolean): number {
    this.#late = undefined;
    this.failures = failure === undefined ? 0 : this.failures + 1;
    // A scope is not added within a minute; asking for it again and again would only fill the API's logs.
    this.retryPointless = failure?.reason === 'permission';
    if (last || failure !== undefined) {
      this.#ended = true;
      this.#failure = failure;
    }
    if (!this.reading) this.#read = undefined;
    this.#seconds += duration;
    return this.#seconds;
  }
}

export interface ListTasks {
  /** The list of projects, on which all that belongs to one of them depends. */
  readonly projects: Task;
  /** Returns how the lists of a kind went the last time. */
  outcomeOf(api: ListApi): ListOutcome;
  /** Called when there is something else to say of how a read goes. */
  note(task: Task): void;
  /** Those that are worth a try. */
  candidates(): readonly Task[];
  /** Brings the tasks in line with the projects there are; cheap where there is nothing to do. */
  update(): void;
}

/** Milliseconds between two looks at which projects are used: that changes without notice, but not quickly. */
const lookEvery = 15_000;

export function createListTasks(options: ListTasksOptions): ListTasks {
  const { directory, limits, client, clock, refresh } = options;
  const kinds = kindsOf(options);
  const projects = new Task(kinds.projects, null, 'projects');
  const ofOrganization = [projects, ...kinds.organization.map((kind) => new Task(kind, null, 'organization'))];
  /** Tasks by project; the rate limits, if they are read, come last. */
  const ofProjects = new Map<string, Task[]>();
  /** All tasks, which are looked through before each page, so the list is made when projects come and go. */
  let all: readonly Task[] = ofOrganization;
  const tallies = new Map<string, Tally<Task>>(listApis.map((api) => [api, new Tally()]));
  let updated: { readonly version: number; readonly elapsed: number } | undefined;

  function kindsOf({ readModelsInUse, apisByModel }: ListTasksOptions) {
    const inUse = apisByModel.map((endpoint): Kind => {
      const read = readModelsInUse(endpoint);
      const { api } = endpoint;
      return {
        key: `models in use at ${api}`,
        api,
        what: 'reading of the models in use',
        period: hour,
        rank: ranks.second,
        read: () => read,
      };
    });
    const own = organization;
    return {
      projects: kindOf(lists.projects, ranks.first, (_, items, all) => directory.takeProjects(items, all)),
      organization: [
        kindOf(lists.spendLimits, ranks.first, (_, items, all) => limits.takeSpendLimit(own, items, all)),
        kindOf(lists.spendAlerts, ranks.first, (_, items, all) => limits.takeSpendAlerts(own, items, all)),
        kindOf(lists.adminKeys, ranks.first, (_, items, all) => limits.takeAdminKeys(items, all)),
        // For these the limits of projects wait.
        ...inUse,
        kindOf(lists.users, ranks.last, (_, items, all) => directory.takeUsers(items, all)),
      ],
      project: [
        kindOf(lists.apiKeys, ranks.first, (id, items, all) => {
          directory.takeKeys(id, items, all);
          limits.takeApiKeys(id, items, all);
        }),
        kindOf(lists.serviceAccounts, ranks.first, (id, items, all) => directory.takeServiceAccounts(id, items, all)),
        kindOf(lists.spendLimits, ranks.second, (id, items, all) => limits.takeSpendLimit(id, items, all)),
        kindOf(lists.spendAlerts, ranks.second, (id, items, all) => limits.takeSpendAlerts(id, items, all)),
      ],
      rateLimits: kindOf(lists.rateLimits, ranks.second, (id, items, all) => {
        options.malformed(lists.rateLimits.api, limits.rate.take(id, items, all));
      }),
    };
  }

  /** @param take takes in the items of a project, `''` for the organization; `all`: the list has no others */
  function kindOf<T>(
    list: List<T>,
    rank: number,
    take: (projectId: string, items: readonly T[], all: boolean) => void,
  ): Kind {
    const { api } = list;
    return {
      key: api,
      api,
      what: 'reading',
      period: refresh,
      rank,
      read(projectId) {
        const read = createListRead(client, clock, list, projectId);
        const earlier: T[] = [];
        return {
          get underWay() {
            return read.underWay;
          },
          async next(signal, late) {
            const { items, malformed, last, broken } = await read.next(signal, late);
            options.malformed(api, malformed);
            // What came before the end, or before a failure, stands; only the end tells what is gone.
            const all = last ? [...earlier, ...items] : items;
            if (last || items.length > 0) take(projectId ?? organization, all, last);
            if (broken !== undefined) throw broken;
            if (!last) for (const item of items) earlier.push(item);
            return last;
          },
        };
      },
    };
  }

  function addProject(id: string): Task[] {
    const added = kinds.project.map((kind) => new Task(kind, id, 'others'));
    ofProjects.set(id, added);
    return added;
  }

  function drop(projectId: string, tasks: readonly Task[]): void {
    ofProjects.delete(projectId);
    for (const task of tasks) {
      tallies.get(task.api)?.forget(task);
      options.dropped(task);
    }
    directory.dropProject(projectId);
    limits.dropProject(projectId);
  }

  function update(): void {
    const version = directory.projectsVersion + limits.inUse.version;
    const elapsed = clock.monotonic();
    if (updated?.version === version && elapsed < updated.elapsed + lookEvery) return;
    updated = { version, elapsed };
    limits.inUse.forget(clock.now());
    const active = new Set(directory.activeProjects);
    for (const [id, tasks] of ofProjects) if (!active.has(id)) drop(id, tasks);
    for (const id of active) {
      const tasks = ofProjects.get(id) ?? addProject(id);
      const usesModels = limits.inUse.hasProject(id);
      // No rate limit of a project that uses no model would be shown.
      if ((options.allRateLimits || usesModels) && tasks.length === kinds.project.length) {
        tasks.push(new Task(kinds.rateLimits, id, 'others'));
      }
      const lane = limits.inUse.names(id) || options.isUsed(id) ? 'used' : 'others';
      for (const task of tasks) task.lane = lane;
    }
    all = [...ofOrganization, ...[...ofProjects.values()].flat()];
  }

  function outcomeOf(api: ListApi): ListOutcome {
    const refusal = projects.failure?.reason === 'permission' ? projects.failure : undefined;
    if (refusal === undefined) return tallies.get(api)?.outcome() ?? notTried;
    // What is not asked any more, because the scope is gone, says nothing of how things are.
    const own = ofOrganization.find((task) => task.api === api && task.ended);
    const failure = own === undefined ? refusal : own.failure;
    return { up: failure?.reason === 'permission' ? undefined : failure === undefined, failure };
  }

  return {
    projects,
    outcomeOf,
    note(task) {
      const tally = tallies.get(task.api);
      if (task.ended) tally?.note(task, task.failure);
      else tally?.forget(task);
    },
    // Without the scope, or the key, those of the projects would all fail alike.
    candidates: () => (isKeyFault(projects.failure?.reason) ? ofOrganization : all),
    update,
  };
}

/** Faults of the key: whatever is asked for, the answer would be the same. */
function isKeyFault(reason: Reason | undefined): boolean {
  return reason === 'permission' || reason === 'auth';
}

/**
 * The directory holds who and what the organization consists of, as far as its lists have told: projects, keys, service accounts, users.
 * Texts are kept as label values, cut, so that a name of any length costs no more than one that can be shown.
 */
import { LRUCache } from 'lru-cache';
import type { ApiKeyItem, ProjectItem, ServiceAccountItem, UserItem } from '../openai/list-items.ts';
import { labelValue } from '../usage/labels.ts';
import type { KeptNames } from './kept-names.ts';
import { Listing } from './listing.ts';

export interface ProjectName {
  readonly id: string;
  readonly name: string;
  /** The API's word for it; `none` where it does not say. */
  readonly status: string;
  readonly residency: string;
}

/** The organization, as its rows of costs name it. */
export interface OrganizationName {
  readonly id: string;
  readonly name: string;
}

export interface KeyName {
  readonly id: string;
  readonly name: string;
  readonly projectId: string;
  readonly ownerType: string;
  readonly ownerId: string;
}

export interface UserName {
  readonly id: string;
  readonly name: string;
  readonly email: string;
}

/** Names of one kind: listed now, and remembered of what is gone. */
export interface Names<T> {
  /** Each item once, by id. */
  listed(): ReadonlyMap<string, T>;
  /** The items that were listed once. Asking keeps them in memory: what is asked for is what is shown. */
  remembered(id: string): T | undefined;
}

/** The organization's own lists have this for a scope; those of a project its id. */
export const organization = '';

export class Directory {
  readonly #projects: Listing<ProjectName>;
  readonly #keys: Listing<KeyName>;
  readonly #users: Listing<UserName>;
  readonly #serviceAccounts: Listing<UserName>;
  readonly #organization = new Listing<OrganizationName>();
  #organizationNamed = Number.NEGATIVE_INFINITY;
  readonly projects: Names<ProjectName>;
  readonly keys: Names<KeyName>;
  readonly users: Names<UserName>;
  readonly #gone: {
    readonly projects: LRUCache<string, ProjectName>;
    readonly keys: LRUCache<string, KeyName>;
    readonly users: LRUCache<string, UserName>;
  };

  /** @param mostRemembered names of one kind that are kept after they have gone; at least as many as can be shown */
  constructor(mostRemembered: number, clock: { now(): number }) {
    const memory = <T extends object>() =>
      new LRUCache<string, T>({ maxSize: mostRemembered, sizeCalculation: () => 1, perf: clock });
    const projects = memory<ProjectName>();
    const keys = memory<KeyName>();
    const users = memory<UserName>();
    this.#gone = { projects, keys, users };
    this.#projects = new Listing((project) => projects.set(project.id, { ...project, status: labelValue(null) }));
    this.#keys = new Listing((key) => keys.set(key.id, key));
    this.#users = new Listing((user) => users.set(user.id, user));
    this.#serviceAccounts = new Listing((account) => users.set(account.id, account));
    this.projects = { listed: () => this.#projects.all(), remembered: (id) => projects.get(id) };
    this.keys = { listed: () => this.#keys.all(), remembered: (id) => keys.get(id) };
    this.users = {
      // A service account that is listed as a user too is shown as the user.
      listed: () => new Map([...this.#serviceAccounts.all(), ...this.#users.all()]),
      remembered: (id) => users.get(id),
    };
  }

  /** Rises with every change. */
  get version(): number {
    const listings = [this.#projects, this.#keys, this.#users, this.#serviceAccounts, this.#organization];
    return listings.reduce((sum, { version }) => sum + version, 0);
  }

  /** The organization that the key belongs to; undefined until a row of costs has named it. */
  get organization(): OrganizationName | undefined {
    return this.#organization.all().values().next().value;
  }

  /**
   * A key belongs to one organization: what its newest rows say counts.
   * @param at start of the bucket that says so
   */
  takeOrganization(id: string, name: string | null, at: number): void {
    if (at < this.#organizationNamed) return;
    this.#organizationNamed = at;
    this.#organization.take(organization, [{ id: labelValue(id), name: nameOr(name, id) }], true);
  }

  /** Rises when a project comes, goes or changes. */
  get projectsVersion(): number {
    return this.#projects.version;
  }

  /** Returns what the next process is to know: what is gone, then what is listed. */
  toKeep(): KeptNames {
    const all = <T>(gone: LRUCache<string, T & object>, { listed }: Names<T>) => {
      const names = listed();
      return [...[...gone.entries()].flatMap(([id, name]) => (names.has(id) ? [] : [name])), ...names.values()];
    };
    return {
      projects: all(this.#gone.projects, this.projects),
      keys: all(this.#gone.keys, this.keys),
      users: all(this.#gone.users, this.users),
    };
  }

  /** Remembers what an earlier process knew. */
  recall({ projects, keys, users }: KeptNames): void {
    // The last one to be remembered is the last to be forgotten.
    for (const project of projects.toReversed()) this.#gone.projects.set(project.id, project);
    for (const key of keys.toReversed()) this.#gone.keys.set(key.id, key);
    for (const user of users.toReversed()) this.#gone.users.set(user.id, user);
  }

  /** Ids of the projects that can be asked for what is theirs. */
  get activeProjects(): readonly string[] {
    // A status that is not told refuses nothing.
    return [...this.#projects.all().values()].filter(({ status }) => status !== 'archived').map(({ id }) => id);
  }

  /** @param complete whether these are all: then what is not among them is gone */
  takeProjects(items: readonly ProjectItem[], complete: boolean): void {
    const projects = items.map(({ id, name, status, residency }) => ({
      id,
      name: nameOr(name, id),
      status: labelValue(status),
      residency: labelValue(residency),
    }));
    this.#projects.take(organization, projects, complete);
  }

  takeKeys(projectId: string, items: readonly ApiKeyItem[], complete: boolean): void {
    const keys = items.map(({ id, name, ownerType, ownerId }) => ({
      id,
      name: nameOr(name, id),
      projectId,
      ownerType: labelValue(ownerType),
      ownerId: labelValue(ownerId),
    }));
    this.#keys.take(projectId, keys, complete);
  }

  takeUsers(items: readonly UserItem[], complete: boolean): void {
    const users = items.map(({ id, name, email }) => ({ id, name: nameOr(name, id), email: labelValue(email) }));
    this.#users.take(organization, users, complete);
  }

  takeServiceAccounts(projectId: string, items: readonly ServiceAccountItem[], complete: boolean): void {
    const accounts = items.map(({ id, name }) => ({ id, name: nameOr(name, id), email: labelValue(null) }));
    this.#serviceAccounts.take(projectId, accounts, complete);
  }

  /** The project can no longer be asked: what was its own is only remembered. */
  dropProject(projectId: string): void {
    this.#keys.drop(projectId);
    this.#serviceAccounts.drop(projectId);
  }
}

/** The id is the name if there is no other. */
export function nameOr(name: string | null, id: string): string {
  return labelValue(name === null || name === '' ? id : name);
}

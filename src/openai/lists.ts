/**
 * The lists of names and limits: what there is to ask for, and how to page. An item that is malformed is refused alone
 * and counted; keys that nobody asked for are passed over.
 */
import { isTooLong } from './bucket-page.ts';
import type { ListApi } from './catalogue.ts';
import type { Client, GetRequest } from './client.ts';
import { ApiError } from './errors.ts';
import { isObject, own } from './json.ts';
import {
  type AdminKeyItem,
  type ApiKeyItem,
  adminKey,
  apiKey,
  type ProjectItem,
  project,
  type RateLimitItem,
  type ReadItem,
  rateLimit,
  readItem,
  type ServiceAccountItem,
  type SpendAlertItem,
  type SpendLimitItem,
  serviceAccount,
  spendAlert,
  spendLimit,
  type UserItem,
  user,
} from './list-items.ts';
import { listShape } from './scan.ts';

export interface List<T> {
  readonly api: ListApi;
  /** The path below the base URL. `projectId` is null for the organization's own. */
  path(projectId: string | null): string;
  readonly query: readonly (readonly [string, string])[];
  readonly item: ReadItem<T>;
  /** The answer is one object, and 404 says that there is none. */
  readonly single: boolean;
}

function list<T>(api: ListApi, last: string, item: ReadItem<T>, more: Partial<List<T>> = {}): List<T> {
  const path = (projectId: string | null) =>
    projectId === null ? `/organization/${last}` : `/organization/projects/${encodeURIComponent(projectId)}/${last}`;
  return { api, path, query: [], item, single: false, ...more };
}

export const lists = {
  projects: list<ProjectItem>('projects', 'projects', project, {
    query: [['include_archived', 'true']],
  }),
  apiKeys: list<ApiKeyItem>('api_keys', 'api_keys', apiKey),
  serviceAccounts: list<ServiceAccountItem>('service_accounts', 'service_accounts', serviceAccount),
  users: list<UserItem>('users', 'users', user),
  rateLimits: list<RateLimitItem>('rate_limits', 'rate_limits', rateLimit),
  spendLimits: list<SpendLimitItem>('spend_limits', 'spend_limit', spendLimit, { single: true }),
  spendAlerts: list<SpendAlertItem>('spend_alerts', 'spend_alerts', spendAlert),
  adminKeys: list<AdminKeyItem>('admin_api_keys', 'admin_api_keys', adminKey),
} as const;

/** The items that a page of a list has brought. */
export interface ListPage<T> {
  readonly items: readonly T[];
  /** Items that were refused, or lack something that could not be read. */
  readonly malformed: number;
  /** Nothing comes after it. */
  readonly last: boolean;
  /**
   * The reason why the list cannot be followed past this page, if there is one: what came stands, and says nothing
   * about the rest.
   */
  readonly broken: ApiError | undefined;
}

/** A list that is read page by page, for as long as that takes: between two pages others may ask. */
export interface ListRead<T> {
  /** A page has come, and there are pages to go. */
  readonly underWay: boolean;
  /**
   * Asks for the next page. After a failure the same page is asked for, and the pages before it need not be read
   * again, unless the cursor cannot be used: then `underWay` is false and the list begins anew.
   * @param late the same as of a request of the client
   * @throws {ApiError} of the request that failed
   * @throws the signal's reason once it is aborted
   */
  next(signal?: AbortSignal, late?: GetRequest['late']): Promise<ListPage<T>>;
}

/** Items of a page: what every list takes (source: the API's documentation). */
const perPage = 100;
const mostPages = 1_000;
/** More than any page has. */
const mostItems = 10_000;
const longestCursor = 1_000;

/** Tries of one page: a project that fails must not hold up the others for long. */
const attempts = 3;
/** Milliseconds for one page: long, for the wait is mostly for its turn behind polls and replay. */
const deadline = 1_800_000;

interface DecodedPage<T> {
  readonly items: readonly T[];
  readonly malformed: number;
  readonly length: number;
  readonly hasMore: boolean;
  readonly lastId: string | undefined;
}

/**
 * A read of a list of which nothing has been asked for yet.
 * @param projectId null for the organization's own
 */
export function createListRead<T>(
  client: Client,
  clock: { monotonic(): number },
  list: List<T>,
  projectId: string | null,
): ListRead<T> {
  const { api, query, single } = list;
  const target = { api, path: list.path(projectId) };
  let seen = new Set<string>();
  let cursor: string | undefined;

  function beginAnew(): void {
    seen = new Set();
    cursor = undefined;
  }

  /** Returns why the page that follows must not be asked for, if it must not. */
  function trouble({ length, lastId }: DecodedPage<T>): ApiError | undefined {
    const broken = (reason: 'malformed' | 'too_large', detail: string) => new ApiError({ ...target, reason, detail });
    if (length === 0) return broken('malformed', 'an empty page says has_more');
    if (lastId === undefined) return broken('malformed', 'has_more without last_id');
    if (seen.has(lastId)) return broken('malformed', 'a cursor was handed out twice');
    if (seen.size + 1 >= mostPages) return broken('too_large', `the list has more than ${mostPages} pages`);
    return undefined;
  }

  return {
    get underWay() {
      return cursor !== undefined;
    },
    async next(signal, late) {
      const page = single ? query : [...query, ['limit', String(perPage)] as const];
      const request = {
        ...target,
        query: cursor === undefined ? page : [...page, ['after', cursor] as const],
        priority: 'names',
        deadline: clock.monotonic() + deadline,
        patience: { waited: 0 },
        attempts,
        shape: listShape,
        signal,
        late,
      } as const;
      let value: DecodedPage<T>;
      try {
        ({ value } = await client.get(request, (body) => decode(body, list)));
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        if (single && error.status === 404) return { items: [], malformed: 0, last: true, broken: undefined };
        // The item that it names may be gone.
        if (error.reason === 'rejected') beginAnew();
        throw error;
      }
      const { items, malformed, hasMore, lastId } = value;
      const broken = hasMore ? trouble(value) : undefined;
      if (!hasMore || broken !== undefined || lastId === undefined) {
        beginAnew();
        return { items, malformed, last: !hasMore, broken };
      }
      cursor = lastId;
      seen.add(cursor);
      return { items, malformed, last: false, broken: undefined };
    },
  };
}

/** @throws if it is no list, or no object where one is meant */
function decode<T>(body: Buffer, { item, single }: List<T>): DecodedPage<T> {
  const parsed: unknown = JSON.parse(body.toString('utf8'));
  if (!isObject(parsed)) throw new Error(single ? 'an object was expected' : 'the page is not an object');
  const data = single ? [parsed] : own(parsed, 'data');
  if (!Array.isArray(data)) throw new Error('data is not an array');
  if (data.length > mostItems) throw new Error(`more than ${mostItems} items in one page`);
  const items: T[] = [];
  let malformed = 0;
  for (const one of data) {
    const read = readItem(item, one);
    if (read !== undefined) items.push(read.value);
    if (read === undefined || read.lacks || hasLongText(read.value)) malformed++;
  }
  const lastId = own(parsed, 'last_id');
  return {
    items,
    malformed,
    length: data.length,
    hasMore: !single && own(parsed, 'has_more') === true,
    lastId: typeof lastId === 'string' && lastId !== '' && lastId.length <= longestCursor ? lastId : undefined,
  };
}

/** Reports whether one of an item's texts is longer than a label: its beginning is shown. */
function hasLongText(item: unknown): boolean {
  return isObject(item) && Object.values(item).some((value) => typeof value === 'string' && isTooLong(value));
}

/**
 * The lists of names and limits: what there is to ask for, how to page, and what an item must look like. An item that
 * is malformed is refused alone and counted; keys that nobody asked for are passed over.
 */
import * as z from 'zod';
import { isTooLong } from './bucket-page.ts';
import type { ListApi } from './catalogue.ts';
import type { Client, GetRequest } from './client.ts';
import { decimalText } from './decimal-text.ts';
import { ApiError } from './errors.ts';
import { isObject } from './json.ts';
import { listShape } from './scan.ts';

/** Goes into the path of further requests, and has to be on a label as it is on usage. */
const id = z.string().regex(/^(?!\.{1,2}$)[\x21-\x7e]{1,256}$/);
const name = z.string().nullish();
const orNull = <T>(value: T | null | undefined): T | null => value ?? null;

const residency = z.string().nullish();
const expiry = z.number().positive().nullish();
/** An owner whose id is missing is an owner that nobody knows; the key is good all the same. */
const keyOwner = z.object({ id: id.nullish() }).nullish();

/**
 * The parts of an item that it can do without. One that cannot be read is left out, and the item is counted with those
 * that were refused, but keeps its name, so that no amount loses it.
 */
const spared = {
  project: z.object({ residency }),
  apiKey: z.object({
    expires_at: expiry,
    owner: z.object({ user: keyOwner, service_account: keyOwner }).nullish(),
  }),
};

const project = z
  .object({ id, name, status: z.string().nullish(), residency: residency.catch(null) })
  .transform((item) => ({
    id: item.id,
    name: orNull(item.name),
    status: orNull(item.status),
    residency: orNull(item.residency),
  }));
export type ProjectItem = z.output<typeof project>;

const apiKey = z
  .object({
    id,
    name,
    expires_at: expiry.catch(null),
    owner: z
      .object({ type: z.string().nullish(), user: keyOwner.catch(null), service_account: keyOwner.catch(null) })
      .nullish()
      .catch(null),
  })
  .transform(({ id: key, name: keyName, owner, expires_at }) => ({
    id: key,
    name: orNull(keyName),
    expiresAt: orNull(expires_at),
    ownerType: orNull(owner?.type),
    ownerId: orNull((owner?.type === 'service_account' ? owner.service_account : owner?.user)?.id),
  }));
export type ApiKeyItem = z.output<typeof apiKey>;

const serviceAccount = z.object({ id, name }).transform((item) => ({ id: item.id, name: orNull(item.name) }));
export type ServiceAccountItem = z.output<typeof serviceAccount>;

const user = z
  .object({ id, name, email: z.string().nullish() })
  .transform((item) => ({ id: item.id, name: orNull(item.name), email: orNull(item.email) }));
export type UserItem = z.output<typeof user>;

/** Numeric fields of a rate limit that the API documents; others are taken as they come. */
export const rateLimitFields = [
  'max_requests_per_1_minute',
  'max_tokens_per_1_minute',
  'max_images_per_1_minute',
  'max_audio_megabytes_per_1_minute',
  'max_requests_per_1_day',
  'batch_1_day_max_input_tokens',
] as const;

const limit = z.number().nonnegative().nullish();
const rateLimit = z
  .looseObject({
    model: z.string().min(1),
    ...Object.fromEntries(rateLimitFields.map((field) => [field, limit])),
  })
  .transform((item) => ({
    model: item.model,
    limits: Object.entries(item).filter(
      (entry): entry is [string, number] => isLimit(entry[1]) && isLimitName(entry[0]),
    ),
  }));
export interface RateLimitItem {
  readonly model: string;
  /** Field and value; fields that the API leaves out are not there. */
  readonly limits: readonly (readonly [string, number])[];
}

/** Checked by hand: there can be many of them. */
function isLimit(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

/** An instant or an identifier that happens to be a number limits nothing. */
function isLimitName(field: string): boolean {
  return /^[a-z][a-z0-9_]{0,99}$/.test(field) && !/(?:^|_)(?:at|id)$/.test(field);
}

/** Cents, as exact decimal text. */
const cents = z.unknown().transform((value, context) => {
  const text = decimalText(value);
  if (text !== undefined && !text.startsWith('-')) return text;
  context.addIssue({ code: 'custom', message: 'no amount' });
  return z.NEVER;
});
/** Upper case here, lower case in rows of costs; labels are always lower. */
const currency = z
  .string()
  .min(1)
  .max(64)
  .transform((text) => text.toLowerCase());

const spendLimit = z
  .object({
    threshold_amount: cents,
    currency,
    enforcement: z.object({ status: z.string().nullish() }).nullish(),
  })
  .transform((item) => ({
    cents: item.threshold_amount,
    currency: item.currency,
    enforcement: orNull(item.enforcement?.status),
  }));
export type SpendLimitItem = z.output<typeof spendLimit>;

const spendAlert = z
  .object({ id, threshold_amount: cents, currency })
  .transform((item) => ({ id: item.id, cents: item.threshold_amount, currency: item.currency }));
export type SpendAlertItem = z.output<typeof spendAlert>;

const adminKey = z
  .object({ id, name, expires_at: expiry })
  .transform((item) => ({ id: item.id, name: orNull(item.name), expiresAt: orNull(item.expires_at) }));
export type AdminKeyItem = z.output<typeof adminKey>;

export interface List<T> {
  readonly api: ListApi;
  /** Below the base URL. `projectId` is null for the organization's own. */
  path(projectId: string | null): string;
  readonly query: readonly (readonly [string, string])[];
  readonly item: z.ZodType<T>;
  /** The parts that an item that is taken can lack. An item that fails it lacks one because that cannot be read. */
  readonly spared?: z.ZodType;
  /** The answer is one object, and 404 says that there is none. */
  readonly single: boolean;
}

function list<T>(api: ListApi, last: string, item: z.ZodType<T>, more: Partial<List<T>> = {}): List<T> {
  const path = (projectId: string | null) =>
    projectId === null ? `/organization/${last}` : `/organization/projects/${encodeURIComponent(projectId)}/${last}`;
  return { api, path, query: [], item, single: false, ...more };
}

export const lists = {
  projects: list<ProjectItem>('projects', 'projects', project, {
    query: [['include_archived', 'true']],
    spared: spared.project,
  }),
  apiKeys: list<ApiKeyItem>('api_keys', 'api_keys', apiKey, { spared: spared.apiKey }),
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
  /** Why the list cannot be followed past this page, if so: what came stands, and says nothing about the rest. */
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

  /** Why the page that follows must not be asked for, if so. */
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

const pageShape = z.object(
  {
    data: z.array(z.unknown(), 'data is not an array').max(mostItems, `more than ${mostItems} items in one page`),
    has_more: z.unknown().optional(),
    last_id: z.unknown().optional(),
  },
  'the page is not an object',
);

/** @throws if it is no list, or no object where one is meant */
function decode<T>(body: Buffer, { item, spared, single }: List<T>): DecodedPage<T> {
  const parsed: unknown = JSON.parse(body.toString('utf8'));
  if (single && (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))) {
    throw new Error('an object was expected');
  }
  const page = single ? undefined : pageShape.safeParse(parsed);
  if (page?.success === false) throw new Error(page.error.issues[0]?.message);
  const { data, has_more, last_id } = page?.data ?? { data: [parsed], has_more: false, last_id: undefined };
  const items: T[] = [];
  let lacking = 0;
  for (const one of data) {
    const checked = item.safeParse(one);
    if (!checked.success) continue;
    items.push(checked.data);
    if (hasLongText(checked.data) || spared?.safeParse(one).success === false) lacking++;
  }
  return {
    items,
    malformed: data.length - items.length + lacking,
    length: data.length,
    hasMore: has_more === true,
    lastId: typeof last_id === 'string' && last_id !== '' && last_id.length <= longestCursor ? last_id : undefined,
  };
}

/** Reports whether one of an item's texts is longer than a label: its beginning is shown. */
function hasLongText(item: unknown): boolean {
  return isObject(item) && Object.values(item).some((value) => typeof value === 'string' && isTooLong(value));
}

/** The items of the lists: what must be in one, and what it can do without. Checked by hand, for reading threads load this. */
import { decimalText } from './decimal-text.ts';
import { isObject, own, type PlainObject } from './json.ts';

/**
 * Reads an item. The functions that it calls for parts throw where one cannot be read, and the item is refused.
 * @param spared reads a part that the item can do without: null where it cannot be read, which is counted
 */
export type ReadItem<T> = (item: PlainObject, spared: <P>(read: () => P) => P | null) => T;

class Unreadable extends Error {}

/** Returns undefined for an item that is refused. `lacks` tells that a part could not be read that it can do without. */
export function readItem<T>(
  read: ReadItem<T>,
  item: unknown,
): { readonly value: T; readonly lacks: boolean } | undefined {
  let lacks = false;
  const tried = <P>(part: () => P): P | undefined => {
    try {
      return part();
    } catch (error) {
      if (error instanceof Unreadable) return undefined;
      throw error;
    }
  };
  const value = tried(() => {
    if (!isObject(item)) throw new Unreadable();
    return read(item, (part) => {
      const found = tried(part);
      lacks ||= found === undefined;
      return found ?? null;
    });
  });
  return value === undefined ? undefined : { value, lacks };
}

/** Returns the member, null where it is absent, and throws where it is not what `is` says. */
function optional<T>(item: PlainObject, name: string, is: (value: unknown) => value is T): T | null {
  const value = own(item, name) ?? null;
  if (value === null || is(value)) return value;
  throw new Unreadable();
}

function required<T>(item: PlainObject, name: string, is: (value: unknown) => value is T): T {
  const value = optional(item, name, is);
  if (value === null) throw new Unreadable();
  return value;
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

/** Goes into the path of further requests, and has to be on a label as it is on usage. */
function isId(value: unknown): value is string {
  return isText(value) && /^(?!\.{1,2}$)[\x21-\x7e]{1,256}$/.test(value);
}

function isInstant(value: unknown): value is number {
  return isLimit(value) && value > 0;
}

function isLimit(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

function named(item: PlainObject): { readonly id: string; readonly name: string | null } {
  return { id: required(item, 'id', isId), name: optional(item, 'name', isText) };
}

export interface ProjectItem {
  readonly id: string;
  readonly name: string | null;
  readonly status: string | null;
  readonly residency: string | null;
}

export const project: ReadItem<ProjectItem> = (item, spared) => ({
  ...named(item),
  status: optional(item, 'status', isText),
  residency: spared(() => optional(item, 'residency', isText)),
});

export interface ApiKeyItem {
  readonly id: string;
  readonly name: string | null;
  /** Seconds of UTC. */
  readonly expiresAt: number | null;
  readonly ownerType: string | null;
  readonly ownerId: string | null;
}

export const apiKey: ReadItem<ApiKeyItem> = (item, spared) => {
  const owner = spared(() => optional(item, 'owner', isObject));
  const ownerType = owner && spared(() => optional(owner, 'type', isText));
  const kind = ownerType === 'service_account' ? 'service_account' : 'user';
  const who = owner && spared(() => optional(owner, kind, isObject));
  return {
    ...named(item),
    expiresAt: spared(() => optional(item, 'expires_at', isInstant)),
    ownerType,
    // An owner whose id is missing is an owner that nobody knows; the key is good all the same.
    ownerId: who && spared(() => optional(who, 'id', isId)),
  };
};

export interface ServiceAccountItem {
  readonly id: string;
  readonly name: string | null;
}

export const serviceAccount: ReadItem<ServiceAccountItem> = named;

export interface UserItem {
  readonly id: string;
  readonly name: string | null;
  readonly email: string | null;
}

export const user: ReadItem<UserItem> = (item) => ({ ...named(item), email: optional(item, 'email', isText) });

export interface AdminKeyItem {
  readonly id: string;
  readonly name: string | null;
  /** Seconds of UTC. */
  readonly expiresAt: number | null;
}

export const adminKey: ReadItem<AdminKeyItem> = (item) => ({
  ...named(item),
  expiresAt: optional(item, 'expires_at', isInstant),
});

/** Numeric fields of a rate limit that the API documents; others are taken as they come. */
export const rateLimitFields = [
  'max_requests_per_1_minute',
  'max_tokens_per_1_minute',
  'max_images_per_1_minute',
  'max_audio_megabytes_per_1_minute',
  'max_requests_per_1_day',
  'batch_1_day_max_input_tokens',
] as const;

export interface RateLimitItem {
  readonly model: string;
  /** Field and value; fields that the API leaves out are not there. */
  readonly limits: readonly (readonly [string, number])[];
}

export const rateLimit: ReadItem<RateLimitItem> = (item) => {
  const model = required(item, 'model', isText);
  if (model === '') throw new Unreadable();
  for (const field of rateLimitFields) optional(item, field, isLimit);
  return {
    model,
    limits: Object.entries(item).filter(
      (entry): entry is [string, number] => isLimit(entry[1]) && isLimitName(entry[0]),
    ),
  };
};

/** An instant or an identifier that happens to be a number limits nothing. */
function isLimitName(field: string): boolean {
  return /^[a-z][a-z0-9_]{0,99}$/.test(field) && !/(?:^|_)(?:at|id)$/.test(field);
}

interface Amount {
  /** Exact decimal text. */
  readonly cents: string;
  /** Lower case, as labels have it; the lists have it in upper case, rows of costs in lower. */
  readonly currency: string;
}

function amountOf(item: PlainObject): Amount {
  const cents = decimalText(own(item, 'threshold_amount'));
  const currency = required(item, 'currency', isText);
  if (cents === undefined || cents.startsWith('-') || currency === '' || currency.length > 64) throw new Unreadable();
  return { cents, currency: currency.toLowerCase() };
}

export interface SpendLimitItem extends Amount {
  readonly enforcement: string | null;
}

export const spendLimit: ReadItem<SpendLimitItem> = (item) => {
  const enforcement = optional(item, 'enforcement', isObject);
  return { ...amountOf(item), enforcement: enforcement && optional(enforcement, 'status', isText) };
};

export interface SpendAlertItem extends Amount {
  readonly id: string;
}

export const spendAlert: ReadItem<SpendAlertItem> = (item) => ({ id: required(item, 'id', isId), ...amountOf(item) });

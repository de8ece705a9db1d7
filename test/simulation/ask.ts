/** Asks a simulated API, without a transport, and reads what it answers. */
import { createApi, type Respond, simulatedKey } from '../../src/simulation/api.ts';
import { createOrganization, type Organization } from '../../src/simulation/organization.ts';
import type { ProfileOptions } from '../../src/simulation/profile.ts';
import type { ApiResponse } from '../../src/simulation/reply.ts';

export const day = 86_400;
export const createdAt = Date.UTC(2026, 5, 1) / 1_000;
/** A Wednesday, noon and half a minute. Milliseconds. */
export const now = Date.UTC(2026, 6, 15, 12, 0, 30);
export const today = Date.UTC(2026, 6, 15) / 1_000;

export type Query = Readonly<Record<string, string | number | boolean | readonly string[]>>;

export function params(query: Query): URLSearchParams {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (Array.isArray(value)) for (const each of value) search.append(`${name}[]`, String(each));
    else search.append(name, String(value));
  }
  return search;
}

export interface Bucket {
  readonly start_time: number;
  readonly end_time: number;
  readonly results: readonly Readonly<Record<string, unknown>>[];
}

export interface Page {
  readonly data: readonly Bucket[];
  readonly has_more: boolean;
  readonly next_page: string | null;
}

export interface Asker {
  readonly organization: Organization;
  readonly respond: Respond;
  ask(path: string, query: Query | URLSearchParams, at?: number): ApiResponse;
  page(path: string, query: Query | URLSearchParams, at?: number): Page;
  /** Every bucket, following the cursor. */
  all(path: string, query: Query, at?: number): readonly Bucket[];
}

export function asker(profile: ProfileOptions | 'demo' = {}, seed = 1): Asker {
  const organization = createOrganization({ seed, createdAt, profile });
  const respond = createApi({ organization });
  const ask: Asker['ask'] = (path, query, at = now) =>
    respond(
      {
        method: 'GET',
        path: `/v1/organization/${path}`,
        query: query instanceof URLSearchParams ? query : params(query),
        headers: { authorization: `Bearer ${simulatedKey}` },
      },
      at,
    );
  const page: Asker['page'] = (path, query, at) => {
    const { status, body } = ask(path, query, at);
    if (status !== 200) throw new Error(`${status} ${body}`);
    return JSON.parse(body);
  };
  return {
    organization,
    respond,
    ask,
    page,
    all(path, query, at) {
      const buckets: Bucket[] = [];
      let cursor: string | null = null;
      do {
        const one: Page = page(path, cursor === null ? query : { ...query, page: cursor }, at);
        buckets.push(...one.data);
        cursor = one.has_more ? one.next_page : null;
      } while (cursor !== null);
      return buckets;
    },
  };
}

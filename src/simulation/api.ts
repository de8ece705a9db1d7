/**
 * The organization API of a simulated organization, as a function of request and time. It refuses what the real one
 * refuses, so that a client which works here has asked properly.
 */
import { type Endpoint, endpoints } from '../openai/catalogue.ts';
import { readQuery } from './asked-query.ts';
import { createPageWriter } from './bucket-answers.ts';
import { type ListPath, listItems, listOfPath, listPage } from './list-answers.ts';
import type { Organization } from './organization.ts';
import { mix, textHash } from './random.ts';
import { type ApiRequest, type ApiResponse, errorBody, isRefusal, type Refusal } from './reply.ts';

export const usageScope = 'api.usage.read';
export const managementScope = 'api.management.read';

/** The key that a simulated organization accepts unless other keys are given. It opens nothing anywhere else. */
export const simulatedKey = 'sk-admin-simulated';

export interface ApiOptions {
  readonly organization: Organization;
  /** Scopes by key. The map is asked at each request, so a test can take a key away. */
  readonly keys?: ReadonlyMap<string, readonly string[]>;
  /** Days before now from which a start_time is refused. Default 365. */
  readonly lookbackDays?: number;
}

export type Respond = (request: ApiRequest, nowMs: number) => ApiResponse;

const endpointsByPath = new Map(endpoints.map((endpoint) => [endpoint.path, endpoint]));

/** The path as the API documents it, without the base URL's `/v1`. */
export function barePath(path: string): string {
  return path.startsWith('/v1/') ? path.slice(3) : path;
}

/** The `api` that a path belongs to, as the metrics' label names it; undefined for a path that nobody serves. */
export function apiOfPath(path: string): string | undefined {
  const bare = barePath(path);
  return endpointsByPath.get(bare)?.api ?? listOfPath(bare)?.name;
}

/** The place that a path leads to. */
interface Route {
  /** The scope that the key must have. */
  readonly scope: string;
  readonly answer: Respond;
}

/** Makes the function that answers for `organization`. It throws for nothing that a request can contain. */
export function createApi({ organization, keys, lookbackDays = 365 }: ApiOptions): Respond {
  const known = keys ?? new Map([[simulatedKey, [usageScope, managementScope]]]);
  const pages = createPageWriter(organization);
  let count = 0;

  function answer(status: number, body: string): ApiResponse {
    count += 1;
    const id = mix(textHash(organization.directory.id), count).toString(16).padStart(8, '0');
    return {
      status,
      headers: {
        'content-type': 'application/json',
        'openai-organization': organization.directory.id,
        'x-request-id': `req_sim_${id}`,
      },
      body,
    };
  }

  const refused = (refusal: Refusal) => answer(refusal.status, errorBody(refusal));

  function authorize(request: ApiRequest, scope: string): Refusal | undefined {
    const [, token] = /^Bearer (.+)$/.exec(request.headers['authorization'] ?? '') ?? [];
    const scopes = token === undefined ? undefined : known.get(token);
    if (!scopes) {
      const message =
        token === undefined ? 'Missing bearer authentication in header.' : 'Incorrect API key provided: sk-admin-***.';
      return { status: 401, message, code: 'invalid_api_key' };
    }
    if (scopes.includes(scope)) return undefined;
    const message = `You have insufficient permissions for this operation. Missing scopes: ${scope}.`;
    return { status: 403, message };
  }

  function answerBuckets(endpoint: Endpoint, request: ApiRequest, nowMs: number): ApiResponse {
    const query = readQuery(endpoint, request.query, Math.floor(nowMs / 1_000), lookbackDays * 86_400);
    return isRefusal(query) ? refused(query) : answer(200, pages.write(endpoint, query, nowMs));
  }

  function answerList(list: ListPath, request: ApiRequest, nowMs: number): ApiResponse {
    const found = listItems(organization, list, request.query, Math.floor(nowMs / 1_000));
    if ('items' in found) {
      const page = listPage(list.name, found.items, request.query);
      return typeof page === 'string' ? answer(200, page) : refused(page);
    }
    return isRefusal(found) ? refused(found) : answer(200, JSON.stringify(found.object));
  }

  function routeOf(path: string): Route | undefined {
    const endpoint = endpointsByPath.get(path);
    if (endpoint) return { scope: usageScope, answer: (...asked) => answerBuckets(endpoint, ...asked) };
    const list = listOfPath(path);
    return list && { scope: managementScope, answer: (...asked) => answerList(list, ...asked) };
  }

  return (request, nowMs) => {
    const path = barePath(request.path);
    const route = routeOf(path);
    if (!route) return refused({ status: 404, message: `Unknown request URL: ${request.method} ${path}.` });
    if (request.method !== 'GET') return refused({ status: 405, message: `Not allowed: ${request.method} ${path}.` });
    const denied = authorize(request, route.scope);
    return denied ? refused(denied) : route.answer(request, nowMs);
  };
}

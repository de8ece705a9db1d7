/** The simulated API, and a log of what it was asked: what every transport of the simulation shares. */

import type { Clock } from '../clock.ts';
import { type ApiOptions, apiOfPath, barePath, createApi, type Respond } from './api.ts';
import type { ApiRequest } from './reply.ts';

export interface ExchangeOptions extends ApiOptions {
  readonly clock: Clock;
}

/** A request as it is logged; its Authorization header is not kept. */
export interface LoggedRequest {
  readonly method: string;
  /** The path without `/v1` and without the query. */
  readonly path: string;
  /** The api as the `api` label names it. */
  readonly api: string | undefined;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** UTC milliseconds of the simulation's clock. */
  readonly receivedAt: number;
}

export interface Exchange {
  /** The newest requests, oldest first; 10,000 at the most, so that a long demonstration stays small. */
  readonly requests: readonly LoggedRequest[];
  /** Requests ever received, by api; those to unknown paths under `''`. */
  readonly counts: ReadonlyMap<string, number>;
  /** Logs a request. Returns the api that it is for, and the time, in UTC milliseconds. */
  received(request: ApiRequest): { readonly api: string | undefined; readonly now: number };
  /** Returns the right answer. */
  readonly respond: Respond;
  /** Forgets what was logged and counted. */
  forget(): void;
}

const mostLogged = 10_000;

export function createExchange(options: ExchangeOptions): Exchange {
  const { clock } = options;
  const respond = createApi(options);
  const requests: LoggedRequest[] = [];
  const counts = new Map<string, number>();
  return {
    requests,
    counts,
    respond,
    received(request) {
      const now = clock.now();
      const api = apiOfPath(request.path);
      const { authorization: _, ...headers } = request.headers;
      const { method, query } = request;
      requests.push({ method, path: barePath(request.path), api, query, headers, receivedAt: now });
      // Half at once, for shifting one by one would cost more than the rest of a request.
      if (requests.length > mostLogged) requests.splice(0, mostLogged / 2);
      counts.set(api ?? '', (counts.get(api ?? '') ?? 0) + 1);
      return { api, now };
    },
    forget() {
      requests.length = 0;
      counts.clear();
    },
  };
}

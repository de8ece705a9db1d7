/**
 * The API as a local HTTP server whose rows a test gives one by one, by api, width and start of the bucket. It
 * refuses what the real one refuses, and misbehaves when told to. It has nothing in common with the simulated
 * organization, so that neither can hide a mistake of the other.
 */
import type { ServerResponse } from 'node:http';
import { type Handler, type Listen, type ReceivedRequest, reply, startHttpServer } from './http-server.ts';
import { type TestClock, usualClock } from './test-clock.ts';

export type Width = '1m' | '1h' | '1d';
export type Row = Readonly<Record<string, unknown>>;

export const secondsIn: Readonly<Record<Width, number>> = { '1m': 60, '1h': 3_600, '1d': 86_400 };

/** The rows that the bucket has at the instant `now`, in milliseconds. */
export type RowsOf = (api: string, width: Width, start: number, now: number) => readonly Row[];

export interface ScriptedApiOptions {
  readonly rows?: RowsOf;
  readonly clock?: TestClock;
  readonly key?: string;
  readonly listen?: Listen;
}

/** Answers in the place of the API. */
export type Fault = (response: ServerResponse, request: ReceivedRequest, honest: object) => void;

export interface ScriptedApi {
  /** The value for `--openai.base-url`. */
  readonly url: string;
  readonly clock: TestClock;
  readonly requests: readonly ReceivedRequest[];
  /** Can be exchanged at any time. */
  rows: RowsOf;
  /** Keys that are accepted. */
  keys: ReadonlySet<string>;
  /** Keyed by api; `*` is every api without an own one. */
  readonly faults: Map<string, Fault>;
  close(): Promise<void>;
}

export const testKey = 'sk-admin-e2e-Zq7Xn4Vt2Lp9';

/** All empty. */
const lists = ['projects', 'users', 'admin_api_keys', 'spend_alerts', 'api_keys', 'service_accounts', 'rate_limits'];

const most: Readonly<Record<Width, number>> = { '1m': 1_440, '1h': 168, '1d': 31 };

export async function startScriptedApi({
  rows = () => [],
  clock = usualClock,
  key = testKey,
  listen,
}: ScriptedApiOptions = {}): Promise<ScriptedApi> {
  const state = { rows, keys: new Set([key]), faults: new Map<string, Fault>() };

  const handler: Handler = (request, response) => {
    const path = /^\/v1\/organization\/(?:usage\/|projects\/[^/]+\/)?(\w+)$/.exec(request.path);
    const [, api] = path ?? [];
    if (api === undefined) return refuse(response, 404, 'Unknown request URL.');
    const fault = state.faults.get(api) ?? state.faults.get('*');
    const [, key = ''] = /^Bearer (.+)$/.exec(request.headers.authorization ?? '') ?? [];
    if (fault === undefined && !state.keys.has(key))
      return refuse(response, 401, `Incorrect API key provided: ${key}.`);
    if (lists.includes(api)) return answer(response, request, fault, { object: 'list', data: [], has_more: false });
    if (api === 'spend_limit' && fault === undefined) return refuse(response, 404, 'None is set.');

    const now = clock.now();
    const query = queryOf(request.query);
    if (typeof query === 'string') {
      if (fault === undefined) return refuse(response, 400, query);
      return fault(response, request, { object: 'page', data: [], has_more: false, next_page: null });
    }
    const { width, from, to, limit } = query;
    const data = [];
    let start = from;
    for (; start < Math.min(to, now / 1_000) && data.length < limit; start += secondsIn[width]) {
      // As the real one, which cuts the bucket in progress off at the time of the query.
      const end = Math.min(start + secondsIn[width], Math.ceil(now / 1_000));
      data.push({ object: 'bucket', start_time: start, end_time: end, results: state.rows(api, width, start, now) });
    }
    const more = start < Math.min(to, now / 1_000);
    answer(response, request, fault, {
      object: 'page',
      data,
      has_more: more,
      next_page: more ? Buffer.from(`${query.bound} ${start}`).toString('base64') : null,
    });
  };

  const server = await startHttpServer(handler, listen);
  return Object.assign(state, {
    url: `${server.url.origin}/v1`,
    clock,
    requests: server.requests,
    close: server.close,
  });
}

function answer(response: ServerResponse, request: ReceivedRequest, fault: Fault | undefined, honest: object): void {
  if (fault === undefined) reply(response, 200, honest, { 'x-request-id': 'req_scripted' });
  else fault(response, request, honest);
}

/** An error in the API's words. */
export function refuse(response: ServerResponse, status: number, message: string, code: string | null = null): void {
  reply(response, status, { error: { message, type: 'invalid_request_error', param: null, code } });
}

interface Query {
  readonly width: Width;
  readonly from: number;
  readonly to: number;
  readonly limit: number;
  /** The parameters that a cursor is bound to. */
  readonly bound: string;
}

function queryOf(query: URLSearchParams): Query | string {
  const width = query.get('bucket_width');
  if (width !== '1m' && width !== '1h' && width !== '1d') return 'bucket_width';
  const from = Number(query.get('start_time') ?? Number.NaN);
  const to = Number(query.get('end_time') ?? Number.POSITIVE_INFINITY);
  const limit = Number(query.get('limit') ?? 7);
  if (!Number.isInteger(from) || !(to > from)) return 'start_time, end_time';
  if (from % secondsIn[width] !== 0 || to % secondsIn[width] !== 0) return 'not aligned: this would be clipped';
  if (!(limit >= 1 && limit <= most[width])) return 'limit';
  const frozen = new URLSearchParams(query);
  frozen.delete('page');
  const bound = frozen.toString();
  const page = query.get('page');
  if (page === null) return { width, from, to, limit, bound };
  const [bond, start] = Buffer.from(page, 'base64').toString().split(' ');
  if (bond !== bound) return 'The page token is invalid, have you modified the query parameters?';
  return { width, from: Number(start), to, limit, bound };
}

/**
 * The faults between a client and the API, as data: which requests, and what happens to them. A fault is
 * turned into a `Delivery`, which the real server and the in-process dispatcher carry out alike.
 */
import type { Exchange } from '../../src/simulation/exchange.ts';
import { mix, unit } from '../../src/simulation/random.ts';
import type { ApiRequest, ApiResponse } from '../../src/simulation/reply.ts';

export type Fault =
  /** Another answer altogether. Without a body: the API's own error for that status. */
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string | object;
    }
  /** The connection is reset before anything is answered. */
  | { readonly kind: 'reset' }
  /** Nothing ever comes. */
  | { readonly kind: 'hang' }
  /** The right answer, after this long. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** The right answer, a few bytes at a time. */
  | { readonly kind: 'drip'; readonly bytes: number; readonly everyMs: number }
  /** The right answer, broken off after this share of it. */
  | { readonly kind: 'cut'; readonly share: number }
  /** A web page, with status 200. */
  | { readonly kind: 'html' }
  /** Other JSON, or text that is none, with status 200. */
  | { readonly kind: 'json'; readonly body: string }
  /** `data` is null. */
  | { readonly kind: 'null-data' }
  /** The right answer, without the buckets that are empty. */
  | { readonly kind: 'sparse' }
  /** Wrong types: numbers of rows as words, times of buckets as text, or `results` that are no array. */
  | { readonly kind: 'wrong-types'; readonly where: 'rows' | 'times' | 'results' }
  /** The right answer, blown up with white space to this size. */
  | { readonly kind: 'huge'; readonly bytes: number }
  /** The first page again and again, each time with a new cursor. */
  | { readonly kind: 'endless-cursor' }
  /** The first page again and again, each time with the same cursor. */
  | { readonly kind: 'repeated-cursor' }
  /** `has_more` is true, but there is no cursor. */
  | { readonly kind: 'more-without-cursor' }
  /** Grouping by a dimension is not granted. How the API says so: by name and index, by one of these, or by neither. */
  | {
      readonly kind: 'refuse-dimension';
      readonly dimension: string;
      readonly says?: 'all' | 'name' | 'index' | 'nothing';
    }
  /** A cursor is handed out after the last page, and gets an empty page without an end. */
  | { readonly kind: 'past-the-end' };

export interface When {
  /** One api, or several. Lists have the names that the `api` label uses. Default: every request. */
  readonly api?: string | readonly string[];
  /** The beginning of the paths (without `/v1`) that are meant: all that belongs to one project, for example. */
  readonly path?: string;
  readonly width?: '1m' | '1h' | '1d';
  /** The dimension that the requests meant group by. */
  readonly groupBy?: string;
  /** The second before which the `start_time` of the requests meant is. */
  readonly startBefore?: number;
  /** UTC milliseconds: from (inclusive) to (exclusive). */
  readonly from?: number;
  readonly to?: number;
  /** True: only requests with a cursor; false: only those without. */
  readonly paged?: boolean;
  /** Numbers of the requests that match the above, counted from 1: only each n-th, only the n-th, only the first n. */
  readonly every?: number;
  readonly nth?: number;
  readonly first?: number;
  /** The share of the requests that match the above, chosen by a hash of the rule's place and how many there were. */
  readonly chance?: number;
  /** Another number chooses others. Default 0. */
  readonly seed?: number;
}

export interface FaultRule {
  readonly when?: When;
  readonly fault: Fault;
}

/** The part of a transport that is needed here. */
export type Delivery =
  | { readonly kind: 'whole'; readonly response: ApiResponse; readonly afterMs: number }
  | { readonly kind: 'cut'; readonly response: ApiResponse; readonly share: number }
  | { readonly kind: 'drip'; readonly response: ApiResponse; readonly bytes: number; readonly everyMs: number }
  | { readonly kind: 'reset' }
  | { readonly kind: 'hang' };

const html = '<!doctype html><html><head><title>Please wait</title></head><body>upstream connect error</body></html>';

const messages: Readonly<Record<number, string>> = {
  401: 'Incorrect API key provided: sk-admin-***.',
  403: 'You have insufficient permissions for this operation. Missing scopes: api.usage.read.',
  429: 'Rate limit reached',
};

function statusResponse({ status, headers = {}, body }: Extract<Fault, { kind: 'status' }>): ApiResponse {
  const error = {
    message: messages[status] ?? 'The server had an error while processing your request.',
    type: status === 429 ? 'requests' : status < 500 ? 'invalid_request_error' : 'server_error',
    param: null,
    code: status === 401 ? 'invalid_api_key' : null,
  };
  return {
    status,
    headers: { 'content-type': 'application/json', 'x-request-id': 'req_sim_fault', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body ?? { error }),
  };
}

/** The dimensions that a request groups by, in its order. */
function groupByOf({ query }: ApiRequest): readonly string[] {
  return [...query.getAll('group_by[]'), ...query.getAll('group_by')];
}

function refusedDimension(
  { dimension, says = 'all' }: Extract<Fault, { kind: 'refuse-dimension' }>,
  asked: readonly string[],
): ApiResponse {
  const named = says === 'all' || says === 'name';
  const indexed = says === 'all' || says === 'index';
  const supported = asked.filter((name) => name !== dimension).map((name) => `'${name}'`);
  const error = {
    message: named
      ? `Invalid value: '${dimension}'. Supported values are: ${supported.join(', ')}.`
      : 'Invalid value for group_by',
    type: 'invalid_request_error',
    param: indexed ? `group_by[${asked.indexOf(dimension)}]` : named ? null : 'group_by',
    code: named ? 'invalid_value' : null,
  };
  return statusResponse({ kind: 'status', status: 400, body: { error } });
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}

function array(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The same response with its page rewritten. Answers that are no page stay as they are. */
function rewrite(response: ApiResponse, change: (page: Record<string, unknown>) => object): ApiResponse {
  if (response.status !== 200) return response;
  return { ...response, body: JSON.stringify(change(record(JSON.parse(response.body)))) };
}

function wrongTypes(bucket: unknown, where: 'rows' | 'times' | 'results'): unknown {
  const own = record(bucket);
  if (where === 'times') return { ...own, start_time: String(own['start_time']) };
  if (where === 'results') return { ...own, results: { object: 'list' } };
  const words = (row: unknown) =>
    Object.fromEntries(
      Object.entries(record(row)).map(([name, value]) => [name, typeof value === 'number' ? 'many' : value]),
    );
  return { ...own, results: array(own['results']).map(words) };
}

function withoutCursor(request: ApiRequest): ApiRequest {
  const query = new URLSearchParams(request.query);
  query.delete('page');
  query.delete('after');
  return { ...request, query };
}

function deliver(
  fault: Fault,
  count: number,
  request: ApiRequest,
  respond: (request: ApiRequest) => ApiResponse,
): Delivery {
  const whole = (response: ApiResponse): Delivery => ({ kind: 'whole', response, afterMs: 0 });
  switch (fault.kind) {
    case 'status':
      return whole(statusResponse(fault));
    case 'refuse-dimension':
      return whole(refusedDimension(fault, groupByOf(request)));
    case 'reset':
    case 'hang':
      return { kind: fault.kind };
    case 'delay':
      return { kind: 'whole', response: respond(request), afterMs: fault.ms };
    case 'drip':
      return { kind: 'drip', response: respond(request), bytes: fault.bytes, everyMs: fault.everyMs };
    case 'cut':
      return { kind: 'cut', response: respond(request), share: fault.share };
    case 'html':
      return whole({ status: 200, headers: { 'content-type': 'text/html; charset=utf-8' }, body: html });
    case 'json':
      return whole({ status: 200, headers: { 'content-type': 'application/json' }, body: fault.body });
    case 'null-data':
      return whole(rewrite(respond(request), (page) => ({ ...page, data: null })));
    case 'sparse':
      return whole(
        rewrite(respond(request), (page) => ({
          ...page,
          data: array(page['data']).filter((bucket) => array(record(bucket)['results']).length > 0),
        })),
      );
    case 'wrong-types':
      return whole(
        rewrite(respond(request), (page) => ({
          ...page,
          data: array(page['data']).map((bucket) => wrongTypes(bucket, fault.where)),
        })),
      );
    case 'huge': {
      const response = respond(request);
      const padding = ' '.repeat(Math.max(0, fault.bytes - response.body.length));
      return whole({ ...response, body: response.body.replace('{', () => `{${padding}`) });
    }
    case 'endless-cursor':
    case 'repeated-cursor': {
      const cursor = fault.kind === 'endless-cursor' ? `page_endless_${count}` : 'page_repeated';
      const first = respond(withoutCursor(request));
      // Pages of buckets and of lists have cursors of different names.
      return whole(
        rewrite(first, (page) => ({
          ...page,
          has_more: true,
          ...('last_id' in page ? { last_id: cursor } : { next_page: cursor }),
        })),
      );
    }
    case 'more-without-cursor':
      return whole(rewrite(respond(request), (page) => ({ ...page, has_more: true, next_page: null })));
    case 'past-the-end': {
      if (request.query.get('page')?.startsWith('page_past') === true) {
        const first = respond(withoutCursor(request));
        return whole(
          rewrite(first, (page) => ({ ...page, data: [], has_more: true, next_page: `page_past_${count}` })),
        );
      }
      return whole(
        rewrite(respond(request), (page) =>
          page['has_more'] === true ? page : { ...page, has_more: true, next_page: `page_past_${count}` },
        ),
      );
    }
  }
}

function matches(when: When, api: string | undefined, request: ApiRequest, now: number): boolean {
  if (when.api !== undefined) {
    const apis = typeof when.api === 'string' ? [when.api] : when.api;
    if (api === undefined || !apis.includes(api)) return false;
  }
  if (when.path !== undefined && !request.path.replace(/^\/v1/, '').startsWith(when.path)) return false;
  if (when.width !== undefined && (request.query.get('bucket_width') ?? '1d') !== when.width) return false;
  if (when.groupBy !== undefined && !groupByOf(request).includes(when.groupBy)) return false;
  if (when.startBefore !== undefined && Number(request.query.get('start_time') ?? when.startBefore) >= when.startBefore)
    return false;
  if (when.from !== undefined && now < when.from) return false;
  if (when.to !== undefined && now >= when.to) return false;
  return when.paged === undefined || request.query.has('page') === when.paged;
}

function chosen(when: When, count: number, place: number): boolean {
  if (when.every !== undefined && count % when.every !== 0) return false;
  if (when.nth !== undefined && count !== when.nth) return false;
  if (when.first !== undefined && count > when.first) return false;
  return when.chance === undefined || unit(mix(when.seed ?? 0, place), count) < when.chance;
}

/** Grouping an api by a dimension is not granted, as far as `when` says. */
export function refuseDimension(
  api: string | readonly string[],
  dimension: string,
  {
    says = 'all',
    ...when
  }: Omit<When, 'api' | 'groupBy'> & { readonly says?: 'all' | 'name' | 'index' | 'nothing' } = {},
): FaultRule {
  return { when: { ...when, api, groupBy: dimension }, fault: { kind: 'refuse-dimension', dimension, says } };
}

/**
 * Returns the function that decides about each request to the exchange: as the first rule that applies says, or the
 * right answer. The array is asked at each request: a test may add and remove rules while a program runs.
 */
export function deliveries(exchange: Exchange, rules: readonly FaultRule[]): (request: ApiRequest) => Delivery {
  const counts = new Map<FaultRule, number>();
  return (request) => {
    const { api, now } = exchange.received(request);
    const respond = (asked: ApiRequest) => exchange.respond(asked, now);
    for (const [place, rule] of rules.entries()) {
      const when = rule.when ?? {};
      if (!matches(when, api, request, now)) continue;
      const count = (counts.get(rule) ?? 0) + 1;
      counts.set(rule, count);
      if (chosen(when, count, place)) return deliver(rule.fault, count, request, respond);
    }
    return { kind: 'whole', response: respond(request), afterMs: 0 };
  };
}

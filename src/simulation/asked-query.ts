/** Reads the query of a usage or costs request as strictly as the API does. */
import {
  costsByKeySince,
  dimensionsOfPath,
  type Endpoint,
  type FilterName,
  type Width,
  widthSeconds,
} from '../openai/catalogue.ts';
import type { Selection } from './organization.ts';
import type { Label } from './profile.ts';
import { textHash } from './random.ts';
import { isRefusal, type Refusal, refuse } from './reply.ts';

export interface PageQuery {
  readonly width: Width;
  /** Seconds. The first bucket of this page starts here, the last of all pages ends there. */
  readonly start: number;
  readonly end: number;
  /** Buckets in this page, at the most. */
  readonly limit: number;
  readonly selection: Selection;
  /** Makes the cursor for a page that starts at `next`. */
  cursor(next: number): string;
}

const dimensionOf: Readonly<Record<FilterName, string>> = {
  project_ids: 'project_id',
  user_ids: 'user_id',
  api_key_ids: 'api_key_id',
  models: 'model',
  batch: 'batch',
  sources: 'source',
  sizes: 'size',
  vector_store_ids: 'vector_store_id',
  context_levels: 'context_level',
  line_items: 'line_item',
};

/** Values of an array parameter: `a[]=x&a[]=y`, `a=x&a=y` and `a=x,y` are all taken. */
function listOf(query: URLSearchParams, name: string): string[] {
  const values = [...query.getAll(name), ...query.getAll(`${name}[]`)];
  return [...new Set(values.flatMap((value) => value.split(',')).filter((value) => value !== ''))];
}

/** Values that may hold a comma, as names of line items do. */
function wholeOf(query: URLSearchParams, name: string): string[] {
  return [...new Set([...query.getAll(name), ...query.getAll(`${name}[]`)])];
}

function integerOf(query: URLSearchParams, name: string): number | Refusal | undefined {
  const text = query.get(name);
  if (text === null || text === '') return undefined;
  if (!/^\d{1,12}$/.test(text)) return refuse(`Invalid value for '${name}': expected an integer.`, name);
  return Number(text);
}

/** One number for everything that was asked but the cursor: a cursor is good for this query alone. */
function fingerprint(endpoint: Endpoint, query: URLSearchParams): number {
  const entries = [...query].filter(([name]) => name !== 'page').map(([name, value]) => `${name}=${value}`);
  return textHash(`${endpoint.api}?${entries.sort().join('&')}`);
}

const badCursor = refuse(
  'The page token is invalid, have you modified the query parameters?',
  undefined,
  'invalid_request_error',
);

function readCursor(page: string, of: number): { readonly next: number; readonly end: number } | undefined {
  if (!page.startsWith('page_')) return undefined;
  const parts = Buffer.from(page.slice(5), 'base64url').toString('latin1').split('.');
  const [next, end, hash] = parts.map((part) => (/^\d+$/.test(part) ? Number(part) : Number.NaN));
  if (parts.length !== 3 || hash !== of || next === undefined || end === undefined) return undefined;
  return Number.isNaN(next) || Number.isNaN(end) ? undefined : { next, end };
}

function selectionOf(endpoint: Endpoint, query: URLSearchParams): Selection | Refusal {
  const groupBy = listOf(query, 'group_by');
  const dimensions = dimensionsOfPath(endpoint.path);
  const unknown = groupBy.find((dimension) => !dimensions.includes(dimension));
  if (unknown !== undefined) {
    const known = dimensions.map((dimension) => `'${dimension}'`).join(', ');
    return refuse(`Invalid value: '${unknown}'. Supported values are: ${known}.`, 'group_by', 'invalid_value');
  }
  const only = new Map<string, readonly Label[]>();
  for (const filter of endpoint.filters) {
    const values = filter === 'line_items' ? wholeOf(query, filter) : listOf(query, filter);
    if (values.length === 0) continue;
    if (filter !== 'batch') only.set(dimensionOf[filter], values);
    else if (values.length === 1 && (values[0] === 'true' || values[0] === 'false')) {
      only.set('batch', [values[0] === 'true']);
    } else return refuse("Invalid type for 'batch': expected a boolean.", 'batch', 'invalid_type');
  }
  return { groupBy, only };
}

function widthOf(endpoint: Endpoint, query: URLSearchParams): Width | Refusal {
  const given = query.get('bucket_width') ?? '1d';
  for (const width of ['1m', '1h', '1d'] as const) if (given === width && endpoint.limits[width]) return width;
  const known = Object.keys(endpoint.limits).map((width) => `'${width}'`);
  return refuse(
    `Invalid value: '${given}'. Supported values are: ${known.join(', ')}.`,
    'bucket_width',
    'invalid_value',
  );
}

/**
 * The end of the window as it is used. A window that reaches past now ends at the time of the query, unless its end
 * is aligned: then the bucket in progress is returned in its full width. Nothing after that bucket is returned.
 */
function usedEnd(end: number | undefined, now: number, seconds: number): number {
  if (end === undefined) return now;
  if (end <= now) return end;
  return end % seconds === 0 ? Math.min(end, (Math.floor(now / seconds) + 1) * seconds) : now;
}

/** `now` in seconds; `lookback` in seconds: older starts are refused. */
export function readQuery(
  endpoint: Endpoint,
  query: URLSearchParams,
  now: number,
  lookback: number,
): PageQuery | Refusal {
  const start = integerOf(query, 'start_time');
  if (start === undefined)
    return refuse("Missing required parameter: 'start_time'.", 'start_time', 'missing_required_parameter');
  if (typeof start !== 'number') return start;
  const end = integerOf(query, 'end_time');
  if (typeof end === 'object') return end;
  const width = widthOf(endpoint, query);
  if (typeof width === 'object') return width;
  const selection = selectionOf(endpoint, query);
  if (isRefusal(selection)) return selection;
  const limits = endpoint.limits[width] ?? { byDefault: 7, maximum: 31, perPage: 31 };
  const limit = integerOf(query, 'limit') ?? limits.byDefault;
  if (typeof limit === 'object') return limit;
  if (limit < 1 || limit > limits.maximum) {
    return refuse(
      `Invalid 'limit': integer out of range. Expected a value between 1 and ${limits.maximum} for bucket_width=${width}, but got ${limit} instead.`,
      'limit',
      'integer_out_of_range',
    );
  }
  if (start < now - lookback) {
    return refuse('start_time is beyond the reporting lookback', 'start_time', 'reporting_lookback_exceeded');
  }
  if (end !== undefined && end <= start) return refuse("'end_time' must be after 'start_time'.", 'end_time');

  const costs = endpoint.api === 'costs';
  const day = widthSeconds['1d'];
  if (costs && end !== undefined && Math.floor(start / day) === Math.floor(end / day)) {
    return refuse('start_time and end_time must not be on the same UTC date.', 'end_time');
  }
  if (costs && selection.groupBy?.includes('api_key_id') && start < costsByKeySince) {
    return refuse(
      `group_by=api_key_id is not available for this time range. Try a start_time on or after ${costsByKeySince}.`,
      'start_time',
    );
  }

  const seconds = widthSeconds[width];
  const mark = fingerprint(endpoint, query);
  let from = costs ? Math.floor(start / day) * day : start;
  let to = costs
    ? Math.min(Math.ceil((end ?? Infinity) / day), Math.floor(now / day) + 1) * day
    : usedEnd(end, now, seconds);
  const page = query.get('page');
  if (page !== null) {
    const cursor = readCursor(page, mark);
    if (!cursor) return badCursor;
    from = cursor.next;
    to = cursor.end;
  }
  return {
    width,
    start: from,
    end: to,
    limit: Math.min(limit, limits.perPage),
    selection,
    cursor: (next) => `page_${Buffer.from(`${next}.${to}.${mark}`, 'latin1').toString('base64url')}`,
  };
}

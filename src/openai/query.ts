/** Returns a request for buckets, as query parameters. */
import { type Endpoint, type FilterName, type Width, widthSeconds } from './catalogue.ts';

/** The API's filters; `batch` holds `true` or `false`. */
export type Filters = Readonly<Partial<Record<FilterName, readonly string[]>>>;

export type Query = readonly (readonly [string, string])[];

export interface BucketQuery {
  readonly endpoint: Endpoint;
  readonly width: Width;
  /** First second asked for, aligned to the width: an unaligned one gives a clipped bucket. */
  readonly from: number;
  /** End, in seconds, exclusive; aligned, too. */
  readonly to: number;
  /** Dimensions of the endpoint. */
  readonly groupBy: readonly string[];
  readonly filters: Filters;
  /** Buckets in a page; at most the endpoint's maximum for the width. */
  readonly limit: number;
}

const filterNames: readonly FilterName[] = [
  'project_ids',
  'user_ids',
  'api_key_ids',
  'models',
  'batch',
  'sources',
  'sizes',
  'vector_store_ids',
  'context_levels',
  'line_items',
];

/** The filters in use that the endpoint does not have: it would answer for everybody. */
export function unsupportedFilters(endpoint: Endpoint, filters: Filters): FilterName[] {
  return filterNames.filter((name) => valuesOf(filters, name).length > 0 && !endpoint.filters.includes(name));
}

/**
 * The parameters of a first page, frozen: a cursor is bound to exactly these.
 * @throws RangeError if the API would refuse the query or answer something else than was meant
 */
export function bucketQuery({ endpoint, width, from, to, groupBy, filters, limit }: BucketQuery): Query {
  const seconds = widthSeconds[width];
  const pageLimit = endpoint.limits[width];
  if (pageLimit === undefined) throw new RangeError(`${endpoint.api} has no buckets of ${width}`);
  if (from % seconds !== 0 || to % seconds !== 0 || from >= to) {
    throw new RangeError(`${from} to ${to} is not a range of whole ${width} buckets`);
  }
  if (!Number.isInteger(limit) || limit < 1 || limit > pageLimit.maximum) {
    throw new RangeError(`limit ${limit} is not within 1 and ${pageLimit.maximum}`);
  }
  const foreign = groupBy.filter((name) => !endpoint.dimensions.includes(name));
  const unsupported = unsupportedFilters(endpoint, filters);
  if (foreign.length + unsupported.length > 0) {
    throw new RangeError(`${endpoint.api} does not have ${[...foreign, ...unsupported].join(', ')}`);
  }

  const pairs: [string, string][] = [
    ['start_time', String(from)],
    ['end_time', String(to)],
    ['bucket_width', width],
    ...[...groupBy, ...(endpoint.summedOver ?? [])].map((name): [string, string] => ['group_by[]', name]),
  ];
  for (const name of filterNames) {
    const values = valuesOf(filters, name);
    if (name !== 'batch') pairs.push(...values.map((value): [string, string] => [`${name}[]`, value]));
    // One boolean; both together are what the API answers without the filter.
    else if (values.length === 1) pairs.push(...values.map((value): [string, string] => ['batch', value]));
  }
  pairs.push(['limit', String(limit)]);
  return Object.freeze(pairs.map((pair) => Object.freeze(pair)));
}

function valuesOf(filters: Filters, name: FilterName): readonly string[] {
  return [...new Set(filters[name])];
}

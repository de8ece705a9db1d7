/**
 * The catalogue: every endpoint of the Usage and Costs API that is exported, as data. The client, the metrics,
 * the reference in docs/ and the simulated organization all read it, so a new endpoint is one new entry here.
 * Source: OpenAI's published OpenAPI document 2.3.0, the types of the official client 7.59 and observed responses; where
 * they differ, what was observed.
 */
import type { Seconds } from '../units.ts';

/** Bucket widths of the API. */
export type Width = '1m' | '1h' | '1d';

/** The length of a bucket of each width. */
export const widthSeconds: Readonly<Record<Width, Seconds>> = { '1m': 60, '1h': 3_600, '1d': 86_400 };

/**
 * - `flow`: adds up over time and over groups; becomes a counter, too.
 * - `level`: a stock at an instant; never summed over time, never filled with 0.
 * - `money`: a decimal amount that can fall; kept as text until it is summed exactly.
 * - `quantity`: how much a cost line billed, in a unit that the row names.
 */
export type FieldKind = 'flow' | 'level' | 'money' | 'quantity';

export interface Field {
  /** The path in a row joined by `_`: the field's part of the metric name. */
  readonly name: string;
  /** The path of the value in a row. */
  readonly path: readonly string[];
  readonly kind: FieldKind;
  /** The unit of the value, in words, for HELP. */
  readonly unit: string;
  /** A row always has it. The others can be missing or null, and missing is not zero. */
  readonly required: boolean;
  /** Values can be fractions. All other counts are whole, and one that is not is refused. */
  readonly fraction?: true;
  /** A further label that splits the value, because sums across it would be wrong: the currency, the unit. */
  readonly unitLabel?: { readonly name: string; readonly path: readonly string[] };
  /** A word on what the value includes, for HELP. */
  readonly note?: string;
}

export type FilterName =
  | 'project_ids'
  | 'user_ids'
  | 'api_key_ids'
  | 'models'
  | 'batch'
  | 'sources'
  | 'sizes'
  | 'vector_store_ids'
  | 'context_levels'
  | 'line_items';

/** The `limit` parameter, in buckets. */
export interface PageLimit {
  /** The number that the API takes when none is given. */
  readonly byDefault: number;
  /** More than this is answered with 400. */
  readonly maximum: number;
  /** The most that a page really holds. */
  readonly perPage: number;
}

/** The part that all entries of the catalogue have in common. */
interface Entry {
  /** Value of the `api` label and the middle of the metric names. */
  readonly api: string;
  /** The path below the base URL. */
  readonly path: string;
  /** `object` of a row. Some differ from the path; the endpoint is taken from the request, never from the row. */
  readonly rowObject: string;
  readonly fields: readonly Field[];
  /** Values of `group_by` that are asked for together. A path accepts those of all its entries, and answers any other with 400. */
  readonly dimensions: readonly string[];
  /** Dimensions that are asked for besides and summed over: they are no labels. */
  readonly summedOver?: readonly string[];
  readonly filters: readonly FilterName[];
  /** The API's word on how late its data is, for HELP. */
  readonly delay: string;
}

interface UsageEntry extends Entry {
  readonly kind: 'usage';
  readonly limits: Readonly<Record<Width, PageLimit>>;
}

interface CostEntry extends Entry {
  readonly kind: 'costs';
  readonly limits: { readonly '1d': PageLimit; readonly '1h'?: undefined; readonly '1m'?: undefined };
}

function flow<const Name extends string>(name: Name, unit: string, required: boolean, note?: string) {
  const field = { name, path: [name], kind: 'flow', unit, required, ...(note === undefined ? {} : { note }) } as const;
  return field satisfies Field;
}

const requests = flow('num_model_requests', 'requests', true, 'Requests to the model.');

const usageLimits = {
  '1m': { byDefault: 60, maximum: 1_440, perPage: 1_440 },
  '1h': { byDefault: 24, maximum: 168, perPage: 168 },
  '1d': { byDefault: 7, maximum: 31, perPage: 31 },
} as const satisfies UsageEntry['limits'];

const usageDelay = 'OpenAI reports it 5 to 15 minutes late and restates it now and then.';

const completionFields = [
  flow('input_tokens', 'tokens', true, 'All input: uncached, cached and cache-write together.'),
  flow('output_tokens', 'tokens', true, 'All output: text, audio and image together.'),
  requests,
  flow('input_cached_tokens', 'tokens', false, 'Part of input_tokens that was read from the cache.'),
  flow('input_cache_write_tokens', 'tokens', false, 'Part of input_tokens that was written to the cache.'),
  flow(
    'input_cache_write_30m_tokens',
    'tokens',
    false,
    'Part of input_cache_write_tokens that is kept for 30 minutes.',
  ),
  flow('input_cache_write_12h_tokens', 'tokens', false, 'Part of input_cache_write_tokens that is kept for 12 hours.'),
  flow(
    'input_uncached_tokens',
    'tokens',
    false,
    'Part of input_tokens that was neither read from nor written to the cache.',
  ),
  flow('input_text_tokens', 'tokens', false, 'Uncached text input.'),
  flow('output_text_tokens', 'tokens', false, 'Part of output_tokens that is text.'),
  flow('input_cached_text_tokens', 'tokens', false, 'Cached text input.'),
  flow('input_audio_tokens', 'tokens', false, 'Uncached audio input.'),
  flow('input_cached_audio_tokens', 'tokens', false, 'Cached audio input.'),
  flow('output_audio_tokens', 'tokens', false, 'Part of output_tokens that is audio.'),
  flow('input_image_tokens', 'tokens', false, 'Uncached image input.'),
  flow('input_cached_image_tokens', 'tokens', false, 'Cached image input.'),
  flow('output_image_tokens', 'tokens', false, 'Part of output_tokens that is images.'),
] as const satisfies readonly Field[];

const byModel = ['project_id', 'user_id', 'api_key_id', 'model'] as const;
const filtersByModel = ['project_ids', 'user_ids', 'api_key_ids', 'models'] as const;

/** Generic only to keep literal types: of the api, and of whatever `About` says. */
function usage<const Api extends string, const About extends Pick<UsageEntry, 'fields' | 'dimensions' | 'filters'>>(
  api: Api,
  about: About,
) {
  return {
    kind: 'usage',
    api,
    path: `/organization/usage/${api}`,
    rowObject: `organization.usage.${api}.result`,
    ...about,
    limits: usageLimits,
    delay: usageDelay,
  } as const;
}

const costs = {
  kind: 'costs',
  api: 'costs',
  path: '/organization/costs',
  rowObject: 'organization.costs.result',
  fields: [
    {
      name: 'amount_value',
      path: ['amount', 'value'],
      kind: 'money',
      unit: 'units of the currency',
      required: false,
      unitLabel: { name: 'currency', path: ['amount', 'currency'] },
      note: 'It matches the invoice, and does not reconcile exactly with usage.',
    },
    {
      name: 'quantity',
      path: ['quantity'],
      kind: 'quantity',
      unit: 'the unit in quantity_unit',
      required: false,
      fraction: true,
      unitLabel: { name: 'quantity_unit', path: ['quantity_unit'] },
      note: 'What the line item billed.',
    },
  ],
  dimensions: ['project_id', 'line_item', 'api_key_id', 'api_source'],
  filters: ['project_ids', 'api_key_ids', 'line_items'],
  limits: { '1d': { byDefault: 7, maximum: 180, perPage: 31 } },
  delay: 'OpenAI reports it 10 minutes to hours late.',
} as const satisfies CostEntry;

/**
 * The second read of costs, by user and line item alone, because the API does not grant user and project together to
 * every organization. Only the sums of its months are shown: its days are those of `costs`.
 */
const costsByUser = {
  ...costs,
  api: 'user_costs',
  dimensions: ['user_id'],
  summedOver: ['line_item'],
} as const satisfies CostEntry;

/** The catalogue with its literal types, so that the compiler can hold it against the official client's. */
const catalogue = [
  usage('completions', {
    fields: completionFields,
    dimensions: [...byModel, 'batch', 'service_tier', 'api_source'],
    filters: [...filtersByModel, 'batch'],
  }),
  usage('decisions', {
    fields: completionFields,
    dimensions: [...byModel, 'batch', 'service_tier', 'api_source'],
    filters: [...filtersByModel, 'batch'],
  }),
  usage('embeddings', {
    fields: [flow('input_tokens', 'tokens', true), requests],
    dimensions: byModel,
    filters: filtersByModel,
  }),
  usage('moderations', {
    fields: [flow('input_tokens', 'tokens', true), requests],
    dimensions: byModel,
    filters: filtersByModel,
  }),
  usage('images', {
    fields: [flow('images', 'images', true), requests],
    dimensions: [...byModel, 'size', 'source'],
    filters: [...filtersByModel, 'sources', 'sizes'],
  }),
  usage('audio_speeches', {
    fields: [flow('characters', 'characters', true), requests],
    dimensions: byModel,
    filters: filtersByModel,
  }),
  usage('audio_transcriptions', {
    fields: [{ ...flow('seconds', 'seconds of audio', true), fraction: true }, requests],
    dimensions: byModel,
    filters: filtersByModel,
  }),
  usage('vector_stores', {
    fields: [
      {
        name: 'usage_bytes',
        path: ['usage_bytes'],
        kind: 'level',
        unit: 'bytes',
        required: true,
        fraction: true,
        note: 'A level, not a flow.',
      },
    ],
    dimensions: ['project_id'],
    filters: ['project_ids'],
  }),
  usage('code_interpreter_sessions', {
    fields: [flow('num_sessions', 'sessions', true)],
    dimensions: ['project_id'],
    filters: ['project_ids'],
  }),
  {
    ...usage('file_search_calls', {
      fields: [flow('num_requests', 'calls', true)],
      dimensions: ['project_id', 'user_id', 'api_key_id', 'vector_store_id'],
      filters: ['project_ids', 'user_ids', 'api_key_ids', 'vector_store_ids'],
    }),
    rowObject: 'organization.usage.file_searches.result',
  },
  {
    ...usage('web_search_calls', {
      fields: [requests, flow('num_requests', 'calls', true)],
      dimensions: [...byModel, 'context_level', 'api_source'],
      filters: [...filtersByModel, 'context_levels'],
    }),
    rowObject: 'organization.usage.web_searches.result',
  },
  costs,
] as const satisfies readonly (UsageEntry | CostEntry)[];

/** The catalogue, as types. */
export type Catalogue = readonly [...typeof catalogue, typeof costsByUser];

/** The values of the `api` label: one for each entry of the catalogue. */
export type Api = Catalogue[number]['api'];
export type UsageApi = Extract<Catalogue[number], { readonly kind: 'usage' }>['api'];
export type CostApi = Extract<Catalogue[number], { readonly kind: 'costs' }>['api'];

/** An api of usage: it has buckets of every width, and its flows become counters. */
export interface UsageEndpoint extends UsageEntry {
  readonly api: UsageApi;
}

/** An api of costs: it has days alone, and no counters, for money can fall. */
export interface CostEndpoint extends CostEntry {
  readonly api: CostApi;
}

export type Endpoint = UsageEndpoint | CostEndpoint;

export const endpoints: readonly Endpoint[] = catalogue;

/** The second read of costs. It follows `costs`: no setting names it. */
export const userCosts: CostEndpoint = costsByUser;

const byApi: ReadonlyMap<string, Endpoint> = new Map(
  [...endpoints, userCosts].map((endpoint) => [endpoint.api, endpoint]),
);

/** The endpoint whose `api` label is `api`. */
export function endpointOf(api: string): Endpoint | undefined {
  return byApi.get(api);
}

/** The lists of names and limits, by their values of the `api` label. */
export const listApis = [
  'projects',
  'api_keys',
  'service_accounts',
  'users',
  'rate_limits',
  'spend_limits',
  'spend_alerts',
  'admin_api_keys',
] as const;

export type ListApi = (typeof listApis)[number];

/** Every value of the `api` label. */
export type ApiLabel = Api | ListApi;

export function isListApi(api: string): api is ListApi {
  return listApis.some((name) => name === api);
}

/** Every value that `group_by` of this path accepts. */
export function dimensionsOfPath(path: string): readonly string[] {
  const entries = [...endpoints, userCosts].filter((endpoint) => endpoint.path === path);
  return [...new Set(entries.flatMap((endpoint) => endpoint.dimensions))];
}

/** Every dimension of any endpoint, in the order of first mention. */
export const allDimensions: readonly string[] = [...new Set(endpoints.flatMap((endpoint) => endpoint.dimensions))];

/**
 * Dimensions in the order in which they are left out where the API refuses one and does not say which: the newest and
 * those that are refused most often first. Any that is not named here comes before them.
 */
export const leftOutFirst: readonly string[] = [
  'api_source',
  'user_id',
  'api_key_id',
  'service_tier',
  'context_level',
  'vector_store_id',
  'batch',
  'size',
  'source',
  'line_item',
  'model',
  'project_id',
];

/** The label of an amount or quantity beside its dimensions, by field; empty where the endpoint needs none. */
export function unitLabelsOf(endpoint: Endpoint): readonly string[] {
  return endpoint.fields.flatMap((field) => (field.unitLabel ? [field.unitLabel.name] : []));
}

/** Start of `group_by=api_key_id` on costs; earlier starts are answered with 400. */
export const costsByKeySince: Seconds = 1_764_979_200;

/** The kind of organization to simulate: who is in it, which groups use what, and how late and wrong the API is. */
import { allDimensions, type Endpoint, endpoints } from '../openai/catalogue.ts';
import { leavesOf } from './leaves.ts';
import { mix, unit } from './random.ts';
import type { Directory, SimulatedKey, SimulatedRateLimit } from './simulated-directory.ts';

export type Label = string | boolean | null;

/** One combination of label values that has usage at an endpoint. */
export interface UsageGroup {
  /** One value for each dimension of the endpoint, in the catalogue's order. */
  readonly labels: readonly Label[];
  /** Minutes of an average hour with usage, 0–60. Below 1: that share of the hours has one. */
  readonly minutes: number;
  /** Requests in an average minute that has usage. */
  readonly perMinute: number;
  /** The average in one request of each leaf but the first. For a level: its starting value and growth in an hour. */
  readonly perRequest: readonly number[];
  /** True if its rows write out a field that is 0, or leave it out. */
  readonly zeros: 'written' | 'left out';
  /** Seconds since the epoch: it has no usage before. Default: none before the organization is there. */
  readonly since?: number;
}

/**
 * The form of a cost line's amount: decimal text, a JSON number, always zero, not at all, or (on few days, after the
 * day's end) a negative adjustment.
 */
export type CostStyle = 'text' | 'number' | 'zero' | 'absent' | 'adjustment';

interface CostLine {
  readonly projectId: string | null;
  readonly lineItem: string;
  readonly apiKeyId: string | null;
  readonly userId: string | null;
  readonly apiSource: string;
  readonly currency: string;
  /** The unit that `quantity` counts; null: the line has no quantity. */
  readonly unit: string | null;
  readonly style: CostStyle;
}

/** A line whose amounts have nothing to do with what is used. */
export interface DrawnCosts extends CostLine {
  /** Average amount of a day, in units of the currency. */
  readonly perDay: number;
  /** Price of one of what `quantity` counts. */
  readonly price: number;
}

/** The things that a line bills: some leaves of what one group uses. */
export interface Billed {
  readonly api: string;
  /** Its place among the groups of the api. */
  readonly group: number;
  /** The places of the leaves (`leaves.ts`). */
  readonly leaves: readonly number[];
  /** Returns the price of a million of them on a UTC day, counted from the epoch. */
  readonly price: (day: number) => number;
}

/** A line that bills what is used. */
export interface BilledCosts extends CostLine {
  readonly billed: Billed;
  /** The number of billed things that `quantity` counts as one. */
  readonly unitSize: number;
}

export type CostGroup = DrawnCosts | BilledCosts;

/** The lateness and the faults of the API. Probabilities are in [0, 1]. */
export interface Behaviour {
  /** A minute's usage arrives in two parts instead of one. */
  readonly twoParts: number;
  /** Delay of the first part after the minute's end, seconds: the least and the most. */
  readonly firstDelay: readonly [number, number];
  /** Delay of the last part after the minute's end, seconds. Keep it below the settle delay. */
  readonly maximumDelay: number;
  /** A group's usage of an hour is restated upwards, downwards, or moved to another group; at most one of them. */
  readonly restatedUp: number;
  readonly restatedDown: number;
  readonly restatedMove: number;
  /** The delay of the restatement: seconds after the hour's end, the least and the most. */
  readonly restatedAfter: readonly [number, number];
  /** A day of a cost line is restated, once more than 24 h have passed since its end. */
  readonly costsRestated: number;
  /** A row of a bucket comes as two rows. */
  readonly repeatedRows: number;
  /** A group's rows of an hour lack some optional fields, though they are not 0. */
  readonly missingFields: number;
  /** A bucket has a row of explicit zeros for a group that has no usage in it. */
  readonly zeroRows: number;
  /** True if usage follows the hours of the day and the days of the week. */
  readonly rhythm: boolean;
  /** Share of the UTC days on which a group has any usage. */
  readonly dayShare: number;
  /** A numeric field that no catalogue knows, added to every usage row (twice the first leaf). */
  readonly unknownField?: string;
}

export interface Profile {
  readonly directory: Directory;
  /** The groups by api; an api without groups answers with empty buckets. */
  readonly usage: ReadonlyMap<string, readonly UsageGroup[]>;
  readonly costs: readonly CostGroup[];
  readonly behaviour: Behaviour;
}

export const defaultBehaviour: Behaviour = {
  twoParts: 0.5,
  firstDelay: [20, 420],
  maximumDelay: 840,
  restatedUp: 0.01,
  restatedDown: 0.003,
  restatedMove: 0,
  restatedAfter: [3_600, 4 * 86_400],
  costsRestated: 0.03,
  repeatedRows: 0.05,
  missingFields: 0.05,
  zeroRows: 0,
  rhythm: true,
  dayShare: 1,
};

/** A made-to-measure organization, for tests and benchmarks. Every option has a default that keeps it small. */
export interface ProfileOptions extends Partial<Behaviour> {
  /** Groups of an api: one number for all, or by api (apis not named have none). Default 6. */
  readonly groups?: number | Readonly<Record<string, number>>;
  /** Apis that have usage (and `costs`). Default all. */
  readonly apis?: readonly string[];
  /** Default 5. An api that knows no other dimension has no more groups than there are projects. */
  readonly projects?: number;
  /** Models, and vector stores. Default 4. */
  readonly models?: number;
  /** Share of the minutes in which a group is active. Default 0.1. */
  readonly activity?: number;
  /** Requests in an active minute, on average. Default 5. */
  readonly perMinute?: number;
  /** Label values with quotes, backslashes, newlines, control characters, unpaired surrogates and great length. */
  readonly hostileLabels?: boolean;
  /** A second currency in costs. */
  readonly secondCurrency?: boolean;
}

const hostile = [
  'quote" back\\slash',
  'new\nline and\ttab',
  'control\u0001\u007f',
  'lone \ud800 surrogate',
  'long '.repeat(2_000),
  '{model="fake"} 1',
  'ünïcode 模型 🤖',
];

const modelNames = [
  'gpt-5-2025-08-07',
  'gpt-4o-mini-2024-07-18',
  'gpt-4o-2024-08-06',
  'ft:gpt-4o-2024-08-06:acme:tone:9aB3cD',
  'o3-2025-04-16',
  'gpt-4.1-2025-04-14',
];

/** A profile from numbers: groups are spread over projects, keys, users and models; the labels are all different. */
export function customProfile(seed: number, options: ProfileOptions = {}): Profile {
  const { groups = 6, apis, projects = 5, models = 4, activity = 0.1, perMinute = 5, ...rest } = options;
  const { hostileLabels = false, secondCurrency = false, ...behaviour } = rest;
  const active = (api: string) => apis === undefined || apis.includes(api);
  const wanted = (api: string) => (typeof groups === 'number' ? groups : (groups[api] ?? 0));
  const modelOf = (i: number) =>
    (hostileLabels ? hostile[i] : undefined) ?? modelNames[i] ?? `gpt-sim-${String(i).padStart(4, '0')}`;

  const projectIds = Array.from({ length: projects }, (_, i) => `proj_${i}`);
  const mostGroups = Math.max(1, ...endpoints.map((endpoint) => wanted(endpoint.api)));
  const users = Array.from({ length: Math.min(20, 2 + Math.ceil(mostGroups / 10)) }, (_, i) => `user-${i}`);
  const keys: SimulatedKey[] = Array.from({ length: Math.ceil(mostGroups / models) }, (_, i) => ({
    id: `key_${i}`,
    name: `key ${i}`,
    projectId: projectIds[i % projects] ?? 'proj_0',
    ownerId: users[i % users.length] ?? 'user-0',
  }));

  const labelOf = (dimension: string, i: number): Label => {
    const key = keys[Math.floor(i / models)];
    // The second and third group are the playground's: no key, and a project that is null or empty.
    const keyless = i === 1 || i === 2;
    switch (dimension) {
      case 'project_id':
        return keyless ? (i === 1 ? null : '') : (key?.projectId ?? null);
      case 'user_id':
        return keyless ? null : (key?.ownerId ?? null);
      case 'api_key_id':
        return keyless ? null : (key?.id ?? null);
      case 'model':
        return modelOf(i % models);
      case 'batch':
        return i % 7 === 5 ? null : i % 4 === 3;
      case 'service_tier':
        return ['default', 'flex', 'priority', null, 'incentivized-tier'][i % 5] ?? null;
      case 'size':
        return ['1024x1024', '256x256', '1792x1024'][i % 3] ?? null;
      case 'source':
        return ['image.generation', 'image.edit', 'image.variation'][i % 3] ?? null;
      case 'vector_store_id':
        return `vs_${i % models}`;
      case 'context_level':
        return ['low', 'medium', 'high'][i % 3] ?? null;
      case 'api_source':
        return apiSourceOf(i);
      default:
        return `${dimension} ${i}`;
    }
  };

  const groupsOf = (endpoint: Endpoint): UsageGroup[] => {
    if (endpoint.api === 'costs' || !active(endpoint.api)) return [];
    const byProject = endpoint.dimensions.length === 1;
    const count = byProject ? Math.min(projects, wanted(endpoint.api)) : wanted(endpoint.api);
    const leafCount = leavesOf(endpoint).names.length - 1;
    return Array.from({ length: count }, (_, i) => ({
      labels: byProject ? [projectIds[i] ?? null] : endpoint.dimensions.map((dimension) => labelOf(dimension, i)),
      minutes: 60 * activity,
      perMinute,
      perRequest: endpoint.fields.some((field) => field.kind === 'level')
        ? [3e9 + 1e8 * i, 1e6 * (i + 1)]
        : // Most groups have only some of the leaves, as text models have no audio.
          Array.from({ length: leafCount }, (_, leaf) =>
            leaf % 3 === i % 3 || leaf === 0 || unit(mix(seed, i), leaf) < 0.4 ? 20 + (mix(i, leaf) % 700) : 0,
          ),
      zeros: i % 2 === 0 ? 'written' : 'left out',
    }));
  };

  const costStyles: readonly CostStyle[] = ['text', 'number', 'text', 'zero', 'absent', 'adjustment'];
  const costs: CostGroup[] = active('costs')
    ? Array.from({ length: wanted('costs') }, (_, i) => {
        const key = keys[Math.floor(i / models)];
        const style = costStyles[i % costStyles.length] ?? 'text';
        const adjustment = style === 'adjustment';
        return {
          projectId: adjustment ? null : (key?.projectId ?? null),
          lineItem: adjustment ? `adjustment ${i}` : `${modelOf(i % models)}, ${['input', 'output'][i % 2]}`,
          apiKeyId: adjustment ? null : (key?.id ?? null),
          userId: adjustment ? null : (key?.ownerId ?? null),
          apiSource: apiSourceOf(i),
          currency: secondCurrency && i % 3 === 1 ? 'eur' : 'usd',
          perDay: adjustment ? -2 : 0.5 + (mix(seed, i) % 4_000) / 100,
          unit: style === 'absent' || i % 3 !== 2 ? 'tokens' : null,
          price: 0.000_002,
          style,
        };
      })
    : [];

  return {
    directory: {
      id: 'org-simulated',
      name: 'Simulated (custom)',
      projects: projectIds.map((id, i) => ({ id, name: i === 3 ? null : `Project ${i}`, status: 'active' })),
      keys,
      users: users.map((id, i) => ({ id, name: `User ${i}`, email: `user${i}@example.com`, role: 'reader' })),
      serviceAccounts: [],
      rateLimits: new Map(projectIds.map((id) => [id, Array.from({ length: models }, (_, i) => limitOf(modelOf(i)))])),
      spendLimits: new Map(),
      spendAlerts: new Map(),
      adminKeys: [{ id: 'key_admin_0', name: 'admin', expiresAfterDays: 365 }],
    },
    usage: new Map(endpoints.map((endpoint) => [endpoint.api, groupsOf(endpoint)])),
    costs,
    behaviour: { ...defaultBehaviour, ...behaviour },
  };
}

/** Most usage is not attributed to a source. */
function apiSourceOf(i: number): string {
  return i % 4 === 2 ? 'agents_api' : 'unlabeled';
}

function limitOf(model: string): SimulatedRateLimit {
  return { model, max_requests_per_1_minute: 10_000, max_tokens_per_1_minute: 2_000_000 };
}

/** Small and steady: all apis, a handful of groups, no rhythm. What most tests want. */
export function smallProfile(seed: number): Profile {
  return customProfile(seed, { groups: 4, rhythm: false });
}

/**
 * Label values in the order of the endpoint's dimensions, null where none is given.
 * @throws for a dimension that the catalogue does not have
 */
export function labelsFor(endpoint: Endpoint, values: Readonly<Record<string, Label>>): readonly Label[] {
  for (const name of Object.keys(values)) {
    if (!allDimensions.includes(name)) throw new Error(`Unknown dimension in a profile: ${name}`);
  }
  return endpoint.dimensions.map((dimension) => values[dimension] ?? null);
}

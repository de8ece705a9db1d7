/**
 * A simulated organization: what it used and spent is a function of its seed, and so is the instant at which the
 * API comes to know each piece of it. `truth` answers what the API's numbers are at any instant, for tests and
 * proofs to compare with.
 */
import {
  dimensionsOfPath,
  type Endpoint,
  endpointOf,
  endpoints,
  type Width,
  widthSeconds,
} from '../openai/catalogue.ts';
import { createBilling } from './billing.ts';
import { type CostRow, type CostSource, createCosts } from './costs.ts';
import { demoProfile } from './demo-profile.ts';
import { createLevel } from './level.ts';
import {
  type Billed,
  type CostGroup,
  customProfile,
  type Label,
  type Profile,
  type ProfileOptions,
  smallProfile,
} from './profile.ts';
import type { Directory } from './simulated-directory.ts';
import { createUsage, type UsageSource } from './usage.ts';

export interface OrganizationOptions {
  readonly seed: number;
  /** Seconds since the epoch: the organization has no usage before. */
  readonly createdAt: number;
  /** Seconds since the epoch: it has no usage after, and no usage is restated any more. Default: never. */
  readonly closedAt?: number;
  /** A known one, a made-to-measure one by its options, or one of your own. Default `small`. */
  readonly profile?: 'demo' | 'small' | ProfileOptions | Profile;
}

/** The choice of label values that make a row, and of groups that count. */
export interface Selection {
  /** Dimensions, in the order wanted. Default: none. */
  readonly groupBy?: readonly string[];
  /** Dimension → accepted values. A group must match all of them. */
  readonly only?: ReadonlyMap<string, readonly Label[]>;
}

/** The rows to which groups fold under a selection. */
export interface Rows {
  /** Row of each group; -1 where the selection leaves it out. */
  readonly rowOf: Int32Array;
  /** Values of the grouped dimensions, by row. */
  readonly labels: readonly (readonly Label[])[];
}

export interface CostRows extends Rows {
  /** The group of each row: groups of different currencies never share one, nor, grouped by line_item, of different units. */
  readonly currencies: readonly string[];
  /** The line item of each row; null unless grouped by line_item. */
  readonly units: readonly (string | null)[];
}

export interface Span {
  /** Seconds. For usage: minutes that start in [from, to); for costs: whole UTC days. */
  readonly from: number;
  readonly to: number;
}

export interface TruthOptions extends Selection {
  /** Milliseconds: as the API shows it at this instant. Default: when everything has arrived. */
  readonly at?: number;
  /** False: as if nothing were ever restated. Default true. */
  readonly restated?: boolean;
}

/** A row of the truth. */
export interface TruthRow {
  readonly labels: readonly Label[];
  /** Values by field. A field that the API leaves out of this row is not there. */
  readonly fields: ReadonlyMap<string, number>;
}

export interface TruthCostRow extends CostRow {
  readonly labels: readonly Label[];
  readonly currency: string;
  readonly unit: string | null;
}

export interface Truth {
  /** Rows of one span of a usage api; for a level, the newest value known in it. */
  usage(api: string, span: Span, options?: TruthOptions): readonly TruthRow[];
  /** One field of a usage api summed over a span and all groups of the selection. */
  sum(api: string, field: string, span: Span, options?: TruthOptions): number;
  /** The rows of the bucket that starts at `start` (seconds), as shown at `at` (milliseconds). */
  visible(api: string, width: Width, start: number, at: number, selection?: Selection): readonly TruthRow[];
  /** Costs of the UTC days of a span, amounts in 10^-28 of the currency (`amountToDecimal` renders them). */
  costs(span: Span, options?: TruthOptions): readonly TruthCostRow[];
  /** The true cost of the usage of the minutes that start in a span, whenever the API comes to say so. */
  spent(span: Span): readonly Spent[];
}

/** The cost of what one project used of one model; null where the api has none. */
export interface Spent {
  readonly projectId: string | null;
  readonly model: string | null;
  readonly currency: string;
  /** The amount in 10^-28 of the currency. */
  readonly amount: bigint;
}

export interface Organization {
  readonly seed: number;
  /** Seconds. */
  readonly createdAt: number;
  readonly directory: Directory;
  readonly profile: Profile;
  /** Apis that have any usage, or costs. */
  readonly activeApis: readonly string[];
  readonly truth: Truth;
  /** The source of a usage api. @throws for an api that the catalogue does not have. */
  usage(api: string): UsageSource;
  readonly costs: CostSource;
  usageRows(endpoint: Endpoint, selection: Selection): Rows;
  costRows(selection: Selection): CostRows;
}

function profileOf(seed: number, given: OrganizationOptions['profile'] = 'small'): Profile {
  if (given === 'demo') return demoProfile();
  if (given === 'small') return smallProfile(seed);
  return 'directory' in given ? given : customProfile(seed, given);
}

function fold(
  groups: readonly (readonly Label[])[],
  dimensions: readonly string[],
  { groupBy = [], only }: Selection,
  more: (group: number) => readonly (string | null)[] = () => [],
): Rows & { readonly more: readonly (readonly (string | null)[])[] } {
  const positions = groupBy.map((dimension) => dimensions.indexOf(dimension));
  const tests = [...(only ?? [])].map(([dimension, values]) => ({ position: dimensions.indexOf(dimension), values }));
  const rowOf = new Int32Array(groups.length).fill(-1);
  const labels: Label[][] = [];
  const moreOf: (readonly (string | null)[])[] = [];
  const byKey = new Map<string, number>();
  for (const [group, values] of groups.entries()) {
    if (!tests.every((test) => test.values.includes(values[test.position] ?? null))) continue;
    const tuple = positions.map((position) => values[position] ?? null);
    const extra = more(group);
    const key = JSON.stringify([tuple, extra]);
    let row = byKey.get(key);
    if (row === undefined) {
      row = labels.length;
      byKey.set(key, row);
      labels.push(tuple);
      moreOf.push(extra);
    }
    rowOf[group] = row;
  }
  return { rowOf, labels, more: moreOf };
}

const costDimensions = dimensionsOfPath(endpointOf('costs')?.path ?? '');

function costLabel(group: CostGroup, dimension: string): Label {
  if (dimension === 'project_id') return group.projectId;
  if (dimension === 'line_item') return group.lineItem;
  if (dimension === 'user_id') return group.userId;
  if (dimension === 'api_source') return group.apiSource;
  return dimension === 'api_key_id' ? group.apiKeyId : null;
}

export function createOrganization(options: OrganizationOptions): Organization {
  const { seed, createdAt } = options;
  const profile = profileOf(seed, options.profile);
  const sources = new Map<string, UsageSource>();
  for (const endpoint of endpoints) {
    if (endpoint.api === 'costs') continue;
    const groups = profile.usage.get(endpoint.api) ?? [];
    const level = endpoint.fields.some((field) => field.kind === 'level');
    const source = level
      ? createLevel(seed, endpoint, groups, createdAt)
      : createUsage(seed, endpoint, groups, profile.behaviour, createdAt, options.closedAt);
    sources.set(endpoint.api, source);
  }
  const { usage: groups, behaviour } = profile;
  const billing = createBilling({ seed, usage: groups, behaviour, createdAt, closedAt: options.closedAt });
  const costs = createCosts(seed, profile.costs, behaviour, createdAt, billing);

  function usage(api: string): UsageSource {
    const source = sources.get(api);
    if (!source) throw new Error(`Not a usage api: ${api}`);
    return source;
  }

  function usageRows(endpoint: Endpoint, selection: Selection): Rows {
    const labels = usage(endpoint.api).groups.map((group) => group.labels);
    return fold(labels, endpoint.dimensions, selection);
  }

  function costRows(selection: Selection): CostRows {
    const labels = profile.costs.map((group) => costDimensions.map((dimension) => costLabel(group, dimension)));
    const byLine = selection.groupBy?.includes('line_item') ?? false;
    const {
      rowOf,
      labels: rows,
      more,
    } = fold(labels, costDimensions, selection, (index) => {
      const group = profile.costs[index];
      return [group?.currency ?? null, byLine ? (group?.unit ?? null) : null];
    });
    return {
      rowOf,
      labels: rows,
      currencies: more.map(([currency]) => currency ?? 'usd'),
      units: more.map(([, unit]) => unit ?? null),
    };
  }

  const truth: Truth = {
    usage(api, { from, to }, { at = Infinity, restated = true, ...selection } = {}) {
      const endpoint = endpointOf(api);
      if (!endpoint) throw new Error(`Not a usage api: ${api}`);
      const { rowOf, labels } = usageRows(endpoint, selection);
      const source = usage(api);
      const { values, written } = source.at({ from, to, at, rowOf, rows: labels.length, restated });
      return labels.flatMap((tuple, row) => {
        const own = values.subarray(row * source.fieldCount, (row + 1) * source.fieldCount);
        if (own.every((value) => value === 0)) return [];
        const fields = new Map<string, number>();
        for (const [f, field] of endpoint.fields.entries()) {
          const value = own[f] ?? 0;
          if (value !== 0 || (((written[row] ?? 0) >>> f) & 1) === 1) fields.set(field.name, value);
        }
        return [{ labels: tuple, fields }];
      });
    },
    sum(api, field, span, given = {}) {
      return truth.usage(api, span, given).reduce((sum, row) => sum + (row.fields.get(field) ?? 0), 0);
    },
    visible(api, width, start, at, selection = {}) {
      return truth.usage(api, { from: start, to: start + widthSeconds[width] }, { ...selection, at });
    },
    spent({ from, to }) {
      const sums = new Map<string, Spent>();
      for (const line of profile.costs) {
        if (!('billed' in line)) continue;
        const { projectId, currency, billed } = line;
        const model = modelOf(billed);
        const key = JSON.stringify([projectId, model, currency]);
        const amount = (sums.get(key)?.amount ?? 0n) + billing(billed, from, to).amount;
        sums.set(key, { projectId, model, currency, amount });
      }
      return [...sums.values()];
    },
    costs({ from, to }, { at = Infinity, restated = true, ...selection } = {}) {
      const { rowOf, labels, currencies, units } = costRows(selection);
      const sums: (CostRow | null)[] = labels.map(() => null);
      for (let day = Math.floor(from / 86_400); day * 86_400 < to; day += 1) {
        const { rows } = costs.at({ day, at, rowOf, rows: labels.length, restated });
        for (const [row, each] of rows.entries()) {
          if (!each) continue;
          const sum = sums[row];
          sums[row] = {
            amount: each.amount === null ? (sum?.amount ?? null) : (sum?.amount ?? 0n) + each.amount,
            quantity: each.quantity === null ? (sum?.quantity ?? null) : (sum?.quantity ?? 0) + each.quantity,
          };
        }
      }
      const byLine = selection.groupBy?.includes('line_item') ?? false;
      return sums.flatMap((sum, row) =>
        sum
          ? [
              {
                labels: labels[row] ?? [],
                currency: currencies[row] ?? 'usd',
                unit: units[row] ?? null,
                amount: sum.amount,
                // The API reports quantities by line only; across lines they would add up different things.
                quantity: byLine ? sum.quantity : null,
              },
            ]
          : [],
      );
    },
  };

  /** The model of the group that a line bills. */
  function modelOf({ api, group }: Billed): string | null {
    const model = profile.usage.get(api)?.[group]?.labels[endpointOf(api)?.dimensions.indexOf('model') ?? -1];
    return typeof model === 'string' ? model : null;
  }

  const activeApis = endpoints
    .map((endpoint) => endpoint.api)
    .filter((api) => (api === 'costs' ? profile.costs : (profile.usage.get(api) ?? [])).length > 0);
  return {
    seed,
    createdAt,
    directory: profile.directory,
    profile,
    activeApis,
    truth,
    usage,
    costs,
    usageRows,
    costRows,
  };
}

/**
 * Tokens and requests of a bucket, in all and by model, by project, and by both. A bucket never changes, so its sums are
 * made once and kept for as long as it is.
 */
import type { Endpoint } from '../openai/catalogue.ts';
import type { Bucket } from '../usage/bucket.ts';
import { Ids } from '../usage/ids.ts';
import type { Ledger } from '../usage/ledger.ts';

/** Sums by number of `Ids`, for those that the bucket has. */
export interface Columns {
  readonly ids: Uint32Array;
  readonly tokens: Float64Array;
  readonly requests: Float64Array;
}

export interface Sums {
  readonly tokens: number;
  readonly requests: number;
  /** Undefined where the usage is not grouped by it. */
  readonly models: Columns | undefined;
  readonly projects: Columns | undefined;
  /** Sums by project and model, batches left out: they have rate limits of their own. */
  readonly pairs: Columns | undefined;
}

/** Reports whether the api's usage is counted in tokens or requests to a model. */
export function isCounted(endpoint: Endpoint): boolean {
  return fieldsOf(endpoint).requests >= 0;
}

/** Reports whether the api counts tokens. */
export function hasTokens(endpoint: Endpoint): boolean {
  return fieldsOf(endpoint).tokens.length > 0;
}

export class BucketSums {
  readonly models = new Ids(['model']);
  readonly projects = new Ids(['project_id']);
  readonly pairs = new Ids(['project_id', 'model']);
  readonly #known = new WeakMap<Bucket, Sums>();

  get isFull(): boolean {
    return this.models.isFull || this.projects.isFull || this.pairs.isFull;
  }

  /** Makes the sums, if they are not there, with pauses. @param withPairs also by project and model together */
  of(ledger: Ledger, bucket: Bucket, withPairs: boolean): Sums {
    const known = this.#known.get(bucket);
    if (known !== undefined) return known;
    const fields = fieldsOf(ledger.endpoint);
    const tokens = addUp(fields.tokens, bucket);
    const requests = addUp([fields.requests], bucket);
    const sums: Sums = {
      tokens: total(tokens),
      requests: total(requests),
      models: withPairs ? undefined : this.#by(this.models, ledger, bucket, tokens, requests),
      projects: withPairs ? undefined : this.#by(this.projects, ledger, bucket, tokens, requests),
      pairs: withPairs ? this.#by(this.pairs, ledger, bucket, tokens, requests, batchColumn(ledger)) : undefined,
    };
    this.#known.set(bucket, sums);
    return sums;
  }

  #by(
    ids: Ids,
    { groups }: Ledger,
    bucket: Bucket,
    tokens: Float64Array,
    requests: Float64Array,
    without = -1,
  ): Columns | undefined {
    if (!ids.covers(groups)) return undefined;
    const numbers = ids.of(groups);
    const slots = new Map<number, number>();
    const sums: { tokens: number[]; requests: number[] } = { tokens: [], requests: [] };
    for (const [row, group] of bucket.groups.entries()) {
      if (without >= 0 && groups.values(group)[without] === 'true') continue;
      const id = numbers[group] ?? 0;
      const slot = slots.get(id) ?? slots.size;
      slots.set(id, slot);
      sums.tokens[slot] = (sums.tokens[slot] ?? 0) + (tokens[row] ?? 0);
      sums.requests[slot] = (sums.requests[slot] ?? 0) + (requests[row] ?? 0);
    }
    return {
      ids: Uint32Array.from(slots.keys()),
      tokens: Float64Array.from(sums.tokens),
      requests: Float64Array.from(sums.requests),
    };
  }
}

/** Returns the sum of some fields for each row; what a row lacks adds nothing. */
function addUp(fields: readonly number[], bucket: Bucket): Float64Array {
  const sums = new Float64Array(bucket.groups.length);
  for (const field of fields) {
    const column = bucket.numbers.get(field);
    if (column === undefined) continue;
    for (let row = 0; row < sums.length; row++) {
      const value = column[row] ?? 0;
      if (!Number.isNaN(value)) sums[row] = (sums[row] ?? 0) + value;
    }
  }
  return sums;
}

function total(column: Float64Array): number {
  let sum = 0;
  for (const value of column) sum += value;
  return sum;
}

function batchColumn({ groups }: Ledger): number {
  return groups.dimensions.indexOf('batch');
}

/** Indexes of the fields; the parts of input and output, which are not required, are in these already. */
function fieldsOf(endpoint: Endpoint): { readonly tokens: readonly number[]; readonly requests: number } {
  // The requests of a search are those in which a model searched: others count them.
  if (endpoint.api === 'web_search_calls') return { tokens: [], requests: -1 };
  return {
    tokens: endpoint.fields.flatMap(({ unit, required }, index) => (unit === 'tokens' && required ? [index] : [])),
    requests: endpoint.fields.findIndex(({ name }) => name === 'num_model_requests'),
  };
}

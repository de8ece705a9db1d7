/**
 * Sums what was used, by project, model and tier, over any settled buckets of all apis. A sum is kept from one time to
 * the next, and only buckets that came or went are added or taken away: an hour moves on by a minute at a time.
 */
import type { Bucket } from '../usage/bucket.ts';
import { Ids } from '../usage/ids.ts';
import type { Ledger } from '../usage/ledger.ts';
import { type Tier, tierOf } from './line-items.ts';
import { type Amounts, measures, measuresOf } from './measures.ts';

/** The owner of usage. A dimension that the usage is not grouped by is empty. */
export interface Owner {
  readonly project: string;
  readonly model: string;
  readonly tier: Tier;
}

/** One numbering of owners, for all apis. */
export class Owners {
  readonly #ids = new Ids(['project_id', 'model', 'batch', 'service_tier']);
  readonly #owners: Owner[] = [];

  /** The number of owners: they are 0 … size - 1. */
  get size(): number {
    return this.#ids.size;
  }

  /** True if there are so many that it is time to begin anew. */
  get isFull(): boolean {
    return this.#ids.isFull;
  }

  at(number: number): Owner {
    const known = this.#owners[number];
    if (known !== undefined) return known;
    const [project = '', model = '', batch = '', tier = ''] = this.#ids.valuesOf(number);
    const owner = { project, model, tier: tierOf(batch, tier) };
    this.#owners[number] = owner;
    return owner;
  }

  /** Returns the owner of each group of a ledger. */
  of({ groups }: Pick<Ledger, 'groups'>): readonly number[] {
    return this.#ids.of(groups);
  }
}

/** The usage of each owner, by measure, in one piece of memory. */
export class UsedByOwner {
  #values = new Float64Array(0);

  /** Makes it nothing, with room for so many owners. */
  clear(owners: number): void {
    const length = owners * measures.length;
    if (this.#values.length < length) this.#values = new Float64Array(Math.ceil(length * 1.2));
    else this.#values.fill(0);
  }

  /** Returns the usage of one of them; it goes with the next `clear`. */
  of(owner: number): Amounts {
    return this.#values.subarray(owner * measures.length, (owner + 1) * measures.length);
  }

  add(owner: number, measure: number, amount: number): void {
    const place = owner * measures.length + measure;
    this.#values[place] = (this.#values[place] ?? 0) + amount;
  }
}

/** The sum of some buckets of a ledger. */
export class SpanSum {
  readonly #ledger: Ledger;
  readonly #measures: readonly number[];
  /** Counts are taken away without a trace; fractions are not. */
  readonly #isExact: boolean;
  #buckets: ReadonlySet<Bucket> = new Set();
  /** The numbers by field, then by group. */
  #columns: Float64Array[] = [];

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
    this.#measures = measuresOf(ledger.endpoint);
    this.#isExact = ledger.endpoint.fields.every(({ fraction }) => fraction !== true);
  }

  get ledger(): Ledger {
    return this.#ledger;
  }

  /** Makes it the sum of these buckets. Returns whether that has changed it. */
  update(buckets: readonly Bucket[]): boolean {
    const wanted = new Set(buckets);
    const gone = [...this.#buckets].filter((bucket) => !wanted.has(bucket));
    const come = buckets.filter((bucket) => !this.#buckets.has(bucket));
    if (gone.length > 0 && (!this.#isExact || gone.length + come.length > buckets.length)) {
      this.#columns = [];
      for (const bucket of buckets) this.#add(bucket, 1);
    } else {
      for (const bucket of gone) this.#add(bucket, -1);
      for (const bucket of come) this.#add(bucket, 1);
    }
    this.#buckets = wanted;
    return [...gone, ...come].some(({ used }) => used);
  }

  /** Adds the sum to what its owners used. */
  addTo(used: UsedByOwner, owners: Owners): void {
    const numbers = owners.of(this.#ledger);
    for (const [field, column] of this.#columns.entries()) {
      const measure = this.#measures[field] ?? -1;
      if (measure < 0 || column === undefined) continue;
      for (let group = 0; group < column.length; group++) {
        const value = column[group] ?? 0;
        if (value !== 0) used.add(numbers[group] ?? 0, measure, value);
      }
    }
  }

  #add(bucket: Bucket, sign: 1 | -1): void {
    const { size } = this.#ledger.groups;
    for (const [field, values] of bucket.numbers) {
      if ((this.#measures[field] ?? -1) < 0) continue;
      const column = this.#column(field, size);
      for (let slot = 0; slot < values.length; slot++) {
        const value = values[slot] ?? Number.NaN;
        const group = bucket.groups[slot] ?? 0;
        if (!Number.isNaN(value)) column[group] = (column[group] ?? 0) + sign * value;
      }
    }
  }

  #column(field: number, size: number): Float64Array {
    while (this.#columns.length <= field) this.#columns.push(new Float64Array(0));
    const column = this.#columns[field] ?? new Float64Array(0);
    if (column.length >= size) return column;
    const grown = new Float64Array(Math.ceil(size * 1.2));
    grown.set(column);
    this.#columns[field] = grown;
    return grown;
  }
}

/** Adds what a bucket says to the amounts that `amountsOf` gives for each owner. */
export function addUse(ledger: Ledger, bucket: Bucket, owners: Owners, amountsOf: (owner: number) => Amounts): void {
  const numbers = owners.of(ledger);
  const places = measuresOf(ledger.endpoint);
  // Thousands of groups have a few models: the columns are summed by these before anything else is done.
  const rows: Amounts[] = [];
  const rowOf = new Map<Amounts, number>();
  const rowsBySlot = new Uint32Array(bucket.groups.length);
  for (let slot = 0; slot < rowsBySlot.length; slot++) {
    const amounts = amountsOf(numbers[bucket.groups[slot] ?? 0] ?? 0);
    let row = rowOf.get(amounts);
    if (row === undefined) {
      row = rows.push(amounts) - 1;
      rowOf.set(amounts, row);
    }
    rowsBySlot[slot] = row;
  }
  for (const [field, values] of bucket.numbers) {
    const place = places[field] ?? -1;
    if (place < 0) continue;
    const sums = new Float64Array(rows.length);
    for (let slot = 0; slot < values.length; slot++) {
      const value = values[slot] ?? 0;
      const row = rowsBySlot[slot] ?? 0;
      if (value > 0) sums[row] = (sums[row] ?? 0) + value;
    }
    for (const [row, amounts] of rows.entries()) amounts[place] = (amounts[place] ?? 0) + (sums[row] ?? 0);
  }
}

/** The exact sum of what has settled since the anchor, for every field and group. */
import type { Width } from '../openai/catalogue.ts';
import type { Bucket } from './bucket.ts';
import { cover } from './cover.ts';
import type { Ledger } from './ledger.ts';

/** Totals by field index, then by group id. A group past the end of a column has a total of 0. */
export type Columns = readonly Float64Array[];

/** Indexes of the fields that add up over time and therefore have counters. */
export function flowFields(ledger: Ledger): readonly number[] {
  return ledger.fields.all.flatMap((field, index) => (field.kind === 'flow' ? [index] : []));
}

/**
 * Totals of a ledger. The sums over the days, and over the hours that follow them, are kept until one of these
 * changes; only minutes are added anew each time. Always summed in the order of time, so that the result does not
 * depend on how it was arrived at.
 */
export class Totals {
  readonly #ledger: Ledger;
  readonly #flows: readonly number[];
  /** The sums over the days, and those over days and hours. */
  readonly #kept: Kept[] = [];

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
    this.#flows = flowFields(ledger);
  }

  /**
   * Sums of the settled buckets from the anchor to `to`, in seconds. What is put into the ledger during its pauses is
   * not counted.
   */
  upTo(to: number): Columns {
    const covering = [...cover(this.#ledger.settled, this.#ledger.anchor, to)];
    let sums: Columns = [];
    let end = 0;
    for (const [index, width] of wideWidths.entries()) {
      const begin = end;
      // Of this width up to the first that is narrower; a day behind a gap of hours is added with the rest.
      while (covering[end]?.width === width) end++;
      const buckets = covering.slice(0, end);
      const kept = this.#kept[index];
      const isSame = kept !== undefined && sameBuckets(buckets, kept.buckets);
      sums = isSame ? kept.sums : this.#sum(sums, buckets.slice(begin));
      this.#kept[index] = { buckets, sums };
    }
    return this.#sum(sums, covering.slice(end));
  }

  #sum(base: Columns, buckets: readonly Bucket[]): Columns {
    const size = this.#ledger.groups.size;
    const sums: Float64Array[] = [];
    for (const field of this.#flows) {
      const column = new Float64Array(size);
      const start = base[field];
      if (start !== undefined) column.set(start);
      for (const bucket of buckets) {
        const values = bucket.numbers.get(field);
        if (values === undefined) continue;
        for (let slot = 0; slot < values.length; slot++) {
          const value = values[slot] ?? Number.NaN;
          const group = bucket.groups[slot] ?? 0;
          if (!Number.isNaN(value)) column[group] = (column[group] ?? 0) + value;
        }
      }
      sums[field] = column;
    }
    return sums;
  }
}

/** The sums over some buckets. */
interface Kept {
  readonly buckets: readonly Bucket[];
  readonly sums: Columns;
}

const wideWidths: readonly Width[] = ['1d', '1h'];

function sameBuckets(a: readonly Bucket[], b: readonly Bucket[]): boolean {
  return a.length === b.length && a.every((bucket, index) => bucket === b[index]);
}

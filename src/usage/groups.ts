/**
 * The groups of one api. A group is a tuple of label values; it is interned once and from then on is a small
 * integer, so that buckets are columns of numbers and no label text is held twice.
 *
 * Past the bound, new tuples are folded into one group whose dimensions all read `other`: sums stay right and
 * memory stays bounded. What was admitted stays for as long as the table: a rollover starts a new one.
 */
import type { RawLabel } from '../openai/bucket-page.ts';
import { foldedValue, labelValue } from './labels.ts';
import { type Tuple, TuplePool } from './tuples.ts';

const separator = '\u0000';
const escapeMark = '\u0001';

/** Distinct units that one api may bring; a further one is folded like a group. */
const mostUnits = 64;

/** Newcomers that are gathered beyond twice the room before the first of them are chosen. */
const newcomersBeyondRoom = 1_000;

export class GroupTable {
  readonly dimensions: readonly string[];
  readonly #most: number;
  readonly #pool: TuplePool;
  /** The labels by id; and the group without its unit, which is where the values of the dimensions are. */
  readonly #tuples: Tuple[] = [];
  readonly #bases: number[] = [];
  readonly #ids = new Map<string, number>();
  /** Groups by text, made when it is first asked for: for finding a group of another table here. */
  #byText: Map<string, number> | undefined;
  readonly #units = new Set<string>();
  #admitted = 0;
  #folded: number | undefined;

  /**
   * @param dimensions label names, in the order of the values given to `intern`
   * @param most tuples admitted before folding starts; the folded group itself is not counted
   * @param pool where tables share their tuples
   */
  constructor(dimensions: readonly string[], most: number, pool: TuplePool = new TuplePool()) {
    this.dimensions = dimensions;
    this.#most = most;
    this.#pool = pool;
  }

  /** Number of group ids in use: ids are 0 … size - 1. */
  get size(): number {
    return this.#tuples.length;
  }

  /** Tuples that can still be admitted. */
  get room(): number {
    return this.#most - this.#admitted;
  }

  /** The group that takes in what is past the bound; undefined until there is one. */
  get folded(): number | undefined {
    return this.#folded;
  }

  /** The labels of a group as text, without braces. */
  text(id: number): string {
    return this.#tuples[id]?.text ?? '';
  }

  /** The values of a group's dimensions, in the order of `dimensions`. */
  values(id: number): readonly string[] {
    return this.#tuples[this.base(id)]?.values ?? [];
  }

  /** The group of the same dimensions without a unit; a group without a unit is its own. */
  base(id: number): number {
    return this.#bases[id] ?? id;
  }

  /** The currency of an amount or the unit of a quantity; undefined for a group without. */
  unit(id: number): string | undefined {
    return this.base(id) === id ? undefined : this.#tuples[id]?.values[0];
  }

  /** The group whose labels have this text. */
  find(text: string): number | undefined {
    this.#byText ??= new Map(this.#tuples.map((tuple, id) => [tuple.text, id]));
    return this.#byText.get(text);
  }

  /** The group that rows of these labels belong to; admits their tuple, or folds it. */
  intern(labels: readonly RawLabel[]): number {
    const known = this.#ids.get(keyOf(labels));
    if (known !== undefined) return known;
    if (this.room > 0) {
      this.#admitted++;
      return this.#add(keyOf(labels), labels.map(labelValue));
    }
    this.#folded ??= this.#foldedGroup();
    return this.#folded;
  }

  /**
   * Admits tuples in the order of their labels as far as there is room, so that which of several newcomers are
   * folded does not depend on the order of the rows. Of however many newcomers, it holds about twice as many as there
   * is room for.
   */
  admit(tuples: Iterable<readonly RawLabel[]>): void {
    if (this.room <= 0) return;
    let newcomers = new Map<string, readonly RawLabel[]>();
    const keepFirst = () => {
      const first = [...newcomers].sort(([a], [b]) => (a < b ? -1 : 1)).slice(0, Math.max(0, this.room));
      newcomers = new Map(first);
    };
    for (const labels of tuples) {
      const key = keyOf(labels);
      if (!this.#ids.has(key) && !newcomers.has(key)) newcomers.set(key, [...labels]);
      if (newcomers.size >= 2 * this.room + newcomersBeyondRoom) keepFirst();
    }
    keepFirst();
    for (const labels of newcomers.values()) this.intern(labels);
  }

  /** The group of `base`'s dimensions and a unit: the currency of an amount, the unit of a quantity. */
  withUnit(base: number, name: string, raw: RawLabel): number {
    const value = this.#unitValue(name, raw);
    const key = `${base}${escapeMark}${name}${separator}${value}`;
    return this.#ids.get(key) ?? this.#add(key, this.values(base), { base, name, value });
  }

  #foldedGroup(): number {
    const values = this.dimensions.map(() => foldedValue);
    return this.#ids.get(keyOf(values)) ?? this.#add(keyOf(values), values);
  }

  #add(key: string, values: readonly string[], unit?: { base: number; name: string; value: string }): number {
    const id = this.#tuples.length;
    const tuple = unit
      ? this.#pool.get([unit.name, ...this.dimensions], [unit.value, ...values])
      : this.#pool.get(this.dimensions, values);
    this.#ids.set(key, id);
    this.#byText?.set(tuple.text, id);
    this.#tuples.push(tuple);
    this.#bases.push(unit?.base ?? id);
    return id;
  }

  #unitValue(name: string, raw: RawLabel): string {
    const value = labelValue(raw);
    const key = `${name}${separator}${value}`;
    if (!this.#units.has(key)) {
      if (this.#units.size >= mostUnits) return foldedValue;
      this.#units.add(key);
    }
    return value;
  }
}

/** Reports whether these are the same dimensions in the same order. */
export function sameDimensions(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, index) => name === b[index]);
}

/** Joins label values with a separator that is escaped where a value has it, so that no two tuples share a key. */
function keyOf(labels: readonly RawLabel[]): string {
  let key = '';
  // By numbers, for this is done for each row: see openai/rows.ts.
  for (let index = 0; index < labels.length; index++) {
    const value = labelValue(labels[index] ?? null);
    const special = value.includes(separator) || value.includes(escapeMark);
    key += special ? value.replaceAll(escapeMark, `${escapeMark}e`).replaceAll(separator, `${escapeMark}s`) : value;
    key += separator;
  }
  return key;
}

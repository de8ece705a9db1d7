/** Label values as small numbers, so that sums over thousands of groups are sums over columns. */
import type { GroupTable } from './groups.ts';

/** Values that are numbered before it is worth beginning anew: names come and go over the months. */
const most = 500_000;

/** One numbering of the values of some dimensions, for all tables of groups. */
export class Ids {
  readonly #dimensions: readonly string[];
  #numbers = new Map<string, number>();
  #values: (readonly string[])[] = [];
  #tables = new WeakMap<GroupTable, number[]>();

  /** @param dimensions what is told apart: a group that lacks one of them in its table has no number */
  constructor(dimensions: readonly string[]) {
    this.#dimensions = dimensions;
  }

  get size(): number {
    return this.#values.length;
  }

  /** True if the numbers have become too many and all that was made with them is to be forgotten. */
  get isFull(): boolean {
    return this.size > most;
  }

  /** Reports whether groups of this table can be told apart by the dimensions. */
  covers({ dimensions }: Pick<GroupTable, 'dimensions'>): boolean {
    return this.#dimensions.every((name) => dimensions.includes(name));
  }

  /** The values behind a number. */
  valuesOf(id: number): readonly string[] {
    return this.#values[id] ?? [];
  }

  /** Returns the number of each group. Only groups that are new are looked at. */
  of(table: GroupTable): readonly number[] {
    const numbers = this.#tables.get(table) ?? [];
    this.#tables.set(table, numbers);
    const columns = this.#dimensions.map((name) => table.dimensions.indexOf(name));
    while (numbers.length < table.size) {
      const values = table.values(numbers.length);
      numbers.push(this.#number(columns.map((column) => values[column] ?? '')));
    }
    return numbers;
  }

  #number(values: readonly string[]): number {
    const key = values.length === 1 ? (values[0] ?? '') : JSON.stringify(values);
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    this.#values.push(values);
    this.#numbers.set(key, this.#values.length - 1);
    return this.#values.length - 1;
  }
}

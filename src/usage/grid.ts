/** A number for each field and group, as one growing column a field: what is known of a hundred thousand series. */

export class Grid {
  readonly #empty: number;
  readonly #columns: Float64Array[] = [];

  /** @param empty the value of what was never set */
  constructor(empty: number) {
    this.#empty = empty;
  }

  get(field: number, group: number): number {
    return this.#columns[field]?.[group] ?? this.#empty;
  }

  set(field: number, group: number, value: number): void {
    this.column(field, group + 1)[group] = value;
  }

  /** The same numbers, which stay as they are. */
  copy(): Grid {
    const copy = new Grid(this.#empty);
    for (const column of this.#columns) copy.#columns.push(column.slice());
    return copy;
  }

  /** The column of a field, at least `length` long, to read and write. It is replaced when it has to grow. */
  column(field: number, length: number): Float64Array {
    while (this.#columns.length <= field) this.#columns.push(new Float64Array(0));
    const column = this.#columns[field] ?? new Float64Array(0);
    if (column.length >= length) return column;
    const grown = new Float64Array(Math.max(length, Math.ceil(column.length * 1.5))).fill(this.#empty);
    grown.set(column);
    this.#columns[field] = grown;
    return grown;
  }
}

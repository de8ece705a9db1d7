/**
 * Label tuples, each held once for as long as anything uses it: the same project, key, user and model use several apis,
 * and while a period ends or history is read, an api has two tables of the same groups.
 */
import { labelText } from './labels.ts';

/** Label values in the order of their names, and both as text. */
export interface Tuple {
  readonly values: readonly string[];
  /** Label text as `labelText` makes it. */
  readonly text: string;
}

export class TuplePool {
  /** Tuples by text: it has the names, so tuples of other names are others. */
  readonly #tuples = new Map<string, WeakRef<Tuple>>();
  readonly #unused = new FinalizationRegistry<string>((text) => {
    // Another of the same text can have come since.
    if (this.#tuples.get(text)?.deref() === undefined) this.#tuples.delete(text);
  });

  /** The number of tuples that are held. */
  get size(): number {
    return this.#tuples.size;
  }

  get(names: readonly string[], values: readonly string[]): Tuple {
    const text = labelText(names, values);
    const known = this.#tuples.get(text)?.deref();
    if (known !== undefined) return known;
    const tuple = { values: [...values], text };
    this.#tuples.set(text, new WeakRef(tuple));
    this.#unused.register(tuple, text);
    return tuple;
  }
}

/**
 * Knows which ids the series on the page carry, so that each can have its name on the same page. What a section is
 * rendered from is noted when it is; tables of groups only grow, so nothing that it shows can be missing here.
 */
import type { Section } from './section.ts';

/** Groups by label values, as a `GroupTable` has them: ids from 0 to size - 1, never fewer. */
export interface Groups {
  readonly dimensions: readonly string[];
  readonly size: number;
  values(id: number): readonly string[];
}

interface Scanned {
  size: number;
  /** Keyed by dimension. */
  readonly values: ReadonlyMap<string, Set<string>>;
}

export class IdsOnPage {
  readonly #dimensions: readonly string[];
  readonly #sections = new Map<string, readonly Groups[]>();
  readonly #scanned = new WeakMap<Groups, Scanned>();
  readonly #known = new Map<string, { readonly version: string; readonly values: ReadonlySet<string> }>();
  #changes = 0;

  /**
   * @param dimensions the label names that are looked for
   * @param always ids that are on every page
   */
  constructor(dimensions: readonly string[], always: readonly Groups[] = []) {
    this.#dimensions = dimensions;
    this.#sections.set('', always);
  }

  /** The same section, of which it is noted what it shows. */
  watch(section: Section, shown: () => readonly Groups[]): Section {
    const note = () => this.#note(section.name, shown());
    return {
      ...section,
      *render(now, elapsed) {
        note();
        return yield* section.render(now, elapsed);
      },
    };
  }

  /** Another value means that there may be other ids. */
  get version(): string {
    let groups = 0;
    for (const tables of this.#sections.values()) for (const table of tables) groups += table.size;
    return `${this.#changes}/${groups}`;
  }

  /** Values of a dimension on the page, each once. */
  values(dimension: string): ReadonlySet<string> {
    const { version } = this;
    const known = this.#known.get(dimension);
    if (known?.version === version) return known.values;
    const all = new Set<string>();
    for (const table of new Set([...this.#sections.values()].flat())) {
      for (const value of this.#scan(table).values.get(dimension) ?? []) all.add(value);
    }
    this.#known.set(dimension, { version, values: all });
    return all;
  }

  #note(section: string, tables: readonly Groups[]): void {
    const before = this.#sections.get(section);
    const same = before?.length === tables.length && before.every((table, index) => table === tables[index]);
    if (same) return;
    this.#sections.set(section, [...tables]);
    this.#changes++;
  }

  /** Looks only at what has been added since. */
  #scan(table: Groups): Scanned {
    const scanned = this.#scanned.get(table) ?? {
      size: 0,
      values: new Map(this.#dimensions.map((dimension) => [dimension, new Set<string>()])),
    };
    this.#scanned.set(table, scanned);
    const columns = this.#dimensions.flatMap((dimension) => {
      const column = table.dimensions.indexOf(dimension);
      const values = scanned.values.get(dimension);
      return column === -1 || values === undefined ? [] : [{ column, values }];
    });
    for (; scanned.size < table.size; scanned.size++) {
      const values = table.values(scanned.size);
      for (const each of columns) each.values.add(values[each.column] ?? '');
    }
    return scanned;
  }
}

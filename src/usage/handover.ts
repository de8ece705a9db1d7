/**
 * The values at which series begin that take the place of series with other dimensions: together they are at what those have come to, so
 * that nothing is counted twice and nothing is lost. Where a dimension was left out, each begins at the sum of those
 * that it stands for. Where one was added, the sum is shared out: what has come since is taken from the largest.
 */
import type { GroupTable } from './groups.ts';

/** The key of every group, where no dimension is shared. */
const wholeKey = '[]';

type Table = Pick<GroupTable, 'dimensions' | 'values' | 'folded' | 'size'>;

/** The counters that are replaced, as they were shown last. */
export interface ShownBefore {
  readonly groups: Table;
  /** Indexes of the fields that have counters. */
  readonly flows: readonly number[];
  /** Undefined for a series that was not shown. */
  shown(field: number, group: number): number | undefined;
}

export class Handover {
  /** Dimensions that both have; those of a series are told apart by these. */
  readonly #shared: readonly string[];
  /** Holds what was shown and is not taken over yet: by field index, then by the values of the shared dimensions. */
  readonly #left: ReadonlyMap<number, Map<string, number>>;

  private constructor(shared: readonly string[], left: ReadonlyMap<number, Map<string, number>>) {
    this.#shared = shared;
    this.#left = left;
  }

  /** Hands over from counters on show to those of another table of groups. */
  static of(before: ShownBefore, groups: Table): Handover {
    // A folded group stands for groups of every value, so that only the sum of all can be compared.
    const isFolded = before.groups.folded !== undefined || groups.folded !== undefined;
    const shared = isFolded ? [] : before.groups.dimensions.filter((name) => groups.dimensions.includes(name));
    const keyOf = keysOf(before.groups, shared);
    const left = new Map<number, Map<string, number>>();
    for (const field of before.flows) {
      const sums = new Map<string, number>();
      for (let group = 0; group < before.groups.size; group++) {
        const value = before.shown(field, group);
        if (value === undefined) continue;
        const key = keyOf(group);
        sums.set(key, (sums.get(key) ?? 0) + value);
      }
      left.set(field, sums);
    }
    return new Handover(shared, left);
  }

  /** Hands over from counters of which only the sum of all series is known, by field index. */
  static ofSums(sums: ReadonlyMap<number, number>): Handover {
    return new Handover([], new Map([...sums].map(([field, sum]) => [field, new Map([[wholeKey, sum]])])));
  }

  /**
   * The values at which the series of a field begin, by group.
   * @param size groups that there are
   * @param isUsed whether the group has a series
   * @param total by group; a group past its end has a total of 0
   */
  begin(
    field: number,
    size: number,
    groups: Table,
    isUsed: (group: number) => boolean,
    total: Float64Array,
  ): Float64Array {
    const left = this.#left.get(field);
    const keyOf = keysOf(groups, this.#shared);
    const alike = new Map<string, number[]>();
    for (let group = 0; group < size; group++) {
      if (!isUsed(group)) continue;
      const key = keyOf(group);
      const members = alike.get(key);
      if (members === undefined) alike.set(key, [group]);
      else members.push(group);
    }
    const begins = new Float64Array(size);
    for (const [key, members] of alike) {
      const shown = left?.get(key);
      if (shown === undefined) continue;
      left?.delete(key);
      const totalOf = (group: number) => total[group] ?? 0;
      members.sort((a, b) => totalOf(b) - totalOf(a));
      // Below 0 where more was shown than the API says by now: the largest holds that back.
      let since = members.reduce((sum, group) => sum + totalOf(group), 0) - shown;
      for (const group of members) {
        const part = Math.min(totalOf(group), since);
        begins[group] = totalOf(group) - part;
        since -= part;
      }
    }
    return begins;
  }

  /** The value at which a series begins that comes later: what was shown of a group that had no usage any more. */
  late(field: number, groups: Table, group: number): number {
    const left = this.#left.get(field);
    const key = keysOf(groups, this.#shared)(group);
    const shown = left?.get(key) ?? 0;
    left?.delete(key);
    return shown;
  }
}

function keysOf(table: Table, shared: readonly string[]): (group: number) => string {
  const columns = shared.map((name) => table.dimensions.indexOf(name));
  return (group) => {
    const own = table.values(group);
    return JSON.stringify(columns.map((column) => own[column]));
  };
}

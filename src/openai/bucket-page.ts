/**
 * One page of the Usage or Costs API, as columns: the shape between the decoder and everything
 * that gives numbers a meaning. A row is an index; there is no object per row.
 */

/** A value of a `group_by` dimension as the API sent it. */
export type RawLabel = string | number | boolean | null;

/** A label value may be this long, in characters; longer ones are cut. */
export const longestLabel = 256;

/** Reports whether a text is cut where it is a label. It can have more UTF-16 units than characters, but not fewer. */
export function isTooLong(text: string): boolean {
  return text.length > longestLabel && [...text].length > longestLabel;
}

/** Something of a row that could not be taken as it was sent. */
export interface Loss {
  /**
   * - `row`: nothing of the row counts, for a count in it, a label or all of it cannot be read.
   * - `value`: an amount, a quantity or a value of an unknown field; the rest of the row counts.
   * - `field`: a field that the catalogue does not know and that cannot become a metric.
   * - `label`: a label that is too long; its beginning is kept.
   */
  readonly kind: 'row' | 'value' | 'field' | 'label';
  /** The field or dimension; empty where the row as a whole is meant. */
  readonly name: string;
  /** The beginning of what was sent. */
  readonly sent: string;
  /** The row's line item, where it has one. */
  readonly lineItem: string | undefined;
}

/** One bucket as returned: not yet summed by group, and not yet known to be whole. */
export interface RawBucket {
  /** Start and end as the API gave them, in seconds; an unaligned query makes them narrower than the width. */
  readonly start: number;
  readonly end: number;
  readonly rows: number;
  /** One column for each grouped dimension, in the order of the query; `rows` long. */
  readonly labels: readonly (readonly RawLabel[])[];
  /** Columns by field name, `rows` long; NaN where the row does not have the field. */
  readonly numbers: ReadonlyMap<string, Float64Array>;
  /** Fields of kind `money`: decimal text of any length; null where the row does not have it. */
  readonly decimals: ReadonlyMap<string, readonly (string | null)[]>;
  /** The value of the unit label in each row, by field name, for fields with a `unitLabel`. */
  readonly units: ReadonlyMap<string, readonly RawLabel[]>;
  /** Rows refused because a value is of a type or size that no amount or count has. */
  readonly malformedRows: number;
  /** The labels of those of them whose labels can be read: these groups are there, with unknown values. */
  readonly refused: readonly (readonly RawLabel[])[];
  /** Rows that are taken, but not with all that they say. */
  readonly damagedRows: number;
  /** The losses in refused and damaged rows: each kind, field and line item once, and so many at the most. */
  readonly losses: readonly Loss[];
  /** The API passed over it: it is known to be empty from what came around it. */
  readonly passedOver?: true;
  /** The organization that the rows belong to, where they say so, as those of costs do. */
  readonly organization?: { readonly id: string; readonly name: string | null };
}

export interface RawPage {
  readonly buckets: readonly RawBucket[];
  readonly hasMore: boolean;
  /** Null where the API sent none, or something that is not a non-empty string. */
  readonly nextPage: string | null;
}

/** A bucket that the API passed over: without rows. @param dimensions how many label columns there are */
export function emptyBucket(start: number, end: number, dimensions: number): RawBucket {
  return {
    ...{ start, end, rows: 0, labels: Array.from({ length: dimensions }, () => []) },
    ...{ numbers: new Map(), decimals: new Map(), units: new Map() },
    ...{ malformedRows: 0, refused: [], damagedRows: 0, losses: [], passedOver: true },
  };
}

/** Reports whether two buckets of the same query have the same rows in the same order. */
export function isSame(a: RawBucket, b: RawBucket): boolean {
  const columnsOf = ({ labels, numbers, decimals, units }: RawBucket) => [
    ...labels,
    ...[numbers, decimals, units].flatMap((columns) => [...columns].sort(byName).map(([, column]) => column)),
  ];
  const [ours, theirs] = [columnsOf(a), columnsOf(b)];
  return (
    a.rows === b.rows &&
    ours.length === theirs.length &&
    ours.every((column, index) => column.every((value: unknown, row: number) => Object.is(value, theirs[index]?.[row])))
  );
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}

/** One bucket of which a page had the beginning and the next page the rest. */
export function joined(begun: RawBucket, [rest]: readonly RawBucket[]): RawBucket {
  if (rest === undefined) return begun;
  const rows = begun.rows + rest.rows;
  const both = <Column>(
    of: (bucket: RawBucket) => ReadonlyMap<string, Column>,
    join: (a: Column | undefined, b: Column | undefined) => Column,
  ) => new Map([...of(begun), ...of(rest)].map(([name]) => [name, join(of(begun).get(name), of(rest).get(name))]));
  const numbers = both(
    (bucket) => bucket.numbers,
    (a, b) => {
      const column = new Float64Array(rows).fill(Number.NaN);
      column.set(a ?? []);
      column.set(b ?? [], begun.rows);
      return column;
    },
  );
  const listed =
    <Value>() =>
    (a: readonly (Value | null)[] | undefined, b: readonly (Value | null)[] | undefined) => [
      ...(a ?? new Array<null>(begun.rows).fill(null)),
      ...(b ?? new Array<null>(rest.rows).fill(null)),
    ];
  return {
    start: begun.start,
    end: rest.end,
    rows,
    labels: begun.labels.map((column, index) => [...column, ...(rest.labels[index] ?? [])]),
    numbers,
    decimals: both((bucket) => bucket.decimals, listed<string>()),
    units: both((bucket) => bucket.units, listed<Exclude<RawLabel, null>>()),
    malformedRows: begun.malformedRows + rest.malformedRows,
    refused: [...begun.refused, ...rest.refused],
    damagedRows: begun.damagedRows + rest.damagedRows,
    losses: [...begun.losses, ...rest.losses],
  };
}

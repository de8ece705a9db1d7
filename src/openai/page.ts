/**
 * What one page of the Usage or Costs API holds, as columns: the shape between the decoder and everything
 * that gives numbers a meaning. A row is an index; there is no object per row.
 */

/** A value of a `group_by` dimension as the API sent it. */
export type RawLabel = string | number | boolean | null;

/** One bucket as returned: not yet summed by group, and not yet known to be whole. */
export interface RawBucket {
  /** Start and end as the API gave them, in seconds; an unaligned query makes them narrower than the width. */
  readonly start: number;
  readonly end: number;
  readonly rows: number;
  /** One column for each grouped dimension, in the order of the query; `rows` long. */
  readonly labels: readonly (readonly RawLabel[])[];
  /** By field name; `rows` long; NaN where the row does not have the field. */
  readonly numbers: ReadonlyMap<string, Float64Array>;
  /** Fields of kind `money`: decimal text of any length; null where the row does not have it. */
  readonly decimals: ReadonlyMap<string, readonly (string | null)[]>;
  /** For fields with a `unitLabel`, by field name: the value of that label in each row. */
  readonly units: ReadonlyMap<string, readonly RawLabel[]>;
  /** Rows refused because a value is of a type or size that no amount or count has. */
  readonly malformedRows: number;
  /** The labels of those of them whose labels can be read: these groups are there, with unknown values. */
  readonly refused: readonly (readonly RawLabel[])[];
}

export interface RawPage {
  readonly buckets: readonly RawBucket[];
  readonly hasMore: boolean;
  /** Null where the API sent none, or something that is not a non-empty string. */
  readonly nextPage: string | null;
}

/**
 * A bucket as it is kept: rows summed by group, as columns. Immutable; what is read again replaces it whole.
 */
import type { RawBucket, RawLabel } from '../openai/bucket-page.ts';
import type { Width } from '../openai/catalogue.ts';
import { inMilliseconds, type Milliseconds, type Seconds } from '../units.ts';
import { Decimal } from './decimal.ts';
import type { FieldTable } from './fields.ts';
import type { GroupTable } from './groups.ts';
import { foldedValue } from './labels.ts';
import { settlesAt } from './settle.ts';
import { bucketEnd } from './windows.ts';

/** A column of numbers. Most counts have a form of half the size; others do not, and lose nothing. */
export type Numbers = Float32Array | Float64Array;

export interface Bucket {
  readonly width: Width;
  readonly start: Seconds;
  /** The instant at which the read that returned it began. */
  readonly readAt: Milliseconds;
  /** True if it was read whole, and not before its end + settle delay: its numbers are final but for restatements. */
  readonly settled: boolean;
  /**
   * Rows of usage are refused, so counts are unknown: since the first read that found it so, and not before it could
   * have settled. A ledger puts off for a while that it is final. Undefined where all is known.
   */
  readonly refusedSince: Milliseconds | undefined;
  /** The groups of these rows, whose numbers are unknown; undefined where it cannot be told which groups they are. */
  readonly refused: ReadonlySet<number> | undefined;
  /** The groups that have a row here, each once. Columns go by position in this; a column may be shorter. */
  readonly groups: Uint32Array;
  /** The columns by field index; NaN, or nothing, where no row of the group has the field. */
  readonly numbers: ReadonlyMap<number, Numbers>;
  /** Money only, by field index: exact decimal text; null, or nothing, where no row of the group has it. */
  readonly decimals: ReadonlyMap<number, readonly (string | null)[]>;
  /** True if any value is not 0. */
  readonly used: boolean;
  /** Rows that went into the folded group or unit, rows that were refused, and rows that lack something they said. */
  readonly foldedRows: number;
  readonly malformedRows: number;
  readonly damagedRows: number;
  /** The API passed over it: nobody has seen that it knows of this time. */
  readonly passedOver: boolean;
}

/** Exact sum of two decimal texts, as decimal text. */
export function addDecimals(a: string, b: string): string {
  return new Decimal(a).plus(new Decimal(b)).toFixed();
}

/** Shared by the buckets that have no money, or no refused rows: most of the thousands that an exporter keeps. */
const noDecimals: Bucket['decimals'] = new Map();
const noGroups: ReadonlySet<number> = new Set();

const nonZeroDigit = /^[^eE]*[1-9]/;

/** Reports whether a decimal text is not zero, whatever its exponent. */
export function isNonZeroDecimal(text: string): boolean {
  return nonZeroDigit.test(text);
}

/**
 * Sums the rows of a returned bucket by group. Undefined for one that is narrower than its width although it has
 * ended: a query that is not aligned gives such, and it says nothing about the whole.
 * @param readAt when its read began
 */
export function collectBucket(
  raw: RawBucket,
  width: Width,
  readAt: Milliseconds,
  settleDelay: Milliseconds,
  groups: GroupTable,
  fields: FieldTable,
): Bucket | undefined {
  const end = bucketEnd(raw.start, width);
  const settles = settlesAt(end, settleDelay);
  const whole = raw.end === end;
  const open = readAt < inMilliseconds(end) && raw.end < end;
  if (!whole && !open) return undefined;

  if (raw.rows > groups.room) groups.admit(tuplesOf(raw));
  const slots = new Map<number, number>();
  const slotOf = (group: number): number => {
    const known = slots.get(group);
    if (known !== undefined) return known;
    slots.set(group, slots.size);
    return slots.size - 1;
  };

  const bases = new Uint32Array(raw.rows);
  let row = 0;
  let foldedRows = 0;
  for (const labels of tuplesOf(raw)) {
    const group = groups.intern(labels);
    if (group === groups.folded) foldedRows++;
    bases[row] = group;
    row++;
  }
  const rowSlots = bases.map(slotOf);

  /** Returns the slot of a field's value in each row; a field with a unit has groups of its own, where it has a value. */
  function slotsOf(name: string, has: (row: number) => boolean): Uint32Array {
    const units = raw.units.get(name);
    const label = fields.unitLabel(name);
    if (units === undefined || label === undefined) return rowSlots;
    const found = new Uint32Array(raw.rows);
    for (let row = 0; row < raw.rows; row++) {
      if (!has(row)) continue;
      const [base = 0, unit = null] = [bases[row], units[row]];
      const group = groups.withUnit(base, label, unit);
      if (base !== groups.folded && groups.unit(group) === foldedValue && unit !== foldedValue) foldedRows++;
      found[row] = slotOf(group);
    }
    return found;
  }

  let used = false;
  /** Columns of fields for which there is no room. */
  const lostFields: Float64Array[] = [];
  const numbers = new Map<number, Numbers>();
  const decimals = new Map<number, (string | null)[]>();
  for (const [name, column] of raw.numbers) {
    const field = fields.index(name);
    if (field === undefined) {
      lostFields.push(column);
      continue;
    }
    const into = slotsOf(name, (row) => !Number.isNaN(column[row]));
    const sums = new Float64Array(slots.size).fill(Number.NaN);
    for (let row = 0; row < raw.rows; row++) {
      const value = column[row] ?? Number.NaN;
      if (Number.isNaN(value)) continue;
      const slot = into[row] ?? 0;
      const sum = sums[slot] ?? Number.NaN;
      sums[slot] = Number.isNaN(sum) ? value : sum + value;
      if (value !== 0) used = true;
    }
    numbers.set(field, compact(sums));
  }
  for (const [name, column] of raw.decimals) {
    const field = fields.index(name);
    if (field === undefined) continue;
    const into = slotsOf(name, (row) => column[row] !== null);
    const sums = new Array<string | null>(slots.size).fill(null);
    for (let row = 0; row < raw.rows; row++) {
      const value = column[row] ?? null;
      if (value === null) continue;
      const slot = into[row] ?? 0;
      const sum = sums[slot] ?? null;
      sums[slot] = sum === null ? value : addDecimals(sum, value);
      if (isNonZeroDecimal(value)) used = true;
    }
    decimals.set(field, sums);
  }

  // What is refused is unknown, and so is a sum that it belongs to: its group is there, without counts.
  const refused = new Set<number>();
  for (const labels of raw.refused) {
    const group = groups.intern(labels);
    const slot = slotOf(group);
    refused.add(group);
    // But one row must not take away all others that are folded.
    if (group === groups.folded) continue;
    for (const sums of numbers.values()) if (slot < sums.length) sums[slot] = Number.NaN;
  }

  // A cost line that is none has no amount, and takes nothing from the others.
  const lacks = raw.malformedRows > 0 && raw.decimals.size === 0;
  return {
    width,
    start: raw.start,
    readAt,
    settled: whole && readAt >= settles,
    refusedSince: lacks ? Math.max(readAt, settles) : undefined,
    refused: lacks && raw.malformedRows > raw.refused.length ? undefined : refused.size === 0 ? noGroups : refused,
    groups: Uint32Array.from(slots.keys()),
    numbers,
    decimals: decimals.size === 0 ? noDecimals : decimals,
    used,
    foldedRows,
    malformedRows: raw.malformedRows,
    // A row that lacks more than one thing can be counted twice, but none is left out.
    damagedRows: raw.damagedRows + rowsWith(lostFields, raw.rows),
    passedOver: raw.passedOver === true,
  };
}

/** Returns how many rows have a value in any of the columns. */
function rowsWith(columns: readonly Float64Array[], rows: number): number {
  if (columns.length === 0) return 0;
  let count = 0;
  for (let row = 0; row < rows; row++) if (columns.some((column) => !Number.isNaN(column[row]))) count++;
  return count;
}

/** The same numbers in half the memory, if that holds each of them exactly. */
export function compact(numbers: Float64Array): Numbers {
  const half = Float32Array.from(numbers);
  return half.every((value, index) => Object.is(value, numbers[index])) ? half : numbers;
}

/** The label tuple of each row. One array serves for all of them: copy what is to be kept. */
function* tuplesOf(raw: RawBucket): Generator<readonly RawLabel[]> {
  const labels: RawLabel[] = raw.labels.map(() => null);
  for (let row = 0; row < raw.rows; row++) {
    for (let index = 0; index < labels.length; index++) labels[index] = raw.labels[index]?.[row] ?? null;
    yield labels;
  }
}

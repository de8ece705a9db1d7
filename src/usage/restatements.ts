/** Compares a newly settled bucket with what stood for its time before. Pure. */
import type { Bucket } from './bucket.ts';
import type { FieldTable } from './fields.ts';

/** Values restated, one for each group, field and bucket. */
export interface Restatements {
  readonly up: number;
  readonly down: number;
}

const none: Restatements = { up: 0, down: 0 };

/**
 * @param before the bucket itself as it was settled, or the narrower ones that it stands in for; undefined where
 *   its time was not known in full, so that nothing is restated
 * @param groups how many groups there are: their ids are below it
 */
export function restatements(
  before: readonly Bucket[] | undefined,
  after: Bucket,
  fields: FieldTable,
  groups: number,
): Restatements {
  if (before === undefined) return none;
  const sameWidth = before.length === 1 && before[0]?.width === after.width;
  let up = 0;
  let down = 0;
  const difference = new Float64Array(groups);
  fields.all.forEach((field, index) => {
    // Levels and unknown fields do not add up over time, so narrower buckets say nothing about wider ones.
    if (field.kind !== 'flow' && !sameWidth) return;
    difference.fill(0);
    addTo(difference, after, index, 1);
    for (const bucket of before) addTo(difference, bucket, index, -1);
    for (const value of difference) {
      if (value > 0) up++;
      else if (value < 0) down++;
    }
  });
  return { up, down };
}

function addTo(sums: Float64Array, bucket: Bucket, field: number, sign: 1 | -1): void {
  const add = (slot: number, value: number) => {
    const group = bucket.groups[slot] ?? 0;
    sums[group] = (sums[group] ?? 0) + sign * value;
  };
  const numbers = bucket.numbers.get(field);
  for (let slot = 0; slot < (numbers?.length ?? 0); slot++) {
    const value = numbers?.[slot] ?? Number.NaN;
    if (!Number.isNaN(value)) add(slot, value);
  }
  // Only the direction counts here, and a restatement smaller than a float's resolution is none.
  bucket.decimals.get(field)?.forEach((text, slot) => {
    if (text !== null) add(slot, Number(text));
  });
}

/** What a newly settled bucket says otherwise than what stood for its time before. Pure. */
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
 */
export function restatements(before: readonly Bucket[] | undefined, after: Bucket, fields: FieldTable): Restatements {
  if (before === undefined) return none;
  const sameWidth = before.length === 1 && before[0]?.width === after.width;
  let up = 0;
  let down = 0;
  const count = (difference: number) => {
    if (difference > 0) up++;
    else if (difference < 0) down++;
  };
  fields.all.forEach((field, index) => {
    // Levels and unknown fields do not add up over time, so narrower buckets say nothing about wider ones.
    if (field.kind !== 'flow' && !sameWidth) return;
    const sums = new Map<number, number>();
    for (const bucket of before) addTo(sums, bucket, index, 1);
    addTo(sums, after, index, -1);
    for (const difference of sums.values()) count(-difference);
  });
  return { up, down };
}

function addTo(sums: Map<number, number>, bucket: Bucket, field: number, sign: 1 | -1): void {
  const add = (slot: number, value: number) => {
    const group = bucket.groups[slot];
    if (group !== undefined) sums.set(group, (sums.get(group) ?? 0) + sign * value);
  };
  bucket.numbers.get(field)?.forEach((value, slot) => {
    if (!Number.isNaN(value)) add(slot, value);
  });
  // Only the direction counts here, and a restatement smaller than a float's resolution is none.
  bucket.decimals.get(field)?.forEach((text, slot) => {
    if (text !== null) add(slot, Number(text));
  });
}

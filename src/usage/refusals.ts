/**
 * Fills what refused rows leave unknown in a bucket, from what was known of its time before. So nothing that is known
 * of a group is lost because of a later or a wider answer. Pure.
 */
import { type Bucket, compact, type Numbers } from './bucket.ts';
import type { FieldTable } from './fields.ts';

/**
 * The bucket, in which a group with refused rows has the numbers that it had before, as far as no row of it was refused
 * there.
 * @param before the bucket itself as it was settled, or all of the narrower ones that it stands in for
 */
export function completed(bucket: Bucket, before: readonly Bucket[] | undefined, fields: FieldTable): Bucket {
  const { refused } = bucket;
  if (refused === undefined || refused.size === 0 || before === undefined) return bucket;
  const unknown = new Set([...refused].filter((group) => !before.every((part) => part.refused?.has(group) === false)));
  if (unknown.size === refused.size) return bucket;

  const slots = new Map<number, number>();
  for (const [slot, group] of bucket.groups.entries()) {
    if (refused.has(group) && !unknown.has(group)) slots.set(group, slot);
  }
  // Levels and unknown fields do not add up over time, so narrower buckets say nothing about wider ones.
  const sameWidth = before.length === 1 && before[0]?.width === bucket.width;
  const numbers = new Map(bucket.numbers);
  let { used } = bucket;
  for (const [index, { kind }] of fields.all.entries()) {
    if (kind !== 'flow' && !sameWidth) continue;
    const column = new Float64Array(bucket.groups.length).fill(Number.NaN);
    column.set(bucket.numbers.get(index) ?? []);
    for (const slot of slots.values()) column[slot] = Number.NaN;
    for (const part of before) addTo(column, slots, part.groups, part.numbers.get(index));
    if (column.every(Number.isNaN)) continue;
    for (const slot of slots.values()) used ||= (column[slot] ?? 0) > 0;
    numbers.set(index, compact(column));
  }
  return {
    ...bucket,
    numbers,
    used,
    refused: unknown,
    refusedSince: unknown.size > 0 ? bucket.refusedSince : undefined,
  };
}

/** Adds a part's numbers, of those groups that have a slot. */
function addTo(column: Float64Array, slots: ReadonlyMap<number, number>, groups: Uint32Array, numbers?: Numbers): void {
  for (let each = 0; each < (numbers?.length ?? 0); each++) {
    const value = numbers?.[each] ?? Number.NaN;
    const slot = slots.get(groups[each] ?? 0);
    if (slot === undefined || Number.isNaN(value)) continue;
    const sum = column[slot] ?? Number.NaN;
    column[slot] = Number.isNaN(sum) ? value : sum + value;
  }
}

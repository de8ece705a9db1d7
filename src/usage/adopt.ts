/**
 * Buckets of one ledger in terms of another: what polls have read for the ledger on show is not asked for once more when
 * the ledger that is to take its place needs it, too.
 */
import type { Bucket } from './bucket.ts';
import type { Ledger } from './ledger.ts';

/** The tables of a ledger. */
type Tables = Pick<Ledger, 'groups' | 'fields'>;

/**
 * Reports whether every bucket of `from` means the same in `into`: they group alike, nothing was folded, and there is
 * room for all of it.
 */
export function canAdopt(from: Tables, into: Tables): boolean {
  const { dimensions, folded, size } = from.groups;
  const alike =
    dimensions.length === into.groups.dimensions.length &&
    dimensions.every((name, index) => name === into.groups.dimensions[index]);
  return (
    alike &&
    folded === undefined &&
    into.groups.folded === undefined &&
    size <= into.groups.room &&
    from.fields.all.every(({ name, unitLabel }) => unitLabel === undefined && into.fields.index(name) !== undefined)
  );
}

/** Returns the buckets as `into` would have read them; only where `canAdopt`. */
export function adopted(buckets: readonly Bucket[], from: Tables, into: Tables): readonly Bucket[] {
  const groups = new Map<number, number>();
  const groupOf = (group: number): number => {
    const known = groups.get(group);
    if (known !== undefined) return known;
    const own = into.groups.intern(from.groups.values(group));
    groups.set(group, own);
    return own;
  };
  const fields = from.fields.all.map(({ name }) => into.fields.index(name) ?? 0);
  const byField = <Column>(columns: ReadonlyMap<number, Column>) =>
    new Map([...columns].map(([field, column]) => [fields[field] ?? 0, column]));
  return buckets.map((bucket) => ({
    ...bucket,
    groups: bucket.groups.map(groupOf),
    refused: bucket.refused && new Set([...bucket.refused].map(groupOf)),
    numbers: byField(bucket.numbers),
    decimals: bucket.decimals.size === 0 ? bucket.decimals : byField(bucket.decimals),
  }));
}

/**
 * Buckets of one ledger in terms of another: what polls have read for the ledger on show is not asked for once more when
 * the ledger that is to take its place needs it, too.
 */
import type { Bucket, Numbers } from './bucket.ts';
import { sameDimensions } from './groups.ts';
import type { Ledger } from './ledger.ts';

/** The tables of a ledger. */
type Tables = Pick<Ledger, 'groups' | 'fields'>;

/**
 * Reports whether groups of `from` mean the same in `into`: they are told apart alike and by no unit, none was folded, and
 * there is room for all of them.
 */
export function canAdopt(from: Tables, into: Tables): boolean {
  const { dimensions, folded, size } = from.groups;
  return (
    sameDimensions(dimensions, into.groups.dimensions) &&
    folded === undefined &&
    into.groups.folded === undefined &&
    size <= into.groups.room &&
    from.fields.all.every(({ unitLabel }) => unitLabel === undefined)
  );
}

/**
 * Returns the buckets as `into` would have read them; only where `canAdopt`. Left out are those with a field for which
 * there is no room, and those with refused rows: of these `into` may know more, which a read of its own keeps.
 */
export function adopted(buckets: readonly Bucket[], from: Tables, into: Tables): readonly Bucket[] {
  const groups = new Map<number, number>();
  const groupOf = (group: number): number => {
    const known = groups.get(group);
    if (known !== undefined) return known;
    const own = into.groups.intern(from.groups.values(group));
    groups.set(group, own);
    return own;
  };
  const fieldOf = (field: number) => into.fields.index(from.fields.all[field]?.name ?? '');
  return buckets.flatMap((bucket) => {
    if (bucket.refusedSince !== undefined) return [];
    const numbers = new Map<number, Numbers>();
    for (const [field, column] of bucket.numbers) {
      const own = fieldOf(field);
      if (own === undefined) return [];
      numbers.set(own, column);
    }
    return [{ ...bucket, groups: bucket.groups.map(groupOf), numbers }];
  });
}

/**
 * The amount by which the costs by user differ from the costs by project: it should be nothing. Days are compared that have
 * settled in both reads, because a day that still changes is not the same in two answers.
 */
import type { Big } from 'big.js';
import type { Milliseconds } from '../units.ts';
import type { Bucket } from './bucket.ts';
import { Decimal } from './decimal.ts';
import type { Ledger } from './ledger.ts';
import { monthsAt } from './months.ts';

type ByCurrency = ReadonlyMap<string, Big>;

/** Sums of whole days; each is made once. */
export class CostDifference {
  readonly #field: number;
  readonly #known = new WeakMap<Bucket, ByCurrency>();

  /** @param field index of the field of money */
  constructor(field: number) {
    this.#field = field;
  }

  /**
   * Sum by user less sum by project of the settled days of the running month and the one before, by currency; empty
   * while there is no such day.
   */
  of(byProject: Ledger, byUser: Ledger, now: Milliseconds): ByCurrency {
    const { previous, next } = monthsAt(now);
    const differences = new Map<string, Big>();
    const add = (totals: ByCurrency, sign: 1 | -1) => {
      for (const [currency, total] of totals) {
        const before = differences.get(currency) ?? new Decimal('0');
        differences.set(currency, sign === 1 ? before.plus(total) : before.minus(total));
      }
    };
    for (const bucket of byUser.buckets.between('1d', previous, next)) {
      const other = byProject.buckets.get('1d', bucket.start);
      if (!bucket.settled || other?.settled !== true) continue;
      add(this.#totals(byUser, bucket), 1);
      add(this.#totals(byProject, other), -1);
    }
    return differences;
  }

  #totals({ groups }: Ledger, bucket: Bucket): ByCurrency {
    const known = this.#known.get(bucket);
    if (known !== undefined) return known;
    const totals = new Map<string, Big>();
    const amounts = bucket.decimals.get(this.#field) ?? [];
    for (const [slot, text] of amounts.entries()) {
      const group = bucket.groups[slot];
      if (text === null || group === undefined) continue;
      const currency = groups.unit(group) ?? '';
      totals.set(currency, (totals.get(currency) ?? new Decimal('0')).plus(new Decimal(text)));
    }
    this.#known.set(bucket, totals);
    return totals;
  }
}

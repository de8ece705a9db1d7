/**
 * The amount by which the costs by user differ from the costs by project: it should be nothing. Days are compared that have
 * settled in both reads, because a day that still changes is not the same in two answers.
 */
import type { Big } from 'big.js';
import type { Milliseconds } from '../units.ts';
import type { Bucket } from './bucket.ts';
import { addTo, Decimal } from './decimal.ts';
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
    for (const bucket of byUser.buckets.between('1d', previous, next)) {
      const other = byProject.buckets.get('1d', bucket.start);
      if (!bucket.settled || other?.settled !== true) continue;
      for (const [currency, total] of this.#totals(byUser, bucket)) addTo(differences, currency, total);
      for (const [currency, total] of this.#totals(byProject, other)) addTo(differences, currency, total.neg());
    }
    return differences;
  }

  #totals({ groups }: Ledger, bucket: Bucket): ByCurrency {
    const known = this.#known.get(bucket);
    if (known !== undefined) return known;
    const totals = new Map<string, Big>();
    for (const [slot, text] of (bucket.decimals.get(this.#field) ?? []).entries()) {
      const group = bucket.groups[slot];
      if (text !== null && group !== undefined) addTo(totals, groups.unit(group) ?? '', new Decimal(text));
    }
    this.#known.set(bucket, totals);
    return totals;
  }
}

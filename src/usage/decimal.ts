/** Exact decimals: amounts of money are added digit by digit. */
import { Big } from 'big.js';

/** Big as it is, but that it refuses JavaScript numbers: an amount that has been one has lost digits. */
export const Decimal = Big();
Decimal.strict = true;

export const zero = new Decimal('0');

/** Adds an amount to the sum of its key. */
export function addTo(sums: Map<string, Big>, key: string, amount: Big): void {
  sums.set(key, (sums.get(key) ?? zero).plus(amount));
}

/** Returns the nearest JavaScript number, to show and to compare, never to add up. */
export function nearestNumber(amount: Big): number {
  return Number(amount.toFixed());
}

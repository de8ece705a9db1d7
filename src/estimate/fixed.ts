/**
 * Decimals with a fixed number of places, as integers: exact to add and to multiply, and many times as fast as decimals of any
 * length. Estimates are made of tens of thousands of them each minute.
 */
import { Decimal } from '../usage/decimal.ts';

/** Decimal places: a price of a millionth of a cent has twenty digits. */
const places = 30;
const one = 10n ** BigInt(places);

/** Parts of a unit that a fraction of it is rounded to. */
const finest = 1_000_000;

/** An amount of money, or a price: in 10^-30 of a unit of the currency. */
export type Fixed = bigint;

/** Returns what decimal text says; digits beyond the places are cut. */
export function fixedOf(text: string): Fixed {
  // Text with an exponent is rare.
  if (/[eE]/.test(text)) return fixedOf(new Decimal(text).toFixed());
  const point = text.indexOf('.');
  if (point < 0) return BigInt(text) * one;
  const digits = Math.min(text.length - point - 1, places);
  // The sign goes with the digits, also where the whole part is 0.
  return BigInt(text.slice(0, point) + text.slice(point + 1, point + 1 + digits)) * (powers[places - digits] ?? 1n);
}

const powers = Array.from({ length: places + 1 }, (_, exponent) => 10n ** BigInt(exponent));

/** Returns the nearest JavaScript number, to show and to compare. */
export function numberOfFixed(value: Fixed): number {
  return Number(fixedText(value));
}

/** Returns decimal text. */
export function fixedText(value: Fixed): string {
  const digits = (value < 0n ? -value : value).toString().padStart(places + 1, '0');
  return `${value < 0n ? '-' : ''}${digits.slice(0, -places)}.${digits.slice(-places)}`;
}

/** Returns what so many cost at a price. */
export function times(price: Fixed, units: number): Fixed {
  if (Number.isSafeInteger(units)) return price * BigInt(units);
  return (price * BigInt(Math.round(units * finest))) / BigInt(finest);
}

/** Returns the price of one, where so many cost this. */
export function priceOfOne(amount: Fixed, units: number): Fixed {
  return (amount * BigInt(finest)) / BigInt(Math.round(units * finest));
}

/** Returns the share of one amount in another. */
export function ratioOf(part: Fixed, whole: Fixed): number {
  return numberOfFixed((part * one) / whole);
}

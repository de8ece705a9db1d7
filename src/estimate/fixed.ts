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

/** Digits that a JavaScript number holds in any case, and that columns of this many can be added up for a long time. */
const columnDigits = 10;
const columnsInPlaces = places / columnDigits;
/** Amounts that are added up before a column could exceed the integers that a JavaScript number holds. */
const mostInColumns = 500_000;

/** The sum of decimal text, as exact as that of `fixedOf`: digits are added up by columns, without an integer for each text. */
export class FixedSum {
  #sum: Fixed = 0n;
  /** The whole parts, then ten places after the other. */
  readonly #columns = new Float64Array(1 + columnsInPlaces);
  readonly #read = new Float64Array(1 + columnsInPlaces);
  #inColumns = 0;

  add(text: string): void {
    if (!this.#reads(text)) {
      this.#sum += fixedOf(text);
      return;
    }
    const sign = text.startsWith('-') ? -1 : 1;
    for (let column = 0; column < this.#columns.length; column++) {
      this.#columns[column] = (this.#columns[column] ?? 0) + sign * (this.#read[column] ?? 0);
    }
    this.#inColumns++;
    if (this.#inColumns === mostInColumns) this.#carry();
  }

  get value(): Fixed {
    this.#carry();
    return this.#sum;
  }

  /** Reads the columns of a text; returns false for one that has other signs than digits, or more of them than there are places. */
  #reads(text: string): boolean {
    const from = text.startsWith('-') ? 1 : 0;
    const point = text.indexOf('.');
    const end = point < 0 ? text.length : point;
    if (end - from > columnDigits || text.length - end - 1 > places) return false;
    let sum = integerIn(text, from, end, end);
    this.#read[0] = sum;
    for (let column = 1; column <= columnsInPlaces; column++) {
      const to = end + 1 + column * columnDigits;
      const digits = integerIn(text, to - columnDigits, Math.min(to, text.length), to);
      this.#read[column] = digits;
      sum += digits;
    }
    return !Number.isNaN(sum);
  }

  #carry(): void {
    for (const [column, digits] of this.#columns.entries()) {
      this.#sum += BigInt(digits) * (powers[places - column * columnDigits] ?? 1n);
    }
    this.#columns.fill(0);
    this.#inColumns = 0;
  }
}

/** Returns the integer that text between two places says, as if noughts followed up to a third; NaN for other than digits. */
function integerIn(text: string, from: number, to: number, filledTo: number): number {
  let value = 0;
  for (let at = from; at < to; at++) {
    const digit = text.charCodeAt(at) - 48;
    if (!(digit >= 0 && digit <= 9)) return Number.NaN;
    value = value * 10 + digit;
  }
  return value === 0 ? 0 : value * 10 ** (filledTo - Math.max(from, to));
}

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

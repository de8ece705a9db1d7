/** Amounts as the API writes them, made fit for an exact sum. */

const mostDigits = 64;
const largestExponent = 64;

/**
 * The amount as decimal text that an exact sum can take; `"0"` for every way to write zero, of which the API has
 * some (`"0E-6176"`). Undefined if it is no decimal, or longer or larger than any amount of money.
 */
export function decimalText(value: unknown): string | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? decimalText(String(value)) : undefined;
  if (typeof value !== 'string' || value.length > 256) return undefined;
  const parts = /^[+-]?(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/.exec(value);
  if (parts === null) return undefined;
  const { 1: whole = '', 2: fraction = '', 3: exponent = '0' } = parts;
  const digits = whole + fraction;
  if (digits === '') return undefined;
  if (/^0*$/.test(digits)) return '0';
  if (digits.length > mostDigits || Math.abs(Number(exponent)) > largestExponent) return undefined;
  // Some readers of decimals want a digit on both sides of the point.
  const tail = fraction === '' ? '' : `.${fraction}`;
  return `${value.startsWith('-') ? '-' : ''}${whole === '' ? '0' : whole}${tail}${parts[3] === undefined ? '' : `e${exponent}`}`;
}

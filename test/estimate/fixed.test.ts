/** Decimals with fixed places say the same as decimals of any length. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FixedSum, fixedOf, fixedText, numberOfFixed, priceOfOne, ratioOf, times } from '../../src/estimate/fixed.ts';
import { Decimal } from '../../src/usage/decimal.ts';

const amount = fc
  .tuple(fc.boolean(), fc.bigInt({ min: 0n, max: 10n ** 12n }), fc.stringMatching(/^\d{0,30}$/))
  .map(([negative, whole, fraction]) => `${negative ? '-' : ''}${whole}${fraction === '' ? '' : `.${fraction}`}`);

test('text is taken digit by digit, and given back', () => {
  fc.assert(
    fc.property(amount, amount, (a, b) => {
      const exact = new Decimal(a).plus(new Decimal(b));
      expect(new Decimal(fixedText(fixedOf(a) + fixedOf(b))).eq(exact)).toBe(true);
      expect(numberOfFixed(fixedOf(a))).toBe(Number(a) + 0);
    }),
  );
});

test('a sum is that of its texts, whatever their length, sign and form', () => {
  const odd = fc.constantFrom(
    '0',
    '-0',
    '-0.5',
    '0E-6176',
    '1.25e-6',
    '1.234567890123456789012345678901234e-7',
    '-3E2',
    '9'.repeat(40),
    `0.${'9'.repeat(40)}`,
    '7.',
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(amount, odd)), (texts) => {
      const sum = new FixedSum();
      for (const text of texts) sum.add(text);
      expect(sum.value).toBe(texts.reduce((before, text) => before + fixedOf(text), 0n));
      expect(sum.value).toBe(sum.value);
    }),
  );
  const many = new FixedSum();
  for (let at = 0; at < 1_000_001; at++) many.add('-9999999999.999999999999999999999999999999');
  expect(many.value).toBe(fixedOf('-9999999999.999999999999999999999999999999') * 1_000_001n);
});

test('every way in which amounts are written', () => {
  expect(fixedOf('0E-6176')).toBe(0n);
  expect(fixedOf('-0.5')).toBe(-fixedOf('0.5'));
  expect(numberOfFixed(fixedOf('1.25e-6'))).toBe(0.000_001_25);
  expect(numberOfFixed(fixedOf(`0.${'1'.repeat(40)}`))).toBeCloseTo(1 / 9, 15);
});

test('a price times how many cost it is the amount, fractions too', () => {
  for (const [text, units] of [
    ['3.6', 1_440_000],
    ['0.01', 0.5],
    ['7', 3],
  ] as const) {
    expect(numberOfFixed(times(priceOfOne(fixedOf(text), units), units))).toBeCloseTo(Number(text), 12);
  }
  expect(ratioOf(fixedOf('1'), fixedOf('4'))).toBe(0.25);
});

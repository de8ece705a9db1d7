import Big from 'big.js';
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { decimalText } from '../../src/openai/decimal-text.ts';

describe('decimalText', () => {
  test.each([
    ['0E-6176', '0'],
    ['-0.000', '0'],
    ['0', '0'],
    ['12', '12'],
    ['-1.5', '-1.5'],
    ['.5', '0.5'],
    ['+3', '3'],
    ['.002', '0.002'],
    ['40.00', '40.00'],
    ['1E+2', '1e+2'],
    ['5.', '5'],
    ['1E+3', '1e+3'],
    ['1e64', '1e64'],
    ['9'.repeat(64), '9'.repeat(64)],
    [0.1, '0.1'],
    [1e21, '1e+21'],
    ['9'.repeat(65), undefined],
    ['1e65', undefined],
    ['1e-65', undefined],
    ['1e999999999999999999999', undefined],
    ['', undefined],
    ['.', undefined],
    ['-', undefined],
    ['e5', undefined],
    [' 1', undefined],
    ['1 ', undefined],
    ['+-1', undefined],
    ['1,234.50', undefined],
    ['$3', undefined],
    ['1,5', undefined],
    ['0x10', undefined],
    ['Infinity', undefined],
    ['NaN', undefined],
    ['0'.repeat(300), undefined],
    [Number.NaN, undefined],
    [Number.POSITIVE_INFINITY, undefined],
    [true, undefined],
    [{}, undefined],
  ])('%j is %j', (value, text) => {
    expect(decimalText(value)).toBe(text);
  });

  it('is always what an exact sum can take, and has the same value', () => {
    const decimal = fc.oneof(
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.stringMatching(/^[+-]?\d{0,40}(\.\d{0,40})?([eE][+-]?\d{1,4})?$/),
      fc.string(),
    );
    fc.assert(
      fc.property(decimal, (value) => {
        const text = decimalText(value);
        if (text !== undefined) expect(Number(new Big(text).toString()) + 0).toBe(Number(value) + 0);
      }),
    );
  });
});

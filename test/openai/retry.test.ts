import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { backoff, isRetryable, parseRetryAfter } from '../../src/openai/retry.ts';

const now = Date.UTC(1994, 10, 6, 8, 49, 7);

describe('parseRetryAfter', () => {
  test.each([
    ['20', 20_000],
    ['0', 0],
    ['1.5', 1_500],
    ['0.0001', 1],
    [' 7 ', 7_000],
    ['Sun, 06 Nov 1994 08:49:37 GMT', 30_000],
    ['Sunday, 06-Nov-94 08:49:37 GMT', 30_000],
    ['Sun Nov  6 08:49:37 1994', 30_000],
    ['Sun, 06 Nov 1994 08:49:00 GMT', 0],
    ['999999999', 86_400_000],
    ['1'.repeat(400), 86_400_000],
    ['Fri, 31 Dec 2100 23:59:59 GMT', 86_400_000],
    ['-5', undefined],
    ['', undefined],
    ['soon', undefined],
    ['1e3', undefined],
    ['2026-01-01', undefined],
    ['Sun, 99 Nov 1994 08:49:37 GMT', undefined],
    [undefined, undefined],
  ])('%j is %j ms', (header, expected) => {
    expect(parseRetryAfter(header, now)).toBe(expected);
  });

  it('keeps a date exactly, to the millisecond of the clock', () => {
    expect(parseRetryAfter('Sun, 06 Nov 1994 08:49:37 GMT', now + 1)).toBe(29_999);
  });
});

describe('backoff', () => {
  it('is anything up to a bound that doubles until 30 s', () => {
    const bounds = [0, 1, 2, 3, 6, 7, 1_000].map((attempt) => backoff(attempt, () => 1));
    expect(bounds).toEqual([500, 1_000, 2_000, 4_000, 30_000, 30_000, 30_000]);
    expect(backoff(5, () => 0)).toBe(0);
    fc.assert(
      fc.property(fc.nat(), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (attempt, random) => {
        const wait = backoff(attempt, () => random);
        return wait >= 0 && wait < 30_000;
      }),
    );
  });
});

it('retries exactly what is worth it', () => {
  const statuses = [400, 401, 403, 404, 408, 409, 410, 418, 422, 429, 451, 500, 501, 502, 503, 504, 529, 599, 302];
  expect(statuses.filter(isRetryable)).toEqual([408, 409, 429, 500, 501, 502, 503, 504, 529, 599]);
});

/** The token bucket, second by second, and against one that counts tokens. */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { createClientRateCounter, createRateCounter } from '../../src/web/rate-limit.ts';

test('a limit lets a burst through, and then one request for each interval', () => {
  const count = createRateCounter();
  const limit = { interval: 1_000, burst: 3 };
  const answers = [0, 0, 0, 0, 400, 1_000, 1_000, 1_999, 2_000].map((now) => count(limit, now));
  expect(answers).toEqual([0, 0, 0, 1_000, 600, 0, 1_000, 1, 0]);
  // Full again, and no fuller.
  expect([0, 0, 0, 0].map(() => count(limit, 60_000))).toEqual([0, 0, 0, 1_000]);
});

test('a smaller limit holds from the next request on, and an old debt is no longer than a new one', () => {
  const count = createRateCounter();
  for (let index = 0; index < 10; index++) expect(count({ interval: 60_000, burst: 10 }, 0)).toBe(0);
  expect(count({ interval: 1_000, burst: 2 }, 0)).toBe(1_000);
  expect(count({ interval: 60_000, burst: 10 }, 0)).toBe(60_000);
});

test('no more requests pass than the burst and what time allows', () => {
  const gaps = fc.array(fc.integer({ min: 0, max: 3_000 }), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1_000 }), fc.integer({ min: 1, max: 8 }), gaps, (interval, burst, waits) => {
      const count = createRateCounter();
      let now = 0;
      let tokens = burst;
      for (const wait of waits) {
        now += wait;
        tokens = Math.min(burst, tokens + wait / interval);
        const isLetIn = count({ interval, burst }, now) === 0;
        // Where the token is there to the last digit, rounding may decide either way.
        if (Math.abs(tokens - 1) > 1e-6) expect(isLetIn).toBe(tokens > 1);
        if (isLetIn) tokens -= 1;
      }
    }),
  );
});

test('nobody uses up what another client has', () => {
  const count = createClientRateCounter();
  const limit = { interval: 1_000, burst: 2 };
  expect([0, 0, 0].map((now) => count('stranger', limit, now))).toEqual([0, 0, 1_000]);
  expect([0, 0, 0].map((now) => count('scraper', limit, now))).toEqual([0, 0, 1_000]);
});

/** Estimates against a known truth; the end-to-end tests take four times as many days. */
import { test } from 'vitest';
import { expectNearTruth } from '../helpers/estimate-truth.ts';

test('estimates are near to what was really spent, by project, at every hour of 10 days', () => {
  expectNearTruth(10);
}, 120_000);

/**
 * Holds estimates against a known truth: hour by hour, what the settled part of a day is estimated to cost, and what it really
 * costs, by project.
 */
import { expect } from 'vitest';
import { numberOfFixed } from '../../src/estimate/fixed.ts';
import { discountOn, newestModelSince } from '../../src/simulation/demo-company.ts';
import { demoProfile } from '../../src/simulation/demo-profile.ts';
import { createOrganization } from '../../src/simulation/organization.ts';
import { pricedOrganization } from './priced-organization.ts';

const hour = 3_600;
const day = 24 * hour;
/** A price changes on the 1st and on the 16th of a month, and the newest model has its first day on the 27th of October. */
const lastDay = Date.UTC(2026, 10, 3) / 1_000;
/** Days that are known before the first, so that prices have seven. */
const before = 10;

/** Reports whether this is the first day of a new price. */
function isNewPrice(start: number): boolean {
  const price = (at: number) => discountOn('gpt-4o-mini-2024-07-18', at / day);
  return price(start) !== price(start - day);
}

/** Expects estimates within 3 % of the truth at every hour of so many days, and within 5 % on the first day of a price. */
export function expectNearTruth(days: number): void {
  const firstDay = lastDay - (days - 1) * day;
  const profile = demoProfile();
  const organization = createOrganization({
    seed: 1,
    createdAt: firstDay - before * day,
    profile: {
      ...profile,
      // Usage that lacks fields, and days that are restated after they were final, are no truth to compare with.
      behaviour: { ...profile.behaviour, missingFields: 0, costsRestated: 0 },
    },
  });
  const { estimator, readUsage, readCosts } = pricedOrganization(organization, firstDay - before * day);
  for (let start = firstDay - before * day; start < firstDay; start += day) readUsage('1d', start);
  for (let start = firstDay - before * day; start < firstDay - 2 * day; start += day) readCosts(start);
  const unpriced = new Set<number>();
  for (let start = firstDay; start <= lastDay; start += day) {
    readCosts(start - 2 * day);
    for (let end = start + hour; end <= start + day; end += hour) {
      readUsage('1h', end - hour);
      // The last hour of a day settles on the next.
      if (end === start + day) break;
      // Costs of the day before have come as far as they have.
      readCosts(start - day, (end + 900) * 1_000);
      const estimate = estimator.at((end + 900) * 1_000);
      // Where nothing has come, nothing is made anew.
      expect(estimator.at((end + 901) * 1_000)?.spend).toBe(estimate?.spend);
      const missing = new Set(estimate?.unpriced.map(({ spender }) => spender.model));
      if (missing.size > 0) unpriced.add(start);
      expect([...missing].filter((model) => model !== 'gpt-6-astra')).toEqual([]);
      const estimated = new Map<string, number>();
      for (const { spender, today } of estimate?.spend ?? []) {
        estimated.set(spender.project, (estimated.get(spender.project) ?? 0) + numberOfFixed(today));
      }
      const truth = new Map<string, number>();
      for (const { projectId, model, amount } of organization.truth.spent({ from: start, to: end })) {
        if (model !== null && missing.has(model)) continue;
        truth.set(`${projectId}`, (truth.get(`${projectId}`) ?? 0) + Number(amount) / 1e28);
      }
      for (const [project, amount] of truth) {
        const off =
          amount === 0 ? Math.abs(estimated.get(project) ?? 0) : Math.abs((estimated.get(project) ?? 0) / amount - 1);
        expect(off, `${project} at ${new Date(end * 1_000).toISOString()}`).toBeLessThan(
          isNewPrice(start) ? 0.05 : 0.03,
        );
      }
    }
    readUsage('1d', start);
  }
  // A price of the newest model is known once its first day has ended.
  expect([...unpriced]).toEqual([newestModelSince]);
}

/** The costs of the demonstration's company are what its usage costs, late; and what they really are is known of any span. */
import { describe, expect, test } from 'vitest';
import { newestModelSince } from '../../src/simulation/demo-company.ts';
import { demoProfile } from '../../src/simulation/demo-profile.ts';
import { createOrganization } from '../../src/simulation/organization.ts';
import { day } from './ask.ts';

const oct = (date: number) => Date.UTC(2026, 9, date) / 1_000;
const profile = demoProfile();
const organization = createOrganization({
  seed: 1,
  createdAt: oct(1),
  profile: { ...profile, behaviour: { ...profile.behaviour, costsRestated: 0 } },
});
const { truth } = organization;
const sum = (amounts: readonly { readonly amount: bigint | null }[]) =>
  amounts.reduce((all, { amount }) => all + (amount ?? 0n), 0n);
const credits = profile.costs.filter(({ style }) => style === 'adjustment').map(({ lineItem }) => lineItem);

function billed(from: number, to: number, at = Number.POSITIVE_INFINITY): bigint {
  const rows = truth.costs({ from, to }, { at, groupBy: ['line_item'] });
  return sum(rows.filter(({ labels }) => !credits.includes(String(labels[0]))));
}

describe('what usage costs', () => {
  test('a final day of costs is what its usage costs, by project too; before, it is not far off', () => {
    const span = { from: oct(8), to: oct(9) };
    expect(billed(span.from, span.to)).toBe(sum(truth.spent(span)));
    for (const { projectId } of truth.spent(span)) {
      const ofProject = truth.costs(span, { only: new Map([['project_id', [projectId]]]) });
      expect(sum(ofProject)).toBe(sum(truth.spent(span).filter((one) => one.projectId === projectId)));
    }
    const early = Number(billed(span.from, span.to, (span.to + 6 * 3_600) * 1_000));
    const final = Number(billed(span.from, span.to));
    expect(early).not.toBe(final);
    expect(Math.abs(early / final - 1)).toBeLessThan(0.02);
  });

  test('any part of a day adds up to it', () => {
    const cuts = [oct(8), oct(8) + 60, oct(8) + 5 * 3_600 + 17 * 60, oct(8) + 14 * 3_600, oct(9)];
    const parts = cuts.slice(1).map((to, index) => sum(truth.spent({ from: cuts[index] ?? 0, to })));
    expect(parts.every((part) => part > 0n)).toBe(true);
    expect(parts.reduce((all, part) => all + part, 0n)).toBe(sum(truth.spent({ from: oct(8), to: oct(9) })));
  });

  test('a price changes in the middle of the month, and a new model has nothing before its first day', () => {
    const price = (date: number) => {
      const span = { from: oct(date), to: oct(date) + day };
      const selection = { only: new Map([['line_item', ['gpt-4o-mini-2024-07-18, batch input']]]) };
      const line = truth.costs(span, { ...selection, groupBy: ['line_item'] })[0];
      return Number(line?.amount) / (line?.quantity ?? 0);
    };
    expect(price(14)).toBeCloseTo(price(15), 6);
    expect(price(16) / price(15)).toBeCloseTo(0.96, 6);
    const newest = (from: number) =>
      sum(truth.spent({ from, to: from + day }).filter(({ model }) => model === 'gpt-6-astra'));
    expect(newest(newestModelSince - day)).toBe(0n);
    expect(newest(newestModelSince)).toBeGreaterThan(0n);
  });
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { endpointOf, endpoints } from '../../src/openai/catalogue.ts';
import { createOrganization, type Organization, type TruthOptions } from '../../src/simulation/organization.ts';
import type { ProfileOptions } from '../../src/simulation/profile.ts';

const day = 86_400;
const createdAt = Date.UTC(2026, 5, 20) / 1_000;
/** A Monday. */
const monday = Date.UTC(2026, 5, 22) / 1_000;
const usageApis = endpoints.filter((endpoint) => endpoint.api !== 'costs').map((endpoint) => endpoint.api);
const flowApis = usageApis.filter((api) => api !== 'vector_stores');

/** Everything goes wrong often. */
const rough: ProfileOptions = {
  groups: 5,
  activity: 0.3,
  restatedUp: 0.15,
  restatedDown: 0.15,
  restatedMove: 0.1,
  missingFields: 0.2,
  restatedAfter: [600, 2 * day],
};

const organizations = new Map<string, Organization>();

function rougher(seed: number, more: ProfileOptions = {}): Organization {
  const key = JSON.stringify([seed, more]);
  const organization =
    organizations.get(key) ?? createOrganization({ seed, createdAt, profile: { ...rough, ...more } });
  organizations.set(key, organization);
  return organization;
}

/** Rows as comparable data: labels to fields, sums of the given spans. */
function totals(
  organization: Organization,
  api: string,
  spans: readonly (readonly [number, number])[],
  options: TruthOptions,
) {
  const sums = new Map<string, number>();
  for (const [from, to] of spans) {
    for (const row of organization.truth.usage(api, { from, to }, options)) {
      for (const [field, value] of row.fields) {
        const key = JSON.stringify([row.labels, field]);
        sums.set(key, (sums.get(key) ?? 0) + value);
      }
    }
  }
  return [...sums].filter(([, value]) => value !== 0).sort(([a], [b]) => (a < b ? -1 : 1));
}

function cut(from: number, to: number, width: number): [number, number][] {
  return Array.from({ length: (to - from) / width }, (_, i) => [from + i * width, from + (i + 1) * width]);
}

const seeds = fc.integer({ min: 0, max: 5 });
/** The instants from the middle of the day on to four days later: while it arrives, and while it is restated. */
const instants = fc.integer({ min: (monday + 10 * 3_600) * 1_000, max: (monday + 5 * day) * 1_000 });

describe('a simulated organization', () => {
  test('is the sum of its parts at any instant: hours of minutes, days of hours', () => {
    fc.assert(
      fc.property(
        seeds,
        fc.constantFrom(...flowApis),
        instants,
        fc.integer({ min: 0, max: 23 }),
        (seed, api, at, hour) => {
          const organization = rougher(seed);
          const options = { at, groupBy: endpointOf(api)?.dimensions ?? [] };
          const start = monday + hour * 3_600;
          const whole = totals(organization, api, [[start, start + 3_600]], options);
          expect(totals(organization, api, cut(start, start + 3_600, 60), options)).toEqual(whole);
          const days = totals(organization, api, [[monday, monday + day]], options);
          expect(totals(organization, api, cut(monday, monday + day, 3_600), options)).toEqual(days);
        },
      ),
      { numRuns: 60 },
    );
  });

  test('sums the same grouped by anything or nothing, and over any cut of the time', () => {
    fc.assert(
      fc.property(
        seeds,
        fc.constantFrom(...flowApis),
        instants,
        fc.integer({ min: 0, max: 2_880 }),
        fc.integer({ min: 0, max: 2_880 }),
        (seed, api, at, a, b) => {
          const organization = rougher(seed);
          const endpoint = endpointOf(api);
          const [from, to] = [monday, monday + 2 * day];
          const [first, second] = [from + Math.min(a, b) * 60, from + Math.max(a, b) * 60];
          for (const { name: field } of endpoint?.fields ?? []) {
            const all = organization.truth.sum(api, field, { from, to }, { at });
            for (const dimension of endpoint?.dimensions ?? []) {
              expect(organization.truth.sum(api, field, { from, to }, { at, groupBy: [dimension] })).toBe(all);
            }
            const spans = [
              { from, to: first },
              { from: first, to: second },
              { from: second, to },
            ];
            expect(spans.reduce((sum, span) => sum + organization.truth.sum(api, field, span, { at }), 0)).toBe(all);
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  test('only grows but for restatements, and everything is there a quarter of an hour after its end', () => {
    fc.assert(
      fc.property(seeds, fc.constantFrom(...flowApis), instants, instants, (seed, api, a, b) => {
        const organization = rougher(seed);
        const field = endpointOf(api)?.fields[0]?.name ?? '';
        const span = { from: monday, to: monday + day };
        const sum = (at: number) => organization.truth.sum(api, field, span, { at, restated: false });
        expect(sum(Math.max(a, b))).toBeGreaterThanOrEqual(sum(Math.min(a, b)));
        const settled = sum((monday + day + 900) * 1_000);
        expect(sum(Number.POSITIVE_INFINITY)).toBe(settled);
        expect(settled).toBeGreaterThan(0);
      }),
      { numRuns: 60 },
    );
  });

  test('never shows a negative number, nor a minute before its end', () => {
    fc.assert(
      fc.property(
        seeds,
        fc.constantFrom(...flowApis),
        instants,
        fc.integer({ min: 0, max: 1_439 }),
        (seed, api, at, minute) => {
          const organization = rougher(seed);
          const start = monday + minute * 60;
          const groupBy = endpointOf(api)?.dimensions ?? [];
          const rows = organization.truth.visible(api, '1m', start, at, { groupBy });
          if (at < (start + 60) * 1_000) expect(rows).toEqual([]);
          for (const row of rows) for (const value of row.fields.values()) expect(value).toBeGreaterThanOrEqual(0);
        },
      ),
      { numRuns: 200 },
    );
  });

  test('restates upwards, downwards, and between groups without moving the sum', () => {
    const span = { from: monday, to: monday + day };
    const change = (more: ProfileOptions) => {
      const organization = rougher(1, { restatedUp: 0, restatedDown: 0, restatedMove: 0, missingFields: 0, ...more });
      const sum = (restated: boolean) => organization.truth.sum('completions', 'input_tokens', span, { restated });
      const rows = (restated: boolean) =>
        totals(organization, 'completions', [[span.from, span.to]], { restated, groupBy: ['model', 'api_key_id'] });
      return { by: sum(true) - sum(false), same: JSON.stringify(rows(true)) === JSON.stringify(rows(false)) };
    };
    expect(change({ restatedUp: 0.3 }).by).toBeGreaterThan(0);
    expect(change({ restatedDown: 0.3 }).by).toBeLessThan(0);
    expect(change({ restatedMove: 0.3 })).toEqual({ by: 0, same: false });
    expect(change({})).toEqual({ by: 0, same: true });
  });

  test('is the same for the same seed in whatever order it is asked, and another for another seed', () => {
    const [a, b, c] = [7, 7, 8].map((seed) => createOrganization({ seed, createdAt, profile: rough }));
    const ask = (organization: Organization | undefined, hour: number) =>
      organization?.truth.usage(
        'images',
        { from: monday + hour * 3_600, to: monday + (hour + 1) * 3_600 },
        { groupBy: ['model'] },
      );
    const hours = Array.from({ length: 24 }, (_, hour) => hour);
    const forwards = hours.map((hour) => ask(a, hour));
    const backwards = hours.toReversed().map((hour) => ask(b, hour));
    expect(backwards.toReversed()).toEqual(forwards);
    expect(hours.map((hour) => ask(c, hour))).not.toEqual(forwards);
  });

  test('has nothing before it was created', () => {
    for (const api of usageApis) {
      expect(rougher(1).truth.usage(api, { from: createdAt - 30 * day, to: createdAt })).toEqual([]);
    }
    expect(rougher(1).truth.costs({ from: createdAt - 30 * day, to: createdAt })).toEqual([]);
  });

  test('tells exactly for how long an answer holds', () => {
    fc.assert(
      fc.property(
        seeds,
        fc.constantFrom(...usageApis),
        instants,
        fc.constantFrom(60, 3_600, day),
        fc.nat(23),
        (seed, api, at, width, hour) => {
          const organization = rougher(seed);
          const source = organization.usage(api);
          const from = width === day ? monday : monday + hour * 3_600;
          const rowOf = new Int32Array(source.groups.length).map((_, i) => i);
          const look = (when: number) => {
            const query = { from, to: from + width, at: when, rowOf, rows: rowOf.length, restated: true };
            return source.at(query);
          };
          const { since, until, values } = look(at);
          expect(at).toBeGreaterThanOrEqual(since);
          expect(at).toBeLessThan(until);
          if (since > -Infinity) expect(look(since).values).toEqual(values);
          if (until < Infinity) expect(look(until - 1).values).toEqual(values);
        },
      ),
      { numRuns: 300 },
    );
  });

  test('keeps parents the sums of their parts', () => {
    const organization = rougher(3, { missingFields: 0 });
    const sum = (field: string) => organization.truth.sum('completions', field, { from: monday, to: monday + day });
    const add = (...fields: string[]) => fields.reduce((all, field) => all + sum(field), 0);
    expect(add('input_uncached_tokens', 'input_cached_tokens', 'input_cache_write_tokens')).toBe(sum('input_tokens'));
    expect(add('input_text_tokens', 'input_audio_tokens', 'input_image_tokens')).toBe(sum('input_uncached_tokens'));
    expect(add('output_text_tokens', 'output_audio_tokens', 'output_image_tokens')).toBe(sum('output_tokens'));
  });

  test('stores bytes as a level: a wider bucket shows the newest value in it', () => {
    const organization = rougher(1);
    const at = (monday + 3 * day) * 1_000;
    const wide = organization.truth.visible('vector_stores', '1d', monday, at, { groupBy: ['project_id'] });
    const last = organization.truth.visible('vector_stores', '1m', monday + day - 60, at, { groupBy: ['project_id'] });
    expect(wide.length).toBe(5);
    expect(wide).toEqual(last);
  });

  test('spends with a delay: nothing at once, never final today, settled a day after its end', () => {
    const organization = rougher(2, { costsRestated: 1 });
    const span = { from: monday, to: monday + day };
    const amount = (at: number, restated = true) =>
      organization.truth.costs(span, { at, restated }).reduce((sum, row) => sum + (row.amount ?? 0n), 0n);
    expect(amount(monday * 1_000)).toBe(0n);
    expect(amount((monday + day) * 1_000)).toBeGreaterThan(amount((monday + day / 2) * 1_000));
    const settled = amount((monday + 2 * day) * 1_000);
    expect(settled).not.toBe(amount((monday + day) * 1_000));
    expect(amount(Number.POSITIVE_INFINITY, false)).toBe(settled);
    expect(amount(Number.POSITIVE_INFINITY)).not.toBe(settled);
  });

  test('spends the same grouped by anything', () => {
    const organization = rougher(2);
    const span = { from: monday, to: monday + 5 * day };
    const amount = (groupBy: readonly string[]) =>
      organization.truth.costs(span, { groupBy }).reduce((sum, row) => sum + (row.amount ?? 0n), 0n);
    for (const groupBy of [['project_id'], ['line_item'], ['api_key_id'], ['project_id', 'line_item', 'api_key_id']]) {
      expect(amount(groupBy)).toBe(amount([]));
    }
  });
});

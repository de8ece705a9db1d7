import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { costsByKeySince, endpointOf, endpoints } from '../../src/openai/catalogue.ts';
import { createApi, managementScope, simulatedKey, usageScope } from '../../src/simulation/api.ts';
import { amountScale } from '../../src/simulation/billing.ts';
import { amountText } from '../../src/simulation/bucket-answers.ts';
import { createOrganization } from '../../src/simulation/organization.ts';
import { asker, type Bucket, createdAt, day, now, params, type Query, today } from './ask.ts';

const small = asker({ groups: 6, activity: 0.3, repeatedRows: 0.3, missingFields: 0.2 });
const usage = endpoints.filter((endpoint) => endpoint.api !== 'costs');

/** Sums of the rows of all buckets by the values of `dimensions`, as JSON → field → sum. */
function sums(buckets: readonly Bucket[], dimensions: readonly string[], fields: readonly string[]) {
  const out = new Map<string, Map<string, number>>();
  for (const row of buckets.flatMap((bucket) => bucket.results)) {
    const key = JSON.stringify(dimensions.map((dimension) => row[dimension]));
    const own = out.get(key) ?? new Map<string, number>();
    out.set(key, own);
    for (const field of fields) {
      const value = row[field];
      if (typeof value === 'number') own.set(field, (own.get(field) ?? 0) + value);
    }
  }
  return [...out].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, own]) => [key, Object.fromEntries(own)]);
}

describe('usage pages', () => {
  test.each(usage.map((endpoint) => endpoint.api))('%s: pages through to the truth, at every width', (api) => {
    const endpoint = endpointOf(api);
    const dimensions = endpoint?.dimensions ?? [];
    const fields = endpoint?.fields.map((field) => field.name) ?? [];
    const spans = [
      ['1m', today + 6 * 3_600, today + 7 * 3_600, 25],
      ['1h', today - day, today, 10],
      ['1d', today - 40 * day, today + day, 31],
    ] as const;
    for (const [width, from, to, limit] of spans) {
      const query: Query = { start_time: from, end_time: to, bucket_width: width, limit, group_by: dimensions };
      const buckets = small.all(`usage/${api}`, query);
      expect(buckets.length).toBe((to - from) / { '1m': 60, '1h': 3_600, '1d': day }[width]);
      for (const [i, bucket] of buckets.entries()) {
        const before = buckets[i - 1];
        if (before) expect(bucket.start_time).toBe(before.end_time);
        const truth = small.organization.truth
          .usage(api, { from: bucket.start_time, to: bucket.end_time }, { at: now, groupBy: dimensions })
          .map((row) => [JSON.stringify(row.labels), Object.fromEntries(row.fields)]);
        const got = sums([bucket], dimensions, fields);
        expect(got).toEqual(truth.sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)));
      }
      expect(buckets.some((bucket) => bucket.results.length > 0)).toBe(true);
    }
  });

  test('have empty buckets, repeated groups, missing optional fields, null and empty labels', () => {
    const dimensions = endpointOf('completions')?.dimensions ?? [];
    const query = {
      start_time: today,
      end_time: today + 6 * 3_600,
      bucket_width: '1m',
      limit: 1_440,
      group_by: dimensions,
    };
    const { data } = small.page('usage/completions', query);
    const rows = data.flatMap((bucket) => bucket.results);
    const keys = data.map((bucket) => bucket.results.map((row) => dimensions.map((name) => row[name]).join()));
    const quiet = asker({ apis: ['images'], activity: 0.001 });
    expect(quiet.page('usage/images', { start_time: today, bucket_width: '1h' }).data).toHaveLength(13);
    expect(
      quiet.page('usage/completions', { start_time: today, bucket_width: '1h' }).data.flatMap((b) => b.results),
    ).toEqual([]);
    expect(keys.some((each) => new Set(each).size < each.length)).toBe(true);
    expect(rows.some((row) => row['input_text_tokens'] === undefined)).toBe(true);
    expect(rows.every((row) => typeof row['input_tokens'] === 'number')).toBe(true);
    expect(new Set(rows.map((row) => row['project_id']))).toContain('');
    expect(new Set(rows.map((row) => row['project_id']))).toContain(null);
    expect(new Set(rows.map((row) => row['batch']))).toEqual(new Set([true, false, null]));
  });

  test('have null for every dimension that is not grouped', () => {
    const { data } = small.page('usage/completions', { start_time: today, bucket_width: '1d', group_by: ['model'] });
    const rows = data[0]?.results ?? [];
    expect(rows.length).toBeGreaterThan(1);
    for (const row of rows) {
      expect(row).toMatchObject({ object: 'organization.usage.completions.result', project_id: null, batch: null });
      expect(typeof row['model']).toBe('string');
    }
  });

  test.each([
    // [start, end, width, the buckets' edges]
    [today - day + 3_660, today, '1d', [today - day + 3_660, today]],
    [today - day + 3_660, today - 60, '1d', [today - day + 3_660, today - 60]],
    [today, undefined, '1d', [today, now / 1_000]],
    [today, today + day, '1d', [today, today + day]],
    [today, today + 9 * day, '1d', [today, today + day]],
    [today, today + day - 60, '1d', [today, now / 1_000]],
    [today + 11 * 3_600, undefined, '1h', [today + 11 * 3_600, today + 12 * 3_600, now / 1_000]],
    [today + 11 * 3_600, today + 13 * 3_600, '1h', [today + 11 * 3_600, today + 12 * 3_600, today + 13 * 3_600]],
  ] as const)('from %i to %s by %s: whole where aligned, clipped where not', (start, end, width, edges) => {
    const query = { start_time: start, bucket_width: width, ...(end === undefined ? {} : { end_time: end }) };
    const { data } = small.page('usage/embeddings', query);
    expect([data[0]?.start_time, ...data.map((bucket) => bucket.end_time)]).toEqual(edges);
  });

  test.each([
    ['1m', 60],
    ['1h', 24],
    ['1d', 7],
  ])('hold %s buckets up to the default limit', (width, count) => {
    const query = { start_time: today - 30 * day, end_time: today, bucket_width: width };
    const page = small.page('usage/embeddings', query);
    expect(page.data).toHaveLength(count);
    expect(page.has_more).toBe(true);
  });

  test('filter by every parameter the endpoint has, in every way arrays are written', () => {
    const model = 'gpt-4o-mini-2024-07-18';
    const base = `start_time=${today}&bucket_width=1d&group_by=model,batch`;
    const rows = (more: string) =>
      small.page('usage/completions', new URLSearchParams(`${base}&${more}`)).data.flatMap((bucket) => bucket.results);
    const models = (more: string) => [...new Set(rows(more).map((row) => row['model']))].sort();
    const two = [model, 'gpt-5-2025-08-07'].sort();
    expect(models(`models=${model}`)).toEqual([model]);
    expect(models(`models=${two.join('&models=')}`)).toEqual(two);
    expect(models(`models[]=${two.join('&models[]=')}`)).toEqual(two);
    expect(models(`models=${two.join(',')}`)).toEqual(two);
    expect(models('models=nobody')).toEqual([]);
    expect(rows('batch=true').every((row) => row['batch'] === true)).toBe(true);
    expect(rows('batch=true').length).toBeGreaterThan(0);
    expect(rows('user_ids=user-0&api_key_ids=key_0').length).toBeLessThan(rows('').length);
    expect(rows('project_ids=proj_0').length).toBeGreaterThan(0);
  });

  test('contain label values of every kind as JSON', () => {
    const hostile = asker({ hostileLabels: true, models: 8, groups: 16, activity: 0.9 });
    const { data } = hostile.page('usage/moderations', { start_time: today, bucket_width: '1d', group_by: ['model'] });
    const models = data.flatMap((bucket) => bucket.results.map((row) => String(row['model'])));
    expect(models).toContain('lone \ud800 surrogate');
    expect(models).toContain('quote" back\\slash');
    expect(models.some((model) => model.length >= 10_000)).toBe(true);
  });

  test('can carry a field that nobody knows, and rows of zeros', () => {
    const odd = asker({ unknownField: 'output_video_tokens', zeroRows: 1 });
    const { data } = odd.page('usage/completions', { start_time: today, bucket_width: '1m', group_by: ['model'] });
    const rows = data.flatMap((bucket) => bucket.results);
    expect(rows.every((row) => typeof row['output_video_tokens'] === 'number')).toBe(true);
    expect(rows.some((row) => row['input_tokens'] === 0 && row['num_model_requests'] === 0)).toBe(true);
  });

  test('show at each instant what they would show without anything remembered', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 3 * day }), { minLength: 2, maxLength: 6 }), (seconds) => {
        for (const second of seconds) {
          const at = (today + second) * 1_000;
          const query = { start_time: today, end_time: today + day, bucket_width: '1h', group_by: ['model'] };
          const fresh = createApi({ organization: small.organization });
          const request = {
            method: 'GET',
            path: '/organization/usage/images',
            query: params(query),
            headers: { authorization: `Bearer ${simulatedKey}` },
          };
          expect(small.respond(request, at).body).toBe(fresh(request, at).body);
        }
      }),
      { numRuns: 15 },
    );
  });
});

describe('costs pages', () => {
  const dimensions = ['project_id', 'line_item', 'api_key_id'];

  /** Exact, without floating point: an amount in units of 10^-28. */
  function exact(value: unknown): bigint {
    const [, sign = '', whole = '0', fraction = ''] = /^(-?)(\d+)(?:\.(\d+))?(?:E-6176)?$/.exec(String(value)) ?? [];
    const scaled = BigInt(whole + fraction.slice(0, amountScale).padEnd(amountScale, '0'));
    return sign === '-' ? -scaled : scaled;
  }

  test('sum to the truth, line by line, amount and quantity', () => {
    const query = { start_time: today - 30 * day, end_time: today + day, limit: 180, group_by: dimensions };
    const buckets = small.all('costs', query);
    expect(buckets).toHaveLength(31);
    for (const bucket of buckets) {
      const span = { from: bucket.start_time, to: bucket.end_time };
      const truth = small.organization.truth.costs(span, { at: now, groupBy: dimensions });
      expect(bucket.results).toHaveLength(truth.length);
      for (const row of truth) {
        const got = bucket.results.find((each) => dimensions.every((name, i) => each[name] === row.labels[i]));
        const amount = got?.['amount'];
        const value = typeof amount === 'object' && amount !== null && 'value' in amount ? exact(amount.value) : null;
        expect(value).toBe(row.amount);
        expect(got?.['quantity'] ?? null).toBe(row.unit === null ? null : row.quantity);
      }
    }
  });

  test('have amounts as text, as numbers, zero, negative and not at all, and keys to ignore', () => {
    const { body } = small.ask('costs', {
      start_time: today - 30 * day,
      end_time: today,
      limit: 31,
      group_by: dimensions,
    });
    expect(body).toMatch(/"value":"\d+\.\d{20,}"/);
    expect(body).toMatch(/"value":\d+\.\d+,/);
    expect(body).toContain('"value":"0E-6176"');
    expect(body).toContain('"value":"-');
    expect(body).toMatch(/"object":"organization.costs.result","quantity"/);
    expect(body).toMatch(/"quantity":\d+\.0,/);
    for (const key of ['start_time_iso', 'project_name', 'organization_name', 'user_email'])
      expect(body).toContain(key);
  });

  test('write amounts with 34 digits at the most', () => {
    expect(amountText(0n, true)).toBe('0E-6176');
    expect(amountText(257_920_000_000_000_000_000_000_000n, true)).toBe('0.02579200000000000000000000000000000');
    expect(amountText(-15n * 10n ** 27n, false)).toBe('-1.5');
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 33n), max: 10n ** 33n }), fc.boolean(), (amount, padded) => {
        const text = amountText(amount, padded);
        expect(exact(text)).toBe(amount);
        if (amount !== 0n) expect(text.replace(/^-?[0.]*/, '').replace('.', '').length).toBeLessThanOrEqual(34);
      }),
    );
  });

  test('hold 31 buckets at the most, whatever the limit', () => {
    const page = small.page('costs', { start_time: today - 40 * day, limit: 180 });
    expect(page.data).toHaveLength(31);
    expect(page.has_more).toBe(true);
  });

  test('are always whole days, and end with today', () => {
    const { data } = small.page('costs', { start_time: today - day + 7_000 });
    expect(data.map((bucket) => [bucket.start_time, bucket.end_time])).toEqual([
      [today - day, today],
      [today, today + day],
    ]);
  });

  test('keep currencies apart', () => {
    const two = asker({ secondCurrency: true, groups: 8 });
    const { body } = two.ask('costs', { start_time: today - day, end_time: today });
    expect(body).toContain('"currency":"eur"');
    expect(body).toContain('"currency":"usd"');
  });
});

describe('what the API refuses', () => {
  const window = { start_time: today - day, end_time: today };

  test.each<[string, string, Query, RegExp | string]>([
    ['no start', 'usage/completions', { bucket_width: '1d' }, 'start_time'],
    ['a start that is no integer', 'usage/completions', { start_time: '2026-07-01' }, 'start_time'],
    ['an end before the start', 'usage/completions', { start_time: today, end_time: today - 60 }, 'end_time'],
    ['an unknown dimension', 'usage/completions', { ...window, group_by: ['colour'] }, 'group_by'],
    ['a dimension of another endpoint', 'usage/vector_stores', { ...window, group_by: ['model'] }, 'group_by'],
    ['an unknown width', 'usage/completions', { ...window, bucket_width: '5m' }, 'bucket_width'],
    ['too many minutes', 'usage/completions', { ...window, bucket_width: '1m', limit: 1_441 }, 'limit'],
    ['too many hours', 'usage/completions', { ...window, bucket_width: '1h', limit: 169 }, 'limit'],
    ['too many days', 'usage/completions', { ...window, bucket_width: '1d', limit: 32 }, 'limit'],
    ['no buckets', 'usage/completions', { ...window, limit: 0 }, 'limit'],
    ['a batch that is neither', 'usage/completions', { ...window, batch: 'perhaps' }, 'batch'],
    [
      'what is older than a year',
      'usage/completions',
      { start_time: today - 367 * day },
      'reporting_lookback_exceeded',
    ],
    ['costs by the hour', 'costs', { ...window, bucket_width: '1h' }, 'bucket_width'],
    ['more than 180 days of costs', 'costs', { ...window, limit: 181 }, 'limit'],
    ['costs of one date', 'costs', { start_time: today - day, end_time: today - 60 }, 'same UTC date'],
    ['a cursor from nowhere', 'usage/completions', { ...window, page: 'page_AAAA' }, 'The page token is invalid'],
    ['an item that is none', 'projects', { after: 'proj_nobody' }, 'after'],
    ['a long list', 'users', { limit: 101 }, 'limit'],
  ])('%s', (_, path, query, named) => {
    const { status, body } = small.ask(path, query);
    expect(status).toBe(400);
    expect(JSON.parse(body)).toHaveProperty('error.message');
    expect(body).toMatch(named);
  });

  test('costs by key from before they were kept', () => {
    const at = (costsByKeySince + 100 * day) * 1_000;
    const query = { start_time: costsByKeySince - day, group_by: ['api_key_id'] };
    expect(small.ask('costs', query, at)).toMatchObject({ status: 400 });
    expect(small.ask('costs', { ...query, start_time: costsByKeySince }, at)).toMatchObject({ status: 200 });
    expect(small.ask('costs', { ...query, group_by: ['line_item'] }, at)).toMatchObject({ status: 200 });
  });

  test('a cursor when any other parameter has changed, and no other', () => {
    const query = { start_time: today - 20 * day, end_time: today, bucket_width: '1d', limit: 5, group_by: ['model'] };
    const page = small.page('usage/completions', query).next_page ?? '';
    const status = (change: Query, path = 'usage/completions') => small.ask(path, { ...query, ...change, page }).status;
    expect(status({})).toBe(200);
    for (const change of [{ limit: 6 }, { end_time: today - day }, { start_time: today - 19 * day }, { batch: true }]) {
      expect(status(change)).toBe(400);
    }
    expect(status({ group_by: [] })).toBe(400);
    expect(status({}, 'usage/embeddings')).toBe(400);
  });

  test('keys: none, wrong, without the scope; a valid one is told nothing about', () => {
    const organization = createOrganization({ seed: 1, createdAt });
    const keys = new Map([
      ['sk-usage', [usageScope]],
      ['sk-both', [usageScope, managementScope]],
    ]);
    const respond = createApi({ organization, keys });
    const status = (path: string, authorization?: string) => {
      const query = params(path.startsWith('usage') ? { start_time: today } : {});
      const { status: code, body } = respond(
        { method: 'GET', path: `/organization/${path}`, query, headers: { authorization } },
        now,
      );
      expect(body).not.toContain('sk-both');
      return code;
    };
    expect(status('projects')).toBe(401);
    expect(status('projects', 'Bearer sk-nobody')).toBe(401);
    expect(status('projects', 'Bearer sk-usage')).toBe(403);
    expect(status('projects', 'Bearer sk-both')).toBe(200);
    expect(status('usage/images', 'Bearer sk-usage')).toBe(200);
    keys.delete('sk-usage');
    expect(status('usage/images', 'Bearer sk-usage')).toBe(401);
  });

  test('other methods and paths', () => {
    expect(small.ask('usage/telepathy', {}).status).toBe(404);
    const request = { path: '/organization/projects', query: params({}), headers: {} };
    expect(small.respond({ method: 'POST', ...request }, now).status).toBe(405);
  });
});

describe('lists', () => {
  const demo = asker('demo');
  const list = (path: string, query: Query = {}) => JSON.parse(demo.ask(path, query).body);

  test('page by the last id', () => {
    const ids: string[] = [];
    let after: string | undefined;
    for (;;) {
      const page = list('projects/proj_mobile/rate_limits', { limit: 4, ...(after === undefined ? {} : { after }) });
      ids.push(...page.data.map((item: { id: string }) => item.id));
      expect(page.first_id).toBe(page.data[0].id);
      if (!page.has_more) break;
      after = page.last_id;
    }
    expect(ids).toHaveLength(12);
    expect(new Set(ids).size).toBe(12);
  });

  test('leave archived projects out unless asked, and refuse what is in them', () => {
    expect(list('projects').data).toHaveLength(6);
    expect(list('projects', { include_archived: true }).data).toHaveLength(7);
    expect(demo.ask('projects/proj_hackathon/api_keys', {}).status).toBe(400);
    expect(demo.ask('projects/proj_nobody/api_keys', {}).status).toBe(404);
  });

  test('name keys with their owners, but not those that were deleted', () => {
    const { data } = list('projects/proj_mobile/api_keys');
    expect(data.map((key: { id: string }) => key.id)).toEqual(['key_mobile_ios', 'key_mobile_android']);
    expect(data[0].owner).toMatchObject({ type: 'service_account', service_account: { id: 'sa-mobile' } });
    expect(list('projects/proj_research/api_keys').data[0].owner).toMatchObject({
      type: 'user',
      user: { id: 'user-ada' },
    });
    expect(list('projects/proj_search/service_accounts').data).toHaveLength(1);
    expect(list('users').data).toHaveLength(6);
  });

  test('tell limits: in cents, or 404 where none is set', () => {
    expect(list('spend_limit')).toMatchObject({ threshold_amount: 1_500_000, currency: 'USD', interval: 'month' });
    expect(list('projects/proj_research/spend_limit')).toMatchObject({ enforcement: { status: 'inactive' } });
    expect(demo.ask('projects/proj_search/spend_limit', {}).status).toBe(404);
    expect(list('spend_alerts').data).toHaveLength(2);
    expect(list('projects/proj_search/spend_alerts').data).toEqual([]);
    expect(list('admin_api_keys').data.map((key: { expires_at: number | null }) => key.expires_at === null)).toEqual([
      false,
      true,
    ]);
  });
});

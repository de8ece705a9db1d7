import { describe, expect, test } from 'vitest';
import { Limits } from '../../src/inventory/limits.ts';
import { ModelsInUse } from '../../src/inventory/models-in-use.ts';
import { limitModelOf, RateLimits } from '../../src/inventory/rate-limits.ts';
import type { RawBucket, RawLabel } from '../../src/openai/bucket-page.ts';

test.each([
  ['gpt-4o', ['gpt-4o'], 'gpt-4o'],
  ['gpt-4o-2024-08-06', ['gpt-4o', 'gpt-4o-2024-08-06'], 'gpt-4o-2024-08-06'],
  ['gpt-4o-2024-08-06', ['gpt-4o', 'gpt-4'], 'gpt-4o'],
  ['gpt-4-0613', ['gpt-4'], 'gpt-4'],
  ['gpt-4o-2024-08-06', ['gpt-4'], undefined],
  ['ft:gpt-4o-2024-08-06:acme:tone:9aB', ['gpt-4o', 'gpt-4o-2024-08-06'], 'gpt-4o-2024-08-06'],
  ['ft:gpt-4o-2024-08-06:acme:tone:9aB', ['gpt-4o'], 'gpt-4o'],
  ['ft:gpt-4o-2024-08-06:acme::2024', ['ft:gpt-4o-2024-08-06:acme:'], undefined],
  ['ft:gpt-4o:acme:x:1', ['ft:gpt-4o:acme:x:1', 'gpt-4o'], 'ft:gpt-4o:acme:x:1'],
  ['2024-08-06', [''], undefined],
])('the limit of %s, where %j have one, is that of %s', (model, limited, expected) => {
  expect(limitModelOf(model, (candidate) => limited.includes(candidate))).toBe(expected);
});

describe('rate limits', () => {
  const item = (model: string, limits: Record<string, number>) => ({ model, limits: Object.entries(limits) });

  test('are kept to the field: 0 is 0, unlimited is infinite, what is absent is absent', () => {
    const rate = new RateLimits();
    const [requests, tokens, images] = [
      'max_requests_per_1_minute',
      'max_tokens_per_1_minute',
      'max_images_per_1_minute',
    ];
    rate.take(
      'p',
      [item('b', { [requests]: 0, [tokens]: 2_147_483_647 }), item('a', { [requests]: 5, new_1: 7 })],
      true,
    );
    const value = (model: string, field: string) => rate.value('p', model, rate.fields.indexOf(field));
    expect(value('b', requests)).toBe(0);
    expect(value('b', tokens)).toBe(Number.POSITIVE_INFINITY);
    expect(value('b', images)).toBeUndefined();
    expect(value('a', tokens)).toBeUndefined();
    expect(value('a', 'new_1')).toBe(7);
    expect(value('c', requests)).toBeUndefined();
    expect(rate.value('q', 'a', 0)).toBeUndefined();
    expect(rate.has('p', 'a')).toBe(true);
    expect(rate.has('p', 'c')).toBe(false);
    expect(rate.has('q', 'a')).toBe(false);
    expect([...rate.models('p')].sort()).toEqual(['a', 'b']);
  });

  test('are replaced by a whole read, added to by one that broke off', () => {
    const rate = new RateLimits();
    rate.take('p', [item('a', { x: 1 }), item('b', { x: 2 })], true);
    rate.take('p', [item('b', { x: 3 })], false);
    const x = rate.fields.indexOf('x');
    expect([rate.value('p', 'a', x), rate.value('p', 'b', x)]).toEqual([1, 3]);
    const { version } = rate;
    rate.take('p', [item('b', { x: 3 }), item('a', { x: 1 })], true);
    expect(rate.version).toBe(version);
    rate.take('p', [item('b', { x: 3 })], true);
    expect([rate.value('p', 'a', x), rate.value('p', 'b', x)]).toEqual([undefined, 3]);
    rate.drop('p');
    expect(rate.projects()).toEqual([]);
  });

  test('of new fields are taken, but not without bound', () => {
    const rate = new RateLimits();
    rate.take('p', [item('a', Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`f${i}`, i])))], true);
    expect(rate.fields).toHaveLength(6 + 64);
  });
});

describe('models in use', () => {
  const day = 86_400;
  const bucket = (start: number, rows: readonly (readonly [RawLabel, RawLabel, number])[]): RawBucket => ({
    start,
    end: start + day,
    rows: rows.length,
    labels: [rows.map(([project]) => project), rows.map(([, model]) => model)],
    numbers: new Map([
      ['input_tokens', Float64Array.from(rows, ([, , tokens]) => tokens)],
      ['num_model_requests', new Float64Array(rows.length).fill(Number.NaN)],
    ]),
    decimals: new Map(),
    units: new Map(),
    malformedRows: 0,
    refused: [],
    damagedRows: 0,
    losses: [],
  });

  test('are those with usage in the last 30 days', () => {
    const inUse = new ModelsInUse();
    inUse.take(bucket(0, [['p', 'old', 1]]));
    inUse.take(
      bucket(10 * day, [
        ['p', 'm', 1],
        ['p', 'unused', 0],
        [null, 'm', 1],
        ['', 'm', 1],
        ['q', null, 1],
      ]),
    );
    inUse.take(bucket(5 * day, [['p', 'm', 1]]));
    expect([...inUse.pairs()]).toEqual([
      ['p', 'old'],
      ['p', 'm'],
    ]);
    expect([inUse.hasProject('p'), inUse.hasProject('q')]).toEqual([true, false]);
    inUse.forget(31 * day * 1_000 - 1);
    expect([...inUse.pairs()]).toHaveLength(2);
    inUse.forget(31 * day * 1_000);
    expect([...inUse.pairs()]).toEqual([['p', 'm']]);
    inUse.forget(41 * day * 1_000);
    expect(inUse.hasProject('p')).toBe(false);
    expect(inUse.version).toBe(4);
  });
});

test.each([
  ['12345', 123.45],
  ['1', 0.01],
  ['0', 0],
  ['29', 0.29],
  ['57', 0.57],
  ['100000000000001', 1_000_000_000_000.01],
  ['0.5', 0.005],
])('%s cents are %d', (cents, amount) => {
  const limits = new Limits();
  limits.takeSpendAlerts('p', [{ id: 'a', cents, currency: 'usd' }], true);
  expect(limits.spendAlerts.get('p')?.get('a')?.amount).toBe(amount);
});

/** Prices of settled days, and what usage costs by them: the usual, and everything that can be odd about a bill. */
import { describe, expect, test } from 'vitest';
import { numberOfFixed } from '../../src/estimate/fixed.ts';
import { measure, noAmounts } from '../../src/estimate/measures.ts';
import { type Prices, pricesOf } from '../../src/estimate/prices.ts';
import { type SettledDay, settledDay } from '../../src/estimate/settled-day.ts';
import { Owners } from '../../src/estimate/used.ts';
import type { UsageApi } from '../../src/openai/catalogue.ts';
import { collectBucket } from '../../src/usage/bucket.ts';
import { Ledger } from '../../src/usage/ledger.ts';
import { endpointNamed, type Row, rawBucket, seconds } from '../helpers/rows.ts';

const day = 86_400;
const first = seconds('2026-11-02T00:00Z');

function bucketOf(api: UsageApi | 'costs', dimensions: readonly string[], rows: readonly Row[], start: number) {
  const endpoint = endpointNamed(api);
  const clock = { now: () => Number.MAX_SAFE_INTEGER };
  const ledger = new Ledger({ endpoint, dimensions, maxGroups: 100, anchor: start, clock });
  const raw = rawBucket('1d', start, rows);
  const bucket = collectBucket(raw, '1d', (start + 3 * day) * 1_000, 0, ledger.groups, ledger.fields);
  if (bucket === undefined) throw new Error('The bucket is not whole.');
  return { ledger, bucket };
}

type Line = readonly [
  lineItem: string,
  amount: string,
  quantity?: number | undefined,
  unit?: string | null | undefined,
  currency?: string,
];
/** Input, cached input and output of a model. */
type Use = readonly [model: string, input: number, cached: number, output: number, tier?: string];

function dayOf(
  lines: readonly Line[],
  uses: readonly Use[] | undefined,
  others: readonly (readonly [UsageApi, string, Row['fields']])[] = [],
  back = 0,
): SettledDay {
  const start = first - back * day;
  const costs = bucketOf(
    'costs',
    ['project_id', 'line_item'],
    lines.map(([lineItem, amount, quantity, unit = null, currency = 'usd']) => ({
      labels: ['p', lineItem],
      fields: { amount_value: amount, ...(quantity === undefined ? {} : { quantity }) },
      units: { amount_value: currency, quantity: unit },
    })),
    start,
  );
  const usage = uses && [
    bucketOf(
      'completions',
      ['project_id', 'model', 'batch', 'service_tier'],
      uses.map(([model, input, cached, output, tier = 'default']) => ({
        labels: ['p', model, tier === 'batch' ? 'true' : 'false', tier],
        fields: { input_tokens: input, input_cached_tokens: cached, output_tokens: output },
      })),
      start,
    ),
    ...others.map(([api, model, fields]) =>
      bucketOf(api, ['project_id', 'model'], [{ labels: ['p', model], fields }], start),
    ),
  ];
  return settledDay(costs, usage, new Owners());
}

function used(amounts: Readonly<Record<string, number>>) {
  const all = noAmounts();
  for (const [name, amount] of Object.entries(amounts)) all[measure(name)] = amount;
  return all;
}

/** Returns what usage of a model costs, by currency; undefined where it has no price. */
function costs(
  prices: Prices,
  amounts: Readonly<Record<string, number>>,
  model = 'm',
  tier: Parameters<Prices['model']>[1] = '',
) {
  const found = prices.model(model, tier, used(amounts));
  return found && Object.fromEntries(found.map(({ currency, amount }) => [currency, numberOfFixed(amount)]));
}

const input = { input_tokens: 1_000 };
const output = { output_tokens: 1_000 };
const cached = { input_tokens: 1_000, input_cached_tokens: 1_000 };

describe('a price', () => {
  test('is the amount by the usage of its kind; what is billed apart is not billed twice', () => {
    const prices = pricesOf([
      dayOf(
        [
          ['m, input', '6'],
          ['m, cached input', '0.4'],
          ['m, output', '20'],
        ],
        [['m', 5_000, 2_000, 1_000]],
      ),
    ]);
    expect(costs(prices, input)).toEqual({ usd: 2 });
    expect(costs(prices, cached)).toEqual({ usd: 0.2 });
    expect(costs(prices, output)).toEqual({ usd: 20 });
    expect(costs(prices, { input_tokens: 3_000, input_cached_tokens: 1_000, output_tokens: 100 })).toEqual({
      usd: 6.2,
    });
    expect(costs(prices, input, 'another')).toBeUndefined();
  });

  test('is by tier where line items and usage both name tiers', () => {
    const lines: Line[] = [
      ['m, input', '4'],
      ['m, batch input', '1'],
    ];
    const apart = pricesOf([
      dayOf(lines, [
        ['m', 2_000, 0, 0],
        ['m', 1_000, 0, 0, 'batch'],
      ]),
    ]);
    expect([costs(apart, input), costs(apart, input, 'm', 'batch')]).toEqual([{ usd: 2 }, { usd: 1 }]);
    // A tier without lines of its own has the usual price.
    expect(costs(apart, input, 'm', 'flex')).toEqual({ usd: 2 });
    const together = pricesOf([dayOf(lines, [['m', 2_500, 0, 0]])]);
    expect([costs(together, input), costs(together, input, 'm', 'batch')]).toEqual([{ usd: 2 }, { usd: 2 }]);
  });

  test('is of the model as a whole where no kind is known', () => {
    const prices = pricesOf([dayOf([['m, thinking', '6']], [['m', 2_000, 0, 1_000]])]);
    expect(costs(prices, { input_tokens: 500, output_tokens: 500 })).toEqual({ usd: 2 });
  });

  test('is by the call of a tool, and by what other apis count', () => {
    const day = dayOf(
      [
        ['web search tool calls', '5', 500, 'requests'],
        ['tts, characters', '3'],
        ['img, images', '4', 100, 'images'],
      ],
      [],
      [
        ['web_search_calls', 'm', { num_model_requests: 100, num_requests: 500 }],
        ['audio_speeches', 'tts', { characters: 1_000, num_model_requests: 10 }],
        ['images', 'img', { images: 100, num_model_requests: 10 }],
      ],
    );
    const prices = pricesOf([day]);
    const tools = prices.tools(used({ web_search_calls: 10 }));
    expect(tools.map(({ currency, amount }) => [currency, numberOfFixed(amount)])).toEqual([['usd', 0.1]]);
    expect(costs(prices, { characters: 500 }, 'tts')).toEqual({ usd: 1.5 });
    expect(costs(prices, { images: 5 }, 'img')).toEqual({ usd: 0.2 });
  });

  test('is that of the newest day, averaged with those before that say the same', () => {
    const at = (amount: string, back: number) => dayOf([['m, input', amount]], [['m', 1_000, 0, 0]], [], back);
    expect(costs(pricesOf([at('2.01', 0), at('1.99', 1), at('3', 2), at('2', 3)]), input)).toEqual({ usd: 2 });
    expect(costs(pricesOf([at('3', 0), at('2', 1), at('2', 2)]), input)).toEqual({ usd: 3 });
  });

  test('of a kind that was not used since is that of the last day on which it was', () => {
    const older = dayOf(
      [
        ['m, input', '1'],
        ['m, cached input', '0.5'],
      ],
      [['m', 2_000, 1_000, 0]],
      [],
      1,
    );
    const prices = pricesOf([dayOf([['m, input', '1']], [['m', 1_000, 0, 0]]), older]);
    expect(costs(prices, cached)).toEqual({ usd: 0.5 });
    expect(costs(prices, input)).toEqual({ usd: 1 });
  });

  test('of nothing is nothing, and is a price', () => {
    const prices = pricesOf([dayOf([['m, input', '0E-6176']], [['m', 1_000, 0, 0]])]);
    expect(costs(prices, input)).toEqual({ usd: 0 });
  });
});

describe('a day that has ended and is not settled', () => {
  const settled = [dayOf([['m, input', '2', 1_000, 'tokens']], [['m', 1_000, 0, 0]], [], 2)];
  const ended = (...lines: readonly Line[]) => dayOf(lines, undefined, [], 1);
  const then = (...lines: readonly Line[]) => costs(pricesOf(settled, ended(...lines)), input);

  test('gives a price that is new, by its quantity: half of the day has come', () => {
    expect(then(['m, input', '0.96', 500, 'tokens'])).toEqual({ usd: 1.92 });
    expect(then(['m, input', '0.96', 0.5, '1000_tokens'])).toEqual({ usd: 1.92 });
  });

  test('changes nothing where the price is about the same, or cannot be told', () => {
    expect(then(['m, input', '0.99', 500, 'tokens'])).toEqual({ usd: 2 });
    expect(then(['m, input', '0.96'])).toEqual({ usd: 2 });
    expect(then(['m, input', '0.96', 500, 'furlongs'])).toEqual({ usd: 2 });
    expect(then(['m, input', '-1', 500, 'tokens'])).toEqual({ usd: 2 });
    expect(then(['m, output', '9', 500, 'tokens'])).toEqual({ usd: 2 });
    expect(then()).toEqual({ usd: 2 });
  });

  test('changes nothing by four times, up or down: that has to settle first', () => {
    expect(then(['m, input', '3.9', 500, 'tokens'])).toEqual({ usd: 7.8 });
    expect(then(['m, input', '4.1', 500, 'tokens'])).toEqual({ usd: 2 });
    expect(then(['m, input', '0.26', 500, 'tokens'])).toEqual({ usd: 0.52 });
    expect(then(['m, input', '0.24', 500, 'tokens'])).toEqual({ usd: 2 });
    expect(then(['m, input', '100', 500, 'tokens'])).toEqual({ usd: 2 });
    expect(then(['m, input', '0.01', 500, 'tokens'])).toEqual({ usd: 2 });
    expect(then(['m, input', '0', 500, 'tokens'])).toEqual({ usd: 2 });
  });

  test.each([
    ['contradicted usage', 3_000],
    ['was not known', undefined],
  ])('changes nothing where the quantity of the settled day %s', (_, quantity) => {
    const odd = [dayOf([['m, input', '2', quantity, 'tokens']], [['m', 1_000, 0, 0]], [], 2)];
    expect(costs(pricesOf(odd, ended(['m, input', '0.96', 500, 'tokens'])), input)).toEqual({ usd: 2 });
  });

  test('gives the prices of a model that is new, and none while no day has settled', () => {
    const lines: readonly Line[] = [
      ['new, input', '3', 500, 'tokens'],
      ['new, batch input', '1', 500, 'tokens'],
    ];
    const prices = pricesOf(settled, ended(...lines));
    expect(costs(prices, input, 'new')).toEqual({ usd: 6 });
    expect(costs(prices, input, 'new', 'batch')).toEqual({ usd: 2 });
    expect(costs(prices, input)).toEqual({ usd: 2 });
    expect(costs(pricesOf([], ended(...lines)), input, 'new')).toBeUndefined();
  });

  test('gives it to a tier that is not billed apart, too', () => {
    const uses: readonly Use[] = [
      ['m', 1_000, 0, 0],
      ['m', 1_000, 0, 0, 'flex'],
    ];
    const together = [dayOf([['m, input', '4', 2_000, 'tokens']], uses, [], 2)];
    const prices = pricesOf(together, ended(['m, input', '0.96', 500, 'tokens']));
    expect([costs(prices, input), costs(prices, input, 'm', 'flex')]).toEqual([{ usd: 1.92 }, { usd: 1.92 }]);
  });

  test('leaves a model that is priced as a whole as it is', () => {
    const whole = [dayOf([['m, thinking', '6']], [['m', 2_000, 0, 1_000]], [], 2)];
    expect(costs(pricesOf(whole, ended(['m, input', '9', 500, 'tokens'])), input)).toEqual({ usd: 2 });
  });
});

describe('odd bills', () => {
  const usual = dayOf([['m, input', '2']], [['m', 1_000, 0, 0]], [], 1);

  test('without a settled day there is no price', () => {
    expect(pricesOf([]).days).toEqual([]);
    expect(costs(pricesOf([]), input)).toBeUndefined();
  });

  test('a day with costs and no usage goes by quantity, or by the day before', () => {
    const at = (quantity?: number, unit?: string) =>
      pricesOf([dayOf([['m, input', '3', quantity, unit]], undefined), usual]);
    expect(costs(at(2_000, 'tokens'), input)).toEqual({ usd: 1.5 });
    expect(costs(at(2, '1000_tokens'), input)).toEqual({ usd: 1.5 });
    expect(costs(at(2_000, 'furlongs'), input)).toEqual({ usd: 2 });
    expect(costs(at(), input)).toEqual({ usd: 2 });
    expect(costs(pricesOf([dayOf([['m, input', '3']], [['another', 1_000, 0, 0]]), usual]), input)).toEqual({ usd: 2 });
  });

  test('a day with usage and no costs goes by the day before', () => {
    expect(costs(pricesOf([dayOf([], [['m', 1_000, 0, 0]]), usual]), input)).toEqual({ usd: 2 });
    expect(costs(pricesOf([dayOf([], [['m', 1_000, 0, 0]])]), input)).toBeUndefined();
  });

  test('negative amounts and credits make no price', () => {
    expect(costs(pricesOf([dayOf([['m, input', '-1']], [['m', 1_000, 0, 0]]), usual]), input)).toEqual({ usd: 2 });
    const credited = dayOf(
      [
        ['m, input', '2'],
        ['promotional credit', '-50'],
      ],
      [['m', 1_000, 0, 0]],
    );
    expect(costs(pricesOf([credited]), input)).toEqual({ usd: 2 });
    expect(numberOfFixed(credited.billed.get('usd')?.total ?? fail())).toBe(2);
  });

  test('two currencies have prices of their own', () => {
    const prices = pricesOf([
      dayOf(
        [
          ['m, input', '2'],
          ['m, input', '1', undefined, null, 'eur'],
        ],
        [['m', 1_000, 0, 0]],
      ),
    ]);
    expect(costs(prices, input)).toEqual({ usd: 2, eur: 1 });
  });

  test('a quantity that contradicts usage is said, and usage counts', () => {
    const prices = pricesOf([dayOf([['m, input', '2', 3_000, 'tokens']], [['m', 1_000, 0, 0]])]);
    expect(costs(prices, input)).toEqual({ usd: 2 });
    expect(prices.remarks).toEqual([
      'the bill counts 3000 input_tokens of m, but usage counts 1000; prices go by usage',
    ]);
    const agreed = dayOf([['m, input', '2', 1, '1000_tokens']], [['m', 1_000, 0, 0]]);
    expect(pricesOf([agreed]).remarks).toEqual([]);
  });

  test('a price that jumps a hundredfold is kept, and said', () => {
    const prices = pricesOf([dayOf([['m, input', '200']], [['m', 1_000, 0, 0]]), usual]);
    expect(costs(prices, input)).toEqual({ usd: 200 });
    expect(prices.remarks).toEqual([expect.stringContaining('the price of m (input_tokens)')]);
    expect(prices.remarks[0]).toContain('100 times');
  });

  test('a line that looks like a model and is none makes no price', () => {
    const prices = pricesOf([
      dayOf(
        [
          ['gpt-training', '500'],
          ['m, input', '2'],
        ],
        [['m', 1_000, 0, 0]],
      ),
    ]);
    expect(costs(prices, input)).toEqual({ usd: 2 });
    expect(costs(prices, input, 'gpt-training')).toBeUndefined();
  });

  test('parts that are more than their whole count as all of it', () => {
    const prices = pricesOf([
      dayOf(
        [
          ['m, input', '2'],
          ['m, cached input', '1'],
        ],
        [['m', 2_000, 1_000, 0]],
      ),
    ]);
    expect(costs(prices, { input_tokens: 100, input_cached_tokens: 200 })).toEqual({ usd: 0.2 });
  });
});

function fail(): never {
  throw new Error('There is no such currency.');
}

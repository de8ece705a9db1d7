import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import type { RawBucket } from '../../src/openai/bucket-page.ts';
import { type Endpoint, endpointOf, endpoints } from '../../src/openai/catalogue.ts';
import { decodePage, MalformedPage } from '../../src/openai/decode.ts';

function endpoint(api: string): Endpoint {
  const found = endpointOf(api);
  if (!found) throw new Error(api);
  return found;
}
const completions = endpoint('completions');
const costs = endpoint('costs');

const recorded = (name: string) => readFileSync(new URL(`../fixtures/openai/${name}.json`, import.meta.url));

const recordedRows = (name: string): unknown[] => JSON.parse(recorded(name).toString());

/** The only bucket of a page whose bucket has these rows; a string is JSON, for what no object can say. */
function bucketOf(rows: readonly unknown[] | string, of = completions, groupBy: readonly string[] = []) {
  const results = typeof rows === 'string' ? rows : JSON.stringify(rows);
  const page = `{"object":"page","data":[{"start_time":0,"end_time":60,"results":${results}}],"has_more":false}`;
  const { buckets } = decodePage(Buffer.from(page), of, groupBy);
  const [bucket] = buckets;
  if (bucket === undefined) throw new Error('no bucket');
  return bucket;
}

function columnsOf({ numbers }: RawBucket): Record<string, number[]> {
  return Object.fromEntries([...numbers].map(([name, column]) => [name, [...column]]));
}

describe('recorded pages', () => {
  it('a repeated group stays two rows', () => {
    const page = decodePage(recorded('usage-repeated-group'), completions, ['project_id', 'batch', 'model']);
    expect(page).toMatchObject({ hasMore: false, nextPage: null });
    const [bucket] = page.buckets;
    expect(bucket).toMatchObject({ start: 1_786_982_400, end: 1_786_986_000, rows: 3, malformedRows: 0 });
    expect(bucket?.labels).toEqual([
      ['proj_a', 'proj_a', ''],
      [false, false, null],
      ['gpt-5-2025-08-07', 'gpt-5-2025-08-07', 'ft:gpt-4o-2024-08-06:acme:tone:9aB"c'],
    ]);
    expect(bucket && columnsOf(bucket)).toEqual({
      input_tokens: [59_200, 800, 7],
      output_tokens: [1_210, 90, 3],
      num_model_requests: [12, 1, 1],
      input_cached_tokens: [5_760, Number.NaN, Number.NaN],
      input_uncached_tokens: [53_440, Number.NaN, Number.NaN],
      input_text_tokens: [53_440, Number.NaN, Number.NaN],
    });
  });

  it('clipped and empty buckets are as the API gave them', () => {
    const page = decodePage(recorded('usage-clipped-edges'), completions, []);
    expect(page).toMatchObject({ hasMore: true, nextPage: 'page_AAAAAGeC0t0oZwTeAAAAAGeDBAA=' });
    expect(page.buckets.map(({ start, end, rows }) => [start, end, rows])).toEqual([
      [1_736_616_660, 1_736_640_000, 1],
      [1_736_640_000, 1_736_726_400, 0],
    ]);
  });

  it('costs keep their amounts as text', () => {
    const page = decodePage(recorded('costs-strings'), costs, ['project_id', 'line_item', 'api_key_id']);
    const [bucket] = page.buckets;
    expect(bucket?.malformedRows).toBe(0);
    expect(bucket?.decimals.get('amount_value')).toEqual([
      '0.02579200000000000000000000000000000',
      '0',
      '0.00012073404268330895',
      '-1.5',
      null,
    ]);
    expect(bucket?.units.get('amount_value')).toEqual(['usd', 'usd', 'usd', 'usd', null]);
    expect(bucket?.units.get('quantity')).toEqual(['tokens', null, null, null, null]);
    expect(bucket && columnsOf(bucket)).toEqual({
      quantity: [10_316, Number.NaN, Number.NaN, Number.NaN, Number.NaN],
    });
  });
});

describe('the page', () => {
  test.each([
    ['', 'not JSON'],
    ['<html>', 'not JSON'],
    ['{"data":[', 'not JSON'],
    ['null', 'a page should be an object, not null'],
    ['[]', 'a page should be an object, not an array'],
    ['"page"', 'not a string'],
    ['{}', 'data should be an array, not missing'],
    ['{"data":null}', 'data should be an array, not null'],
    ['{"data":{}}', 'data should be an array, not an object'],
    ['{"data":[null]}', 'a bucket should be an object'],
    ['{"data":[[]]}', 'a bucket should be an object'],
    ['{"data":[{"end_time":1,"results":[]}]}', 'start_time should be an integer, not missing'],
    ['{"data":[{"start_time":"0","end_time":1,"results":[]}]}', 'start_time'],
    ['{"data":[{"start_time":0,"end_time":1.5,"results":[]}]}', 'end_time'],
    ['{"data":[{"start_time":0,"end_time":1e300,"results":[]}]}', 'end_time'],
    ['{"data":[{"start_time":0,"end_time":1}]}', 'results should be an array, not missing'],
    ['{"data":[{"start_time":0,"end_time":1,"results":null}]}', 'results should be an array, not null'],
    [`{"data":[${'{},'.repeat(10_000)}{}]}`, '10001 buckets'],
  ])('%.60s is malformed', (text, message) => {
    const attempt = () => decodePage(Buffer.from(text), completions, []);
    expect(attempt).toThrow(MalformedPage);
    expect(attempt).toThrow(message);
  });

  test.each([
    ['"has_more":true,"next_page":"p"', true, 'p'],
    ['"has_more":"true","next_page":""', false, null],
    ['"has_more":1,"next_page":7', false, null],
    ['"next_page":null', false, null],
  ])('%s', (keys, hasMore, nextPage) => {
    const page = decodePage(Buffer.from(`\ufeff{"data":[],${keys}}`), completions, []);
    expect(page).toEqual({ buckets: [], hasMore, nextPage });
  });
});

describe('a count', () => {
  test.each([
    ['0', 0],
    ['9007199254740991', 9_007_199_254_740_991],
    ['3e9', 3e9],
  ])('%s is taken', (json, value) => {
    const bucket = bucketOf(`[{"input_tokens":${json}}]`);
    expect(columnsOf(bucket)).toEqual({ input_tokens: [value] });
  });

  it('that is absent or null is missing, not zero', () => {
    const bucket = bucketOf([{}, { input_tokens: null }, { input_tokens: 1 }]);
    expect(columnsOf(bucket)).toEqual({ input_tokens: [Number.NaN, Number.NaN, 1] });
    expect(bucket).toMatchObject({ rows: 3, malformedRows: 0 });
  });

  test.each(['"5"', 'true', '{}', '[1]', '-1', '1.5', '9007199254740992', '1e308', '1e999', '-1e999'])(
    '%s refuses its row alone',
    (json) => {
      const rows = `[{"input_tokens":1,"model":"a"},{"output_tokens":7,"input_tokens":${json},"num_model_requests":9,"model":"b"},{"input_tokens":3,"model":"c"}]`;
      const bucket = bucketOf(rows, completions, ['model']);
      expect(bucket).toMatchObject({ rows: 2, malformedRows: 1, labels: [['a', 'c']] });
      expect(bucket.numbers.get('input_tokens')).toEqual(Float64Array.of(1, 3));
      expect([...(bucket.numbers.get('output_tokens') ?? [])].every(Number.isNaN)).toBe(true);
    },
  );

  it('can be a fraction where the catalogue says so', () => {
    const seconds = bucketOf([{ seconds: 1.5, num_model_requests: 1 }], endpoint('audio_transcriptions'));
    expect(columnsOf(seconds)).toEqual({ seconds: [1.5], num_model_requests: [1] });
    const requests = bucketOf([{ seconds: 1.5, num_model_requests: 0.5 }], endpoint('audio_transcriptions'));
    expect(requests).toMatchObject({ rows: 0, malformedRows: 1 });
  });

  it('that is refused is told', () => {
    const { losses } = bucketOf('[{"input_tokens":1e308},7,{"model":{}}]', completions, ['model']);
    expect(losses).toEqual([
      { kind: 'row', name: 'input_tokens', sent: '1e+308', lineItem: undefined },
      { kind: 'row', name: '', sent: '7', lineItem: undefined },
      { kind: 'row', name: 'model', sent: 'an object', lineItem: undefined },
    ]);
  });

  test.each(['null', '7', '"row"', '[]', 'true'])('a row that is %s is refused', (json) => {
    expect(bucketOf(`[${json}]`)).toMatchObject({ rows: 0, malformedRows: 1 });
  });
});

describe('a cost', () => {
  test.each([
    ['{}', null, null],
    ['{"amount":null}', null, null],
    ['{"amount":{"currency":"USD"}}', null, 'usd'],
    ['{"amount":{"value":null,"currency":"eur"}}', null, 'eur'],
    ['{"amount":{"value":"1.10","currency":"USD"}}', '1.10', 'usd'],
    ['{"amount":{"value":1e-7}}', '1e-7', null],
    ['{"amount":{"value":-0}}', '0', null],
  ])('%s', (row, amount, currency) => {
    const bucket = bucketOf(`[${row}]`, costs);
    expect(bucket).toMatchObject({ rows: 1, malformedRows: 0 });
    expect(bucket.decimals.get('amount_value')).toEqual([amount]);
    expect(bucket.units.get('amount_value')).toEqual([currency]);
  });

  const loses = (row: string) =>
    bucketOf(`[${row},{"amount":{"value":"2","currency":"usd"},"quantity":-4,"line_item":"b"}]`, costs, ['line_item']);

  test.each([
    '{"amount":5}',
    '{"amount":"5"}',
    '{"amount":[]}',
    '{"amount":{"value":true}}',
    '{"amount":{"value":{}}}',
    '{"amount":{"value":"1,234.50"}}',
    '{"amount":{"value":"$3"}}',
    '{"amount":{"value":"NaN"}}',
    '{"amount":{"value":""}}',
    '{"amount":{"value":"1e65"}}',
    '{"amount":{"value":1e999}}',
    '{"amount":{"value":"1","currency":{}}}',
  ])('%s loses the amount alone', (row) => {
    const bucket = loses(`${row.slice(0, -1)},"quantity":7,"line_item":"a"}`);
    expect(bucket).toMatchObject({ rows: 2, malformedRows: 0, damagedRows: 1, labels: [['a', 'b']] });
    expect(bucket.decimals.get('amount_value')).toEqual([null, '2']);
    expect(columnsOf(bucket)).toEqual({ quantity: [7, -4] });
    expect(bucket.losses).toMatchObject([{ kind: 'value', name: 'amount_value', lineItem: 'a' }]);
  });

  test.each([
    '"quantity":"many"',
    '"quantity":1e999',
    '"quantity":"1e17"',
    '"quantity":{}',
    '"quantity":5,"quantity_unit":[]',
  ])('%s loses the quantity alone', (quantity) => {
    const bucket = loses(`{"amount":{"value":"1","currency":"usd"},${quantity}}`);
    expect(bucket).toMatchObject({ rows: 2, malformedRows: 0, damagedRows: 1 });
    expect(bucket.decimals.get('amount_value')).toEqual(['1', '2']);
    expect(columnsOf(bucket)).toEqual({ quantity: [Number.NaN, -4] });
    expect(bucket.losses).toMatchObject([{ kind: 'value', name: 'quantity', lineItem: undefined }]);
  });

  it('has a quantity as text like one as a number', () => {
    const bucket = bucketOf(recordedRows('costs-quantity-text'), costs, ['line_item']);
    expect(bucket).toMatchObject({ rows: 3, malformedRows: 0, damagedRows: 1 });
    expect(bucket.decimals.get('amount_value')).toEqual(['40.00', '2.00', '1.00']);
    expect(columnsOf(bucket)).toEqual({ quantity: [123_456, 1_000, Number.NaN] });
    expect(bucket.losses).toEqual([
      { kind: 'value', name: 'quantity', sent: '"many"', lineItem: 'gpt-5, cached input' },
    ]);
  });

  it('tells each line item that lost something once, and so many at the most', () => {
    const row = (item: number) => ({ line_item: `item ${item}`, amount: { value: '$3', currency: 'usd' } });
    const twice = bucketOf([row(1), row(1), row(2)], costs);
    expect(twice.damagedRows).toBe(3);
    expect(twice.losses.map(({ lineItem }) => lineItem)).toEqual(['item 1', 'item 2']);
    const many = bucketOf(
      Array.from({ length: 100 }, (_, item) => row(item)),
      costs,
    );
    expect(many).toMatchObject({ damagedRows: 100 });
    expect(many.losses).toHaveLength(20);
  });
});

describe('labels', () => {
  it('are kept by type, in the order of the query; what is absent is null', () => {
    const bucket = bucketOf([{ batch: true, model: 'x' }, { batch: 'true', model: 7 }, { model: null }], completions, [
      'model',
      'batch',
    ]);
    expect(bucket.labels).toEqual([
      ['x', 7, null],
      [true, 'true', null],
    ]);
  });

  test.each(['{}', '[]', '1e999'])('that are %s refuse the row', (json) => {
    const bucket = bucketOf(`[{"model":${json}},{"model":"b"}]`, completions, ['model']);
    expect(bucket).toMatchObject({ rows: 1, malformedRows: 1, labels: [['b']], refused: [] });
  });

  test('of a refused row are kept if they can be read: its group is there, with unknown values', () => {
    const bucket = bucketOf('[{"model":"a","input_tokens":"many"},{"model":"b"},7]', completions, ['model']);
    expect(bucket).toMatchObject({ rows: 1, malformedRows: 2, labels: [['b']], refused: [['a']] });
  });
});

it('counts and tells labels that are too long, in characters', () => {
  const bucket = bucketOf([{ model: '🤖'.repeat(256) }, { model: '🤖'.repeat(257) }], completions, ['model']);
  expect(bucket).toMatchObject({ rows: 2, malformedRows: 0, damagedRows: 1 });
  expect(bucket.losses).toMatchObject([{ kind: 'label', name: 'model' }]);
});

describe('fields that the catalogue does not know', () => {
  it('are taken if they are numbers, nested ones too', () => {
    const bucket = bucketOf([
      { input_tokens: 1, reasoning_tokens: 5, details: { audio: { seconds: 2.5, deep: { er: 1 } }, words: 'x' } },
      { input_tokens: 2, reasoning_tokens: 'many', refund: -3 },
    ]);
    expect(columnsOf(bucket)).toEqual({
      input_tokens: [1, 2],
      reasoning_tokens: [5, Number.NaN],
      details_audio_seconds: [2.5, Number.NaN],
      refund: [Number.NaN, -3],
    });
    expect(bucket.malformedRows).toBe(0);
  });

  it('are not labels, identifiers, other names than metrics can have, or copies of known ones', () => {
    const bucket = bucketOf(
      '[{"project_id":4,"size":3,"organization_id":5,"id":6,"Upper":1,"1st":1,"a-b":1,"":1,"huge":1e999,"quantity":2,"amount":{"value":1,"tax":3},"amount_value":9,"quantity_unit":5}]',
      costs,
      ['project_id'],
    );
    expect(columnsOf(bucket)).toEqual({ quantity: [2], amount_tax: [3] });
    expect(bucket.labels).toEqual([[4]]);
    expect(bucket).toMatchObject({ damagedRows: 1, malformedRows: 0 });
    expect(bucket.losses.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
      'field Upper',
      'field 1st',
      'field a-b',
      'field ',
      'value huge',
    ]);
  });

  it('share no column: the first path has the name', () => {
    const bucket = bucketOf([{ a: { b: 1 } }, { a_b: 2 }, { a: { b: 3 }, a_b: 4 }]);
    expect(columnsOf(bucket)).toEqual({ a_b: [1, Number.NaN, 3] });
    expect(bucket.damagedRows).toBe(2);
  });

  it('are bounded in a page', () => {
    const row = Object.fromEntries(Array.from({ length: 5_000 }, (_, index) => [`f${index}`, index]));
    const page = { data: [0, 60].map((start) => ({ start_time: start, end_time: start + 60, results: [row] })) };
    const { buckets } = decodePage(Buffer.from(JSON.stringify(page)), completions, []);
    expect(buckets.map(({ damagedRows, losses }) => [damagedRows, losses.length])).toEqual([
      [1, 20],
      [1, 20],
    ]);
    expect(buckets.map(({ numbers }) => [...numbers.keys()])).toEqual(
      Array(2).fill(Array.from({ length: 64 }, (_, index) => `f${index}`)),
    );
    const few = decodePage(Buffer.from(JSON.stringify(page)), completions, [], 2);
    expect(few.buckets[1]?.numbers.size).toBe(2);
  });

  it('leave nothing behind from a refused row', () => {
    const bucket = bucketOf([{ extra: 5 }, { extra: 6, input_tokens: -1 }, {}]);
    expect(bucket).toMatchObject({ rows: 2, malformedRows: 1 });
    expect(columnsOf(bucket)).toEqual({ extra: [5, Number.NaN] });
  });
});

it('takes no harm from keys that are names of JavaScript', () => {
  const row =
    '{"__proto__":{"input_tokens":5,"x":1},"constructor":{"y":1},"hasOwnProperty":3,"toString":1,"input_tokens":1}';
  const bucket = bucketOf(`[${row}]`, completions, ['model']);
  expect(bucket.numbers.get('input_tokens')).toEqual(Float64Array.of(1));
  expect([...bucket.numbers.keys()].sort()).toEqual(['constructor_y', 'input_tokens']);
  expect(Object.hasOwn(Object.prototype, 'x')).toBe(false);
  const page = '{"__proto__":{"data":[]}}';
  expect(() => decodePage(Buffer.from(page), completions, [])).toThrow('data');
});

it('never fails but as a malformed page, and columns are as long as the rows', () => {
  const keys = [
    'input_tokens',
    'model',
    'batch',
    'amount',
    'value',
    'currency',
    'quantity',
    'seconds',
    'x',
    '__proto__',
  ];
  const value = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      fc.constantFrom(null, true, -1, 0, 1, 2.5, 1e300, '', 'a', '1', '0E-6176'),
      fc.array(tie('value'), { maxLength: 2 }),
      fc.dictionary(fc.constantFrom(...keys), tie('value'), { maxKeys: 5 }),
    ),
  })).value;
  fc.assert(
    fc.property(fc.array(value, { maxLength: 8 }), fc.constantFrom(...endpoints), (rows, of) => {
      const bucket = bucketOf(rows, of, of.dimensions);
      expect(bucket.rows + bucket.malformedRows).toBe(rows.length);
      const columns = [
        ...bucket.labels,
        ...bucket.numbers.values(),
        ...bucket.decimals.values(),
        ...bucket.units.values(),
      ];
      for (const column of columns) expect(column.length).toBe(bucket.rows);
    }),
  );
  fc.assert(
    fc.property(value, (page) => {
      try {
        decodePage(Buffer.from(JSON.stringify(page)), completions, []);
      } catch (error) {
        expect(error).toBeInstanceOf(MalformedPage);
      }
    }),
  );
});

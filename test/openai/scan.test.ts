/** Bodies that are short in bytes and long to parse are refused while they are read. */
import { describe, expect, test } from 'vitest';
import { BodyRefused } from '../../src/openai/body.ts';
import { apiErrorIn } from '../../src/openai/errors.ts';
import { type BodyShape, createScan, errorShape, listShape, pageShape } from '../../src/openai/scan.ts';

/** Returns why the body is refused, read in parts of so many bytes; and how much of it had been read by then. */
function refusal(text: string, shape: BodyShape = pageShape, size = 65_536) {
  const body = Buffer.from(text);
  const scan = createScan(shape);
  for (let at = 0; at < body.length; at += size) {
    try {
      scan.take(body.subarray(at, at + size));
    } catch (error) {
      if (!(error instanceof BodyRefused)) throw error;
      return { reason: error.reason, message: error.message, read: Math.min(body.length, at + size) };
    }
  }
  return undefined;
}

const page = (results: string) =>
  `{"object":"page","data":[{"start_time":0,"end_time":60,"results":[${results}]}],"has_more":false}`;
const numbers = (count: number) => `{${Array.from({ length: count }, (_, index) => `"f${index}":${index}`).join(',')}}`;

describe('a page', () => {
  test.each<[string, string, 'malformed' | 'too_large', string]>([
    [
      '16 rows of 100,000 numbers',
      page(Array(16).fill(numbers(100_000)).join(',')),
      'malformed',
      'row 1 has more than 500 values',
    ],
    ['one row of a million numbers', page(numbers(1_000_000)), 'malformed', 'row 1 has more than 500 values'],
    ['a good row and a wide one', page(`{},${numbers(501)}`), 'malformed', 'row 2 has more than 500 values'],
    ['brackets in a row', page('['.repeat(100_000)), 'malformed', 'nested more than 16 deep'],
    ['brackets alone', '['.repeat(100_000), 'malformed', 'nested more than 16 deep'],
    [
      'a wide array in a row',
      page(`{"a":[${'[],'.repeat(100_000)}[]]}`),
      'malformed',
      'row 1 has more than 500 values',
    ],
    [
      'rows that are not where rows are',
      `{"data":{"a":[${'{"a":1},'.repeat(100_000)}{}]}}`,
      'malformed',
      '50000 values that are not in a row',
    ],
    ['a long text', page(`{"model":"${'x'.repeat(100_000)}"}`), 'malformed', 'a text is longer than 16384 bytes'],
    [
      'a long text that does not end',
      `{"model":"${'x'.repeat(100_000)}`,
      'malformed',
      'a text is longer than 16384 bytes',
    ],
    ['a long row', page(`{"a":${' '.repeat(300_000)}1}`), 'malformed', 'row 1 is longer than 131072 bytes'],
    ['too many rows', page(`${'{},'.repeat(300_000)}{}`), 'too_large', 'more than 300000 rows'],
    [
      'too much around the rows',
      `{"a":${'1'.repeat(5_000_000)}}`,
      'too_large',
      'more than 4 MiB that are not in a row',
    ],
  ])('of %s is refused', (_name, text, reason, message) => {
    expect(refusal(text)).toMatchObject({ reason, message: expect.stringContaining(message) });
  });

  test('is refused before the rest of it is read', () => {
    const { read } = refusal(page(numbers(1_000_000))) ?? { read: Number.NaN };
    expect(read).toBeLessThanOrEqual(65_536);
  });

  test('as the API sends it is not refused, in whatever parts it comes', () => {
    const row = JSON.stringify({
      ...Object.fromEntries(Array.from({ length: 90 }, (_, index) => [`a_new_field_${index}`, index])),
      project_id: 'a "quoted\\" one, with {brackets] in it',
      amount: { value: '0.02579200000000000000000000000000000', currency: 'usd' },
      line_item: 'x'.repeat(4_000),
    });
    const text = page(Array(40).fill(row).join(' ,\n'));
    for (const size of [1, 7, 1_000, 65_536]) expect(refusal(text, pageShape, size)).toBe(undefined);
  });

  test('of 300,000 rows is not refused', () => {
    expect(refusal(page(`${'{},'.repeat(299_999)}{}`))).toBe(undefined);
  });

  test.each(['', ']]}}', '"', '\\', '{"a":"\\', ',,,,', 'null'])(
    'that is none, like %j, is left to the parser',
    (text) => {
      expect(refusal(text)).toBe(undefined);
    },
  );
});

describe('a list', () => {
  const list = (items: string) => `{"object":"list","data":[${items}],"has_more":false}`;
  test('is bounded in items, values and bytes', () => {
    const item = '{"id":"key_1","name":"n","owner":{"type":"user","user":{"id":"u"}}}';
    expect(refusal(list(Array(10_000).fill(item).join(',')), listShape)).toBe(undefined);
    expect(refusal(list(Array(10_001).fill(item).join(',')), listShape)?.message).toContain('more than 10000 items');
    expect(refusal(list(numbers(501)), listShape)?.message).toContain('item 1 has more than 500 values');
    expect(refusal(list(Array(500).fill(numbers(450)).join(',')), listShape)?.message).toContain(
      'more than 200000 values',
    );
    expect(
      refusal(
        list(
          Array(900)
            .fill(`{"id":"${'x'.repeat(10_000)}"}`)
            .join(','),
        ),
        listShape,
      )?.message,
    ).toContain('longer than 8 MiB');
  });
});

describe('an error', () => {
  test('that is too deep or too wide says nothing', () => {
    expect(apiErrorIn(`{"error":{"message":"no","more":${'['.repeat(30)}${']'.repeat(30)}}}`)).toEqual({});
    expect(refusal(numbers(2_000), errorShape)?.message).toContain('more than 1000 values');
    expect(apiErrorIn('{"error":{"message":"no","code":"c"}}')).toEqual({ message: 'no', code: 'c' });
  });
});

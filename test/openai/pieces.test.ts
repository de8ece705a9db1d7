import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cutPage, rowsOf } from '../../src/openai/pieces.ts';

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Returns what the frame and the pieces make together. */
function together(text: string | Buffer): unknown {
  const body = Buffer.from(text);
  const { frame, lists } = cutPage(body);
  const rows = lists.map((pieces) => pieces.flatMap((piece) => rowsOf(body, piece)));
  for (const [index, pieces] of lists.entries()) {
    expect(pieces.reduce((sum, piece) => sum + piece.rows, 0)).toBe(rows[index]?.length);
  }
  const page: unknown = JSON.parse(frame);
  if (!isObject(page)) return page;
  for (const data of Object.values(page)) {
    if (!Array.isArray(data)) continue;
    for (const bucket of data) {
      if (!isObject(bucket)) continue;
      for (const [key, list] of Object.entries(bucket)) {
        if (!Array.isArray(list)) continue;
        expect(list).toEqual([expect.any(Number)]);
        Object.defineProperty(bucket, key, { value: rows[Number(list[0])] });
      }
    }
  }
  return page;
}

function page(...lists: readonly string[]): string {
  return `{"data":[${lists.map((list) => `{"results":[${list}],"n":[1, 2]}`).join(',')}],"has_more":false}`;
}

describe('a page in pieces', () => {
  test.each([
    ['no rows', page('', ' \n')],
    ['a row', page('{"a":1}')],
    ['brackets, commas and quotes in strings', page('{"a":"],}[{,\\"\\\\"},{"b":["]",[{}]]}', '"\\\\",[1,[2]]')],
    ['spaces everywhere', ` { "data" : [ { "results" : [ { "a" : 1 } , { } , 3 ] } ] } `],
    ['other shapes', '{"a":{"b":[{"c":[1]}]},"d":[[1,{"e":[2]}],{"f":{"g":[3]}}]}'],
    ['a key twice', '{"data":[{"results":[1],"results":[2,3]}]}'],
    ['no object', '[{"a":[{"b":[1]}]}]'],
    ['bytes beyond ASCII', page('{"ä":"模型 🤖 \\ud83d"}')],
    ['many rows', page(Array.from({ length: 1_001 }, (_, i) => `{"a":${i}}`).join(', '))],
    ['long rows', page(Array.from({ length: 5 }, (_, i) => `"${'x'.repeat(60_000 * i)}"`).join())],
  ])('is what it was: %s', (_, text) => {
    expect(together(text)).toEqual(JSON.parse(text));
  });

  test('has a mark of the byte order left out, and damaged bytes replaced', () => {
    const bytes = Buffer.concat([Buffer.from('\ufeff{"a":"'), Buffer.from([0xff, 0xc3]), Buffer.from('"}')]);
    expect(together(bytes)).toEqual({ a: '\ufffd\ufffd' });
  });

  const many = Array.from({ length: 600 }, () => '{}').join();
  test.each([
    ',',
    '{},',
    ',{}',
    '{},,{}',
    '{}{}',
    '{]}',
    '[}',
    '{}]',
    '"',
    '"\\"',
    '{}\\',
    `${many},`,
    `${many},,${many}`,
    `,${many}`,
  ])('that is no JSON is none: %s', (list) => {
    const text = page(list);
    expect(() => JSON.parse(text)).toThrow(SyntaxError);
    expect(() => together(text)).toThrow();
  });

  test('is JSON exactly when the whole is, and then the same, wherever a byte is changed', () => {
    const row = fc.oneof(fc.json({ maxDepth: 2 }), fc.constant('{"a":"\\\\\\"]","b":[{}]}'));
    const lists = fc.array(
      fc.array(row, { maxLength: 5 }).map((rows) => rows.join(',')),
      { maxLength: 3 },
    );
    const edit = fc.record({
      at: fc.nat(),
      drop: fc.integer({ min: 0, max: 2 }),
      put: fc.constantFrom('', ',', '"', '\\', '{', '}', '[', ']', ' ', '1'),
    });
    fc.assert(
      fc.property(lists, fc.option(edit), (contents, change) => {
        let text = page(...contents);
        if (change !== null) {
          const at = change.at % text.length;
          text = text.slice(0, at) + change.put + text.slice(at + change.drop);
        }
        let whole: unknown;
        try {
          whole = JSON.parse(text);
        } catch {
          expect(() => together(text)).toThrow();
          return;
        }
        expect(together(text)).toEqual(whole);
      }),
      { numRuns: 500 },
    );
  });
});

/** Tests what an API that is broken, replaced or hostile could send: bytes, JSON, and pages and lists that are nearly right. */
import fc from 'fast-check';
import { endpoints } from '../../src/openai/catalogue.ts';
import { rateLimitFields } from '../../src/openai/list-items.ts';

/** The body for a request whose first bucket starts at `from`, in seconds, and is `seconds` wide. */
export type Body = (from: number, seconds: number) => Buffer;

/** A text that is written key by key, so that the same key can come twice and `__proto__` is a key like any other. */
type Json = string;

const evilKeys = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'then',
  'length',
  '',
  '\u0000',
];

const text = fc.oneof(
  { arbitrary: fc.constantFrom('p', 'proj_a', 'user', 'gpt-5', 'usd', 'USD', 'none', 'other', 'none ', ''), weight: 6 },
  fc.constantFrom(
    'a"b\\c\nd',
    '\ud800',
    'x\udc00y',
    '\u2028\u0085\r\n',
    '\u0000\u001b[31m',
    '"} 1\nopenai_up 0\n# EOF',
    '🤖'.repeat(300),
    '\\',
    '{a="b"}',
    '../..',
    '%2e%2e',
    ...evilKeys,
  ),
  fc.string({ unit: 'binary', maxLength: 20 }),
);

const number = fc.oneof(
  fc.nat({ max: 1_000_000 }),
  fc.constantFrom(0, -0, -1, 1e308, -1e308, 5e-324, 2 ** 53, 2 ** 53 + 2, 0.1, 2_147_483_647),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);

const scalar: fc.Arbitrary<Json> = fc.oneof(
  { arbitrary: number.map((value) => JSON.stringify(value)), weight: 4 },
  { arbitrary: text.map((value) => JSON.stringify(value)), weight: 4 },
  fc.constantFrom(
    'null',
    'true',
    'false',
    '1e999',
    '-1e999',
    '0.1e-400',
    '[]',
    '{}',
    '[[[]]]',
    '{"__proto__":{"x":1}}',
  ),
);

const amount: fc.Arbitrary<Json> = fc
  .oneof(
    fc.constantFrom(
      '0E-6176',
      '-0',
      '1e65',
      '1E-64',
      '9'.repeat(34),
      '9'.repeat(400),
      '.5',
      '5.',
      '0x10',
      'Infinity',
      ' 1',
    ),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  )
  .map((value) => JSON.stringify(value));

const anything: fc.Arbitrary<Json> = fc.oneof(scalar, fc.json({ maxDepth: 3 }));

function object(entries: readonly (readonly [string, Json])[]): Json {
  return `{${entries.map(([key, value]) => `${JSON.stringify(key)}:${value}`).join(',')}}`;
}

function list(items: readonly Json[]): Json {
  return `[${items.join(',')}]`;
}

const rowKeys = [
  ...new Set([
    ...endpoints.flatMap(({ dimensions }) => dimensions),
    ...endpoints.flatMap(({ fields }) => fields.map(({ path }) => path[0] ?? '')),
    'quantity_unit',
    'new_field',
    'new_field_total',
    'bucket_width',
    'state',
    'le',
    'job',
    '__name__',
    ...evilKeys,
  ]),
];

const money = fc.tuple(fc.oneof(amount, scalar), fc.oneof(scalar, fc.constant('"usd"'))).map(([value, currency]) =>
  object([
    ['value', value],
    ['currency', currency],
  ]),
);

const row: fc.Arbitrary<Json> = fc.oneof(
  {
    arbitrary: fc
      .array(
        fc.oneof(
          fc.tuple(fc.constantFrom(...rowKeys), scalar),
          fc.tuple(fc.constantFrom('amount'), money),
          fc.tuple(text, anything),
        ),
        { maxLength: 14 },
      )
      .map(object),
    weight: 8,
  },
  anything,
);

interface Bucket {
  readonly shift: number;
  readonly width: number;
  readonly odd: Json | undefined;
  readonly rows: readonly Json[];
}

const bucket: fc.Arbitrary<Bucket> = fc.record({
  shift: fc.oneof({ arbitrary: fc.constant(0), weight: 40 }, fc.constantFrom(-1, 1, 0.5, 1e6, -1e9)),
  width: fc.oneof({ arbitrary: fc.constant(1), weight: 40 }, fc.constantFrom(0, -1, 0.5, 2)),
  odd: fc.oneof({ arbitrary: fc.constant(undefined), weight: 40 }, anything),
  rows: fc.array(row, { maxLength: 6 }),
});

const more = fc.array(fc.tuple(fc.constantFrom('has_more', 'next_page', 'last_id', 'object', ...evilKeys), anything), {
  maxLength: 4,
});

const page: fc.Arbitrary<Body> = fc
  .tuple(fc.array(bucket, { maxLength: 5 }), more)
  .map(([buckets, keys]) => (from, seconds) => {
    const data = buckets.map(({ shift, width, odd, rows }, index) => {
      const start = from + (index + shift) * seconds;
      const results = odd ?? list(rows);
      return object([
        ['start_time', JSON.stringify(start)],
        ['end_time', JSON.stringify(start + width * seconds)],
        ['results', results],
      ]);
    });
    return Buffer.from(object([['data', list(data)], ...keys]));
  });

const itemKeys = [
  'id',
  'name',
  'status',
  'email',
  'owner',
  'model',
  'threshold_amount',
  'currency',
  'expires_at',
  'enforcement',
  ...rateLimitFields,
  ...evilKeys,
];

const item: fc.Arbitrary<Json> = fc.oneof(
  {
    arbitrary: fc
      .array(fc.tuple(fc.constantFrom(...itemKeys), fc.oneof(scalar, amount, anything)), { maxLength: 10 })
      .chain((entries) =>
        fc.constantFrom('proj_a', 'p', 'user', 'a b').map((id) => object([['id', JSON.stringify(id)], ...entries])),
      ),
    weight: 6,
  },
  anything,
);

/** The item of a list, or of one object where that is asked for. */
const items: fc.Arbitrary<Body> = fc.tuple(fc.array(item, { maxLength: 6 }), more, fc.boolean()).map(
  ([all, keys, single]) =>
    () =>
      Buffer.from(single ? (all[0] ?? '{}') : object([['data', list(all)], ...keys])),
);

/** Bytes at some places replaced, or the end cut off. */
function damaged(bodies: fc.Arbitrary<Body>): fc.Arbitrary<Body> {
  const damage = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 3 });
  return fc.tuple(bodies, damage, fc.option(fc.nat())).map(([body, bytes, cut]) => (from, seconds) => {
    const whole = Buffer.from(body(from, seconds));
    if (whole.length === 0) return whole;
    for (const [at, byte] of bytes) whole[at % whole.length] = byte;
    return cut === null ? whole : whole.subarray(0, cut % whole.length);
  });
}

const bytes: fc.Arbitrary<Body> = fc.uint8Array({ maxLength: 200 }).map((raw) => () => Buffer.from(raw));
const json: fc.Arbitrary<Body> = fc.json({ maxDepth: 6 }).map((raw) => () => Buffer.from(raw));

export const pageBody: fc.Arbitrary<Body> = fc.oneof(
  { arbitrary: page, weight: 12 },
  { arbitrary: damaged(page), weight: 3 },
  bytes,
  json,
  items,
);

export const listBody: fc.Arbitrary<Body> = fc.oneof(
  { arbitrary: items, weight: 6 },
  { arbitrary: damaged(items), weight: 2 },
  bytes,
  json,
  page,
);

import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import type { RawBucket } from '../../src/openai/bucket-page.ts';
import type { Width } from '../../src/openai/catalogue.ts';
import { widthSeconds } from '../../src/openai/catalogue.ts';
import { addDecimals, type Bucket, collectBucket, isNonZeroDecimal } from '../../src/usage/bucket.ts';
import { FieldTable } from '../../src/usage/fields.ts';
import { GroupTable } from '../../src/usage/groups.ts';
import { endpointNamed, type Row, rawBucket, seconds } from '../helpers/rows.ts';
import { propertyRuns, propertyTimeout } from '../helpers/runs.ts';

vi.setConfig({ testTimeout: propertyTimeout });

const start = seconds('2026-05-15T12:00Z');
const settleDelay = 900_000;

function tables(api: string, dimensions: readonly string[]) {
  return { groups: new GroupTable(dimensions, 100), fields: new FieldTable(endpointNamed(api)) };
}

/** Values by labels and field, as far as the bucket has them. */
function contents(bucket: Bucket | undefined, { groups, fields }: ReturnType<typeof tables>) {
  const found: Record<string, number | string> = {};
  bucket?.groups.forEach((group, slot) => {
    fields.all.forEach(({ name }, index) => {
      const number = bucket.numbers.get(index)?.[slot];
      const decimal = bucket.decimals.get(index)?.[slot];
      if (number !== undefined && !Number.isNaN(number)) found[`${name}{${groups.text(group)}}`] = number;
      if (decimal !== undefined && decimal !== null) found[`${name}{${groups.text(group)}}`] = decimal;
    });
  });
  return found;
}

function collected(api: string, dimensions: readonly string[], rows: readonly Row[]) {
  const both = tables(api, dimensions);
  const raw = rawBucket('1d', start, rows);
  return contents(collectBucket(raw, '1d', start * 1_000, settleDelay, both.groups, both.fields), both);
}

describe('a collected bucket', () => {
  test('sums the rows of a group that comes more than once', () => {
    const row = (model: string, tokens: number) => ({ labels: [model], fields: { input_tokens: tokens } });
    expect(collected('embeddings', ['model'], [row('a', 1), row('b', 10), row('a', 2), row('a', 4)])).toEqual({
      'input_tokens{model="a"}': 7,
      'input_tokens{model="b"}': 10,
    });
  });

  test('knows nothing of a group with a refused row, and that the group is there', () => {
    const both = tables('embeddings', ['model']);
    const rows = ['a', 'b'].map((model) => ({ labels: [model], fields: { input_tokens: 5 } }));
    const raw: RawBucket = { ...rawBucket('1d', start, rows), malformedRows: 2, refused: [['a'], ['c']] };
    const bucket = collectBucket(raw, '1d', start * 1_000, settleDelay, both.groups, both.fields);
    expect(contents(bucket, both)).toEqual({ 'input_tokens{model="b"}': 5 });
    const texts = [...(bucket?.groups ?? [])].map((group) => both.groups.text(group));
    expect(texts).toEqual(['model="a"', 'model="b"', 'model="c"']);
  });

  test('knows of the folded group what its other rows say', () => {
    const both = { groups: new GroupTable(['model'], 1), fields: new FieldTable(endpointNamed('embeddings')) };
    const rows = ['a', 'b', 'c'].map((model) => ({ labels: [model], fields: { input_tokens: 5 } }));
    const raw: RawBucket = { ...rawBucket('1d', start, rows), malformedRows: 1, refused: [['d']] };
    const bucket = collectBucket(raw, '1d', start * 1_000, settleDelay, both.groups, both.fields);
    expect(contents(bucket, both)).toEqual({ 'input_tokens{model="a"}': 5, 'input_tokens{model="other"}': 10 });
    expect(bucket?.malformedRows).toBe(1);
  });

  test('says since when rows of usage have been refused, and not before it could have settled; of costs nothing', () => {
    const settles = (start + widthSeconds['1d']) * 1_000 + settleDelay;
    const since = (api: string, readAt: number, malformedRows: number) => {
      const both = tables(api, []);
      const field = api === 'costs' ? { amount_value: '1' } : { input_tokens: 1 };
      const raw = { ...rawBucket('1d', start, [{ labels: [], fields: field }]), malformedRows };
      return collectBucket(raw, '1d', readAt, settleDelay, both.groups, both.fields)?.refusedSince;
    };
    expect(since('embeddings', settles + 7, 0)).toBe(undefined);
    expect(since('embeddings', settles - 7, 1)).toBe(settles);
    expect(since('embeddings', settles + 7, 1)).toBe(settles + 7);
    expect(since('costs', settles + 7, 1)).toBe(undefined);
  });

  test('sums rows whose labels differ only past what a label value keeps', () => {
    const long = 'x'.repeat(256);
    expect(
      collected(
        'embeddings',
        ['model'],
        [
          { labels: [`${long}1`], fields: { input_tokens: 1 } },
          { labels: [`${long}2`], fields: { input_tokens: 2 } },
        ],
      ),
    ).toEqual({ [`input_tokens{model="${long}"}`]: 3 });
  });

  test('takes missing for missing, not for 0', () => {
    expect(
      collected(
        'completions',
        ['model'],
        [
          { labels: ['a'], fields: { input_tokens: 5 } },
          { labels: ['a'], fields: { input_tokens: 5, output_audio_tokens: 3 } },
          { labels: ['b'], fields: { input_tokens: 0 } },
        ],
      ),
    ).toEqual({
      'input_tokens{model="a"}': 10,
      'output_audio_tokens{model="a"}': 3,
      'input_tokens{model="b"}': 0,
    });
  });

  test('keeps amounts apart by currency, and quantities by unit', () => {
    const line = (amount: string, currency: string, quantity: number, unit: string | null): Row => ({
      labels: ['p', 'line'],
      fields: { amount_value: amount, quantity },
      units: { amount_value: currency, quantity: unit },
    });
    expect(
      collected(
        'costs',
        ['project_id', 'line_item'],
        [line('1.5', 'usd', 10, 'tokens'), line('2', 'eur', 20, 'tokens'), line('0.25', 'usd', 1, null)],
      ),
    ).toEqual({
      'amount_value{currency="usd",project_id="p",line_item="line"}': '1.75',
      'amount_value{currency="eur",project_id="p",line_item="line"}': '2',
      'quantity{quantity_unit="tokens",project_id="p",line_item="line"}': 30,
      'quantity{quantity_unit="none",project_id="p",line_item="line"}': 1,
    });
  });

  test('has a row without an amount, which is no amount', () => {
    expect(
      collected(
        'costs',
        ['project_id'],
        [
          { labels: ['p'], fields: { quantity: 3 }, units: { quantity: 'calls' } },
          { labels: ['q'], fields: { amount_value: '-0.5' }, units: { amount_value: 'usd' } },
        ],
      ),
    ).toEqual({
      'quantity{quantity_unit="calls",project_id="p"}': 3,
      'amount_value{currency="usd",project_id="q"}': '-0.5',
    });
  });

  test.each<[string, readonly string[], number]>([
    ['0.1 + 0.2', ['0.1', '0.2'], 0.3],
    ['the API’s nought', ['0E-6176'], 0],
    ['nought and something', ['0E-6176', '0.07', '0E-6176'], 0.07],
    ['a credit', ['1.10', '-2.20'], -1.1],
    [
      '34 digits',
      ['0.1234567890123456789012345678901234', '0.0000000000000000000000000000000001'],
      0.12345678901234568,
    ],
    ['much and little', ['9007199254740993', '0.5', '-9007199254740993'], 0.5],
    ['exponents', ['1e-7', '9E-7'], 1e-6],
  ])('adds amounts exactly: %s', (_, amounts, sum) => {
    const rows = amounts.map((amount) => ({
      labels: ['p'],
      fields: { amount_value: amount },
      units: { amount_value: 'usd' },
    }));
    const [value] = Object.values(collected('costs', ['project_id'], rows));
    expect(Number(value)).toBe(sum);
  });

  test('adds decimals as whole numbers would be added, in any order', () => {
    const digits = fc.bigInt({ min: -(10n ** 34n), max: 10n ** 34n });
    const scale = 20;
    const text = (value: bigint) => {
      const padded = (value < 0n ? -value : value).toString().padStart(scale + 1, '0');
      return `${value < 0n ? '-' : ''}${padded.slice(0, -scale)}.${padded.slice(-scale)}`;
    };
    fc.assert(
      fc.property(fc.array(digits, { minLength: 1, maxLength: 8 }), (values) => {
        const sum = values.reduce((a, b) => a + b, 0n);
        const forth = values.map(text).reduce(addDecimals);
        const back = values.map(text).reverse().reduce(addDecimals);
        expect(addDecimals(forth, '0')).toBe(addDecimals(text(sum), '0E-6176'));
        expect(addDecimals(back, '0')).toBe(addDecimals(forth, '0'));
        expect(isNonZeroDecimal(forth)).toBe(sum !== 0n);
      }),
      { numRuns: propertyRuns },
    );
  });

  test('knows whether anything was used', () => {
    const both = tables('costs', ['project_id']);
    const used = (fields: Row['fields']) =>
      collectBucket(
        rawBucket('1d', start, [{ labels: ['p'], fields, units: { amount_value: 'usd', quantity: null } }]),
        '1d',
        start * 1_000,
        settleDelay,
        both.groups,
        both.fields,
      )?.used;
    expect(used({ amount_value: '0E-6176', quantity: 0 })).toBe(false);
    expect(used({ amount_value: '0.000' })).toBe(false);
    expect(used({ amount_value: '-0.01' })).toBe(true);
    expect(used({ quantity: 1 })).toBe(true);
    expect(used({})).toBe(false);
  });

  test('takes fields that the catalogue does not know, 64 at most', () => {
    const both = tables('embeddings', ['model']);
    const fields = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`new_${index}`, index + 1]));
    const bucket = collectBucket(
      rawBucket('1d', start, [{ labels: ['a'], fields: { input_tokens: 1, ...fields } }]),
      '1d',
      start * 1_000,
      settleDelay,
      both.groups,
      both.fields,
    );
    const found = contents(bucket, both);
    expect(found['new_0{model="a"}']).toBe(1);
    expect(found['input_tokens{model="a"}']).toBe(1);
    expect(Object.keys(found).length).toBe(1 + 64);
  });
});

describe('whether a bucket is whole and settled', () => {
  const end = start + widthSeconds['1h'];
  const both = tables('embeddings', ['model']);
  const collect = (raw: Partial<RawBucket>, readAt: number, width: Width = '1h') =>
    collectBucket(
      { ...rawBucket(width, start, [{ labels: ['a'], fields: { input_tokens: 1 } }]), ...raw },
      width,
      readAt * 1_000,
      settleDelay,
      both.groups,
      both.fields,
    );

  test.each<[string, number, number, 'settled' | 'unsettled' | 'refused']>([
    ['in progress, cut at the time of the query', start + 600, start + 600, 'unsettled'],
    ['in progress, whole', end, start + 600, 'unsettled'],
    ['ended, read before the settle delay has passed', end, end + 899, 'unsettled'],
    ['ended, read when it has passed', end, end + 900, 'settled'],
    ['clipped and read in time', end - 60, end + 900, 'refused'],
    ['clipped and read days later', end - 1, end + 864_000, 'refused'],
    ['clipped and read just after its end', end - 60, end, 'refused'],
    ['longer than its width', end + 60, end + 900, 'refused'],
    ['longer than its width, in progress', end + 60, start + 600, 'refused'],
  ])('%s', (_, rawEnd, readAt, outcome) => {
    const bucket = collect({ end: rawEnd }, readAt);
    expect(bucket === undefined ? 'refused' : bucket.settled ? 'settled' : 'unsettled').toBe(outcome);
  });

  test('a clipped bucket never counts as settled, whenever it is read', () => {
    fc.assert(
      fc.property(
        fc.constantFrom<Width>('1m', '1h', '1d'),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        fc.integer({ min: -86_400, max: 30 * 86_400 }),
        (width, share, after) => {
          const clipped = start + Math.floor(widthSeconds[width] * share);
          const bucket = collect({ end: clipped }, start + widthSeconds[width] + after, width);
          expect(bucket?.settled ?? false).toBe(false);
        },
      ),
      { numRuns: propertyRuns },
    );
  });
});

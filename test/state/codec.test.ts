import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import {
  type ApiState,
  decodeState,
  encodeState,
  fingerprintOf,
  groupHash,
  type State,
} from '../../src/state/codec.ts';
import { propertyRuns, propertyTimeout } from '../helpers/runs.ts';

vi.setConfig({ testTimeout: propertyTimeout });

const value = fc.oneof(fc.constant(Number.NaN), fc.integer({ min: 0 }), fc.double({ max: Number.MAX_SAFE_INTEGER }));

const apiState: fc.Arbitrary<ApiState> = fc
  .record({
    api: fc.string(),
    anchor: fc.integer({ min: 0, max: 4e9 }),
    dimensions: fc.option(fc.array(fc.string(), { maxLength: 4 }), { nil: undefined }),
    unseen: fc.option(fc.boolean(), { nil: undefined }),
    fields: fc.array(fc.string({ unit: 'binary' }), { maxLength: 4 }),
    groups: fc.integer({ min: 0, max: 12 }),
  })
  .chain(({ groups, ...rest }) =>
    fc.record({
      api: fc.constant(rest.api),
      anchor: fc.constant(rest.anchor),
      dimensions: fc.constant(rest.dimensions),
      unseen: fc.constant(rest.unseen),
      fields: fc.constant(rest.fields.map((field) => Buffer.from(field).toString())),
      hashes: fc.uint8Array({ minLength: 8 * groups, maxLength: 8 * groups }),
      values: fc
        .array(value, { minLength: groups * rest.fields.length, maxLength: groups * rest.fields.length })
        .map((values) => Float64Array.from(values)),
    }),
  );

const states: fc.Arbitrary<State> = fc.record({
  fingerprint: fc.string(),
  apis: fc.array(apiState, { maxLength: 4 }),
});

/** A file with a right checksum whose header and content are whatever. */
function sealed(header: string, content: Uint8Array = new Uint8Array()): Buffer {
  const magic = encodeState({ fingerprint: '', apis: [] }).toString('latin1').split('\n')[0] ?? '';
  const body = Buffer.concat([Buffer.from(`${magic}\n${header}\n`), content]);
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32LE(crc32(body));
  return Buffer.concat([body, checksum]);
}

describe('the form of the state file', () => {
  test('gives back what was put in', () => {
    fc.assert(
      fc.property(states, (state) => {
        const back = decodeState(encodeState(state));
        expect(back.fingerprint).toBe(state.fingerprint);
        expect(back.apis.map((each) => ({ ...each, values: [...each.values], hashes: [...each.hashes] }))).toEqual(
          state.apis.map((each) => ({ ...each, values: [...each.values], hashes: [...each.hashes] })),
        );
      }),
      { numRuns: propertyRuns },
    );
  });

  test('takes no value that no count can have', () => {
    const values = Float64Array.of(7, 1e308, Number.MAX_SAFE_INTEGER, 2 ** 53, Number.POSITIVE_INFINITY);
    const hashes = new Uint8Array(5 * 8);
    const state = { fingerprint: 'f', apis: [{ api: 'a', anchor: 0, fields: ['x'], hashes, values }] };
    const [api] = decodeState(encodeState(state)).apis;
    expect([...(api?.values ?? [])]).toEqual([7, Number.NaN, Number.MAX_SAFE_INTEGER, Number.NaN, Number.NaN]);
  });

  test('refuses any other bytes with an error that says why, and nothing worse', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(() => decodeState(Buffer.from(bytes))).toThrow(/^it/);
      }),
      { numRuns: propertyRuns },
    );
  });

  test('notices every changed byte and every cut', () => {
    const bytes = fc.tuple(states, fc.nat(), fc.integer({ min: 1, max: 255 }));
    fc.assert(
      fc.property(bytes, ([state, at, by]) => {
        const file = encodeState(state);
        const changed = Buffer.from(file);
        const index = at % file.length;
        changed[index] = (changed[index] ?? 0) ^ by;
        expect(() => decodeState(changed)).toThrow(Error);
        expect(() => decodeState(file.subarray(0, index))).toThrow(Error);
      }),
      { numRuns: propertyRuns },
    );
  });

  test.each([
    ['no JSON', 'no'],
    ['null', 'null'],
    ['a list', '[]'],
    ['no apis', '{"fingerprint":"x"}'],
    ['apis that are none', '{"fingerprint":"x","apis":[null]}'],
    ['apis in an object', '{"fingerprint":"x","apis":{}}'],
    ['a fingerprint that is a number', '{"fingerprint":1,"apis":[]}'],
    ['a negative number of groups', '{"fingerprint":"x","apis":[{"api":"a","anchor":1,"fields":[],"groups":-1}]}'],
    ['a fraction of groups', '{"fingerprint":"x","apis":[{"api":"a","anchor":1,"fields":[],"groups":0.5}]}'],
    [
      'more groups than there can be',
      '{"fingerprint":"x","apis":[{"api":"a","anchor":1,"fields":["f"],"groups":9007199254740991}]}',
    ],
    ['an anchor that is a text', '{"fingerprint":"x","apis":[{"api":"a","anchor":"1","fields":[],"groups":0}]}'],
    ['a word for unseen', '{"fingerprint":"x","apis":[{"api":"a","anchor":1,"unseen":"no","fields":[],"groups":0}]}'],
    ['a field that is a number', '{"fingerprint":"x","apis":[{"api":"a","anchor":1,"fields":[1],"groups":0}]}'],
    ['less content than it says', '{"fingerprint":"x","apis":[{"api":"a","anchor":1,"fields":["f"],"groups":1}]}'],
  ])('refuses a file that is sound but says nonsense: %s', (_, header) => {
    expect(() => decodeState(sealed(header))).toThrow(Error);
  });

  test('refuses more content than it says', () => {
    const header = '{"fingerprint":"x","apis":[]}';
    expect(decodeState(sealed(header)).apis).toEqual([]);
    expect(() => decodeState(sealed(header, Buffer.from('more')))).toThrow(Error);
  });
});

describe('what identifies', () => {
  test('a group: its api and labels, in eight bytes', () => {
    expect(groupHash('a', 'model="x"')).toHaveLength(8);
    const hashes = [groupHash('a', ''), groupHash('b', ''), groupHash('a', 'x="1"'), groupHash('a', 'x="2"')];
    expect(new Set(hashes.map((hash) => Buffer.from(hash).toString('hex'))).size).toBe(4);
    expect(groupHash('a', 'x="1"')).toEqual(groupHash('a', 'x="1"'));
  });

  test('settings: equal ones alike, others not, and nothing of them can be read', () => {
    expect(fingerprintOf({ a: ['secret'] })).toBe(fingerprintOf({ a: ['secret'] }));
    expect(fingerprintOf({ a: ['secret'] })).not.toBe(fingerprintOf({ a: ['secrets'] }));
    expect(fingerprintOf({ a: ['secret'] })).toMatch(/^[0-9a-f]{64}$/);
  });
});

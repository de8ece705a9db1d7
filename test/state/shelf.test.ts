/** The form of the state file as a whole. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeState } from '../../src/state/codec.ts';
import { decodeShelf, encodeShelf, mostStates, type Shelf } from '../../src/state/shelf.ts';

const bytes = fc.uint8Array({ maxLength: 50 });
const shelves: fc.Arbitrary<Shelf> = fc.record({
  states: fc.array(fc.record({ fingerprint: fc.string(), bytes }), { maxLength: mostStates }),
  names: fc.option(fc.uint8Array({ minLength: 1, maxLength: 50 }), { nil: undefined }),
});
const plain = ({ states, names }: Shelf) => ({
  states: states.map(({ fingerprint, bytes: own }) => [fingerprint, [...own]]),
  names: names === undefined ? undefined : [...names],
});

test('what is written is read', () => {
  fc.assert(
    fc.property(shelves, (shelf) => {
      expect(plain(decodeShelf(Buffer.concat(encodeShelf(shelf))))).toEqual(plain(shelf));
    }),
  );
});

test('no more states are written than are read', () => {
  const states = Array.from({ length: mostStates + 3 }, (_, index) => ({
    fingerprint: String(index),
    bytes: Uint8Array.of(index),
  }));
  const { states: read } = decodeShelf(Buffer.concat(encodeShelf({ states, names: undefined })));
  expect(read.map(({ fingerprint }) => fingerprint)).toEqual(['0', '1', '2', '3', '4']);
});

test('a file that is cut off or changed anywhere is refused', () => {
  fc.assert(
    fc.property(shelves, fc.nat(), fc.integer({ min: 1, max: 255 }), (shelf, at, flip) => {
      const file = Buffer.concat(encodeShelf(shelf));
      const index = at % file.length;
      expect(() => decodeShelf(file.subarray(0, index))).toThrow(Error);
      const changed = Buffer.from(file);
      changed.writeUInt8(changed.readUInt8(index) ^ flip, index);
      expect(() => decodeShelf(changed)).toThrow(Error);
    }),
  );
});

test('a file of the version before holds one state', () => {
  const file = encodeState({ fingerprint: 'theirs', apis: [] });
  expect(plain(decodeShelf(file))).toEqual({ states: [['theirs', [...file]]], names: undefined });
});

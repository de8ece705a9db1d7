/** A body is the same in however many pieces it comes, and is kept in few. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createBodyPieces } from '../../src/web/body-pieces.ts';

function gathered(pieces: readonly Buffer[]): readonly Uint8Array[] {
  const body = createBodyPieces();
  for (const piece of pieces) body.add(piece);
  return body.end();
}

test('a body is what came, in order, whatever the size of its pieces', () => {
  const size = fc.oneof(fc.integer({ min: 1, max: 64 }), fc.integer({ min: 1, max: 70_000 }));
  fc.assert(
    fc.property(fc.array(size, { maxLength: 40 }), (sizes) => {
      const pieces = sizes.map((length, index) => Buffer.alloc(length, index + 1));
      expect(Buffer.concat(gathered(pieces)).equals(Buffer.concat(pieces))).toBe(true);
    }),
  );
});

test('a body that comes byte by byte is kept in pieces of 64 KiB', () => {
  const byte = Buffer.from('a');
  expect(gathered(Array<Buffer>(200_000).fill(byte)).map(({ length }) => length)).toEqual([
    1, 65_536, 65_536, 65_536, 3_391,
  ]);
});

test('a body in one piece, and large pieces, are kept as they are', () => {
  const pieces = [Buffer.alloc(100), Buffer.alloc(16_384), Buffer.alloc(65_536)];
  expect(gathered(pieces).every((piece, index) => piece === pieces[index])).toBe(true);
});

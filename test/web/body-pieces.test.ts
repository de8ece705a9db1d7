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

test('a body that comes byte by byte is kept in few pieces of at most 64 KiB', () => {
  const byte = Buffer.from('a');
  const lengths = gathered(Array<Buffer>(200_000).fill(byte)).map(({ length }) => length);
  // Each has room for as much as came before it.
  const doubled = [1, ...Array.from({ length: 17 }, (_, power) => 2 ** power)];
  expect(lengths).toEqual([...doubled, 65_536, 200_000 - 3 * 65_536]);
});

test('a small body, whose length its sender says, takes no more memory than that', () => {
  const pieces = createBodyPieces(900);
  pieces.add(Buffer.alloc(350));
  pieces.add(Buffer.alloc(550));
  expect(pieces.end().map(({ length, buffer }) => [length, buffer.byteLength])).toEqual([[900, 900]]);
});

test('what a sender says that is not so takes memory for a moment, and nothing is lost', () => {
  const short = createBodyPieces(10);
  for (const letter of 'more than ten bytes') short.add(Buffer.from(letter));
  expect(Buffer.concat(short.end()).toString()).toBe('more than ten bytes');
  const long = createBodyPieces(2 ** 40);
  long.add(Buffer.from('few'));
  expect(long.end().map(({ buffer }) => buffer.byteLength)).toEqual([3]);
});

test('large pieces are kept as they are, and no piece shares its memory', () => {
  const pieces = [Buffer.alloc(100), Buffer.alloc(16_384), Buffer.alloc(65_536)];
  const [small, ...large] = gathered(pieces);
  expect(small?.buffer.byteLength).toBe(100);
  expect(large.every((piece, index) => piece === pieces[index + 1])).toBe(true);
});

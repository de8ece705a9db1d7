import { crc32, gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { combineCrc, compressPiece, gzipHeader, gzipTrailer, joinPieces } from '../../src/metrics/gzip.ts';

test('the CRC of two texts in a row follows from theirs', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2_000 }), fc.uint8Array({ maxLength: 2_000 }), (a, b) => {
      expect(combineCrc(crc32(a), crc32(b), b.length)).toBe(crc32(Buffer.concat([a, b])));
    }),
  );
});

test('pieces in any order make one stream that gunzips to their texts', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.string({ maxLength: 500 }), { maxLength: 8 }), async (texts) => {
      const buffers = texts.map((text) => Buffer.from(text));
      const pieces = await Promise.all(buffers.map((text) => compressPiece(text)));
      const whole = joinPieces(pieces);
      const stream = Buffer.concat([
        gzipHeader,
        ...pieces.map((piece) => piece.bytes),
        gzipTrailer(whole.crc, whole.length),
      ]);
      expect(gunzipSync(stream)).toEqual(Buffer.concat(buffers));
      expect(whole).toEqual({ length: Buffer.concat(buffers).length, crc: crc32(Buffer.concat(buffers)) });
    }),
    { numRuns: 50 },
  );
});

test('a large text goes through the thread pool in one piece', async () => {
  const text = Buffer.from('openai_usage_completions_input_tokens{model="a"} 1\n'.repeat(100_000));
  const piece = await compressPiece(text);
  const stream = Buffer.concat([gzipHeader, piece.bytes, gzipTrailer(piece.crc, piece.length)]);
  expect(gunzipSync(stream).equals(text)).toBe(true);
});

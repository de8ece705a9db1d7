/**
 * One gzip stream out of parts that were compressed at different times, so that a changed family costs its own
 * compression alone. Whole gzip files put one after another would be simpler, but browsers show only the first
 * of them and curl fails; so the parts are raw deflate blocks within one stream (RFC 1951, RFC 1952).
 */
import { constants, crc32, deflateRawSync } from 'node:zlib';

/** A compressed part: raw deflate that ends on a byte and is not the stream's last block. */
export interface Piece {
  readonly bytes: Uint8Array;
  /** Length of the text in bytes, and its CRC-32. */
  readonly length: number;
  readonly crc: number;
}

/** Compresses a part of the page. Each piece stands alone: it refers to no text of the pieces before it. */
export function compressPiece(text: Uint8Array): Piece {
  // A quarter less time than the usual level 6, for a sixteenth more bytes: most of a large page changes each minute.
  const compressed = deflateRawSync(text, { level: 5, finishFlush: constants.Z_SYNC_FLUSH });
  // A copy, for the result is a view of a chunk of 16 KiB, which most parts would keep for a few hundred bytes.
  return { bytes: new Uint8Array(compressed), length: text.length, crc: crc32(text) };
}

/** Reports whether two pieces have the same text, which is when they have the same bytes. */
export function isSamePiece(a: Piece, b: Piece): boolean {
  return a.crc === b.crc && a.length === b.length && Buffer.compare(a.bytes, b.bytes) === 0;
}

/** Compresses a small text, which has to be quick rather than small. */
export function compressSmallPiece(text: Uint8Array): Piece {
  const bytes = deflateRawSync(text, small);
  return { bytes, length: text.length, crc: crc32(text) };
}

/** Little memory, which would take longer to be had than the text to be compressed. */
const small = { level: 1, windowBits: 13, memLevel: 5, finishFlush: constants.Z_SYNC_FLUSH } as const;

/** The beginning of a stream: no name, no time, so that equal pages are equal bytes. */
export const gzipHeader: Buffer = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);

/** Returns the end of a stream: an empty last block, the CRC-32 and the length (modulo 2^32) of the whole text. */
export function gzipTrailer(crc: number, length: number): Buffer {
  const trailer = Buffer.alloc(10);
  trailer.writeUInt16LE(0x0003, 0);
  trailer.writeUInt32LE(crc >>> 0, 2);
  trailer.writeUInt32LE(length % 2 ** 32, 6);
  return trailer;
}

/** Length and CRC-32 of texts put one after another. */
export function joinPieces(pieces: readonly Pick<Piece, 'length' | 'crc'>[]): Pick<Piece, 'length' | 'crc'> {
  let length = 0;
  let crc = 0;
  for (const piece of pieces) {
    crc = combineCrc(crc, piece.crc, piece.length);
    length += piece.length;
  }
  return { length, crc };
}

/** The CRC's polynomial, lowest power in the highest bit, as everywhere below. */
const polynomial = 0xedb88320;
const one = 0x80000000;

/** a · b modulo the polynomial, over bits. */
function times(a: number, b: number): number {
  let product = 0;
  let shifted = b;
  for (let bit = one; bit !== 0; bit >>>= 1) {
    if ((a & bit) !== 0) product ^= shifted;
    shifted = (shifted & 1) !== 0 ? (shifted >>> 1) ^ polynomial : shifted >>> 1;
  }
  return product >>> 0;
}

/** x to the power of 8 · 2^n, for each n: every other power is a product of these. */
const squares: number[] = [one >>> 8];
while (squares.length < 53) squares.push(times(squares.at(-1) ?? 0, squares.at(-1) ?? 0));

/** Most parts of a page are as long as they were on the page before. */
const shifts = new Map<number, number>();
const mostShifts = 10_000;

/** x to the power of 8 · `bytes`: what appending so many bytes does to a CRC. */
function shiftBy(bytes: number): number {
  const known = shifts.get(bytes);
  if (known !== undefined) return known;
  let power = one;
  for (let n = 0, left = bytes; left > 0; n++, left = Math.floor(left / 2)) {
    if (left % 2 === 1) power = times(power, squares[n] ?? 0);
  }
  if (shifts.size >= mostShifts) shifts.clear();
  shifts.set(bytes, power);
  return power;
}

/** The CRC-32 of two texts in a row from theirs: appending multiplies the first by a power of x. */
export function combineCrc(first: number, second: number, secondLength: number): number {
  return (times(shiftBy(secondLength), first) ^ second) >>> 0;
}

/** The exporter's own metrics as they follow the page: text, and the same compressed. */
import { compressSmallPiece } from './gzip.ts';

export interface OwnText {
  readonly plain: Uint8Array;
  /** Raw deflate, as a piece of the page's stream. */
  readonly gzip: Uint8Array;
  /** CRC-32 of `plain`. */
  readonly crc: number;
}

const encoder = new TextEncoder();

/** Returns the text in both forms. */
export function ownText(text: string): OwnText {
  const plain = encoder.encode(text);
  const { bytes, crc } = compressSmallPiece(plain);
  return { plain, gzip: bytes, crc };
}

/** Returns the families of an exposition that are named; each begins with its HELP. */
export function onlyFamilies(own: OwnText, families: ReadonlySet<string>): OwnText {
  return ownText(
    Buffer.from(own.plain)
      .toString()
      .split(/^(?=# HELP )/m)
      .filter((family) => families.has(family.split(' ', 3)[2] ?? ''))
      .join(''),
  );
}

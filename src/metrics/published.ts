/** What the web layer needs of the finished page. It is replaced whole; a scrape keeps the one it began with. */

export interface Page {
  /** The exposition, in order; every piece ends with a line feed. */
  readonly plain: readonly Buffer[];
  /** The same, compressed piece by piece by `compressPiece`: raw deflate without header and trailer. */
  readonly gzip: readonly Buffer[];
  /** Bytes of all of `plain`, and of all of `gzip`. */
  readonly plainBytes: number;
  readonly gzipBytes: number;
  /** CRC-32 of all of `plain`; `joinPieces` gives it without reading the text again. */
  readonly crc: number;
  /** What of it belongs to these families, as a page. */
  only(families: ReadonlySet<string>): Page;
}

export interface PageSource {
  current(): Page;
}

/** What there is before anything was published. */
export const emptyPage: Page = {
  plain: [],
  gzip: [],
  plainBytes: 0,
  gzipBytes: 0,
  crc: 0,
  only: () => emptyPage,
};

/**
 * The page as the web layer sees it, and the form in which a publisher hands it over: text that is new, and the order
 * of all parts. The two can live in different threads, so an update is plain data in buffers of its own.
 */

/** The finished page. It is replaced whole; a scrape keeps the one it began with. */
export interface Page {
  /** The exposition, in order; every piece ends with a line feed. */
  readonly plain: readonly Uint8Array[];
  /** The same, compressed by `compressPiece`: raw deflate without header and trailer. */
  readonly gzip: readonly Uint8Array[];
  /** Bytes of all of `plain`, and of all of `gzip`. */
  readonly plainBytes: number;
  readonly gzipBytes: number;
  /** CRC-32 of all of `plain`; `joinPieces` gives it without reading the text again. */
  readonly crc: number;
  /** Returns the part of it that belongs to these families, as a page. */
  only(families: ReadonlySet<string>): Page;
}

export interface PageSource {
  current(): Page;
}

/** A part of the page that was not on the page before. */
export interface NewPart {
  readonly id: number;
  readonly family: string | undefined;
  readonly plain: Uint8Array<ArrayBuffer>;
}

/** The update that turns one page into the next. Columns have one entry for each part, in the order of the page. */
export interface PageUpdate {
  readonly ids: Uint32Array<ArrayBuffer>;
  readonly crcs: Uint32Array<ArrayBuffer>;
  /** Bytes of each part within `gzip`. */
  readonly gzipLengths: Uint32Array<ArrayBuffer>;
  /** The compressed page in one piece, so that a scrape is one write; it is a tenth of the plain text. */
  readonly gzip: Uint8Array<ArrayBuffer>;
  /** Parts that the page before did not have; all others are kept from it. */
  readonly added: readonly NewPart[];
  readonly plainBytes: number;
  readonly crc: number;
  /** Number of series. */
  readonly series: number;
}

/** The buffers of an update, for handing them to another thread without a copy. */
export function buffersOf(update: PageUpdate): ArrayBuffer[] {
  const { ids, crcs, gzipLengths, gzip, added } = update;
  return [ids, crcs, gzipLengths, gzip, ...added.map(({ plain }) => plain)].map(({ buffer }) => buffer);
}

/** The page there is before anything was published. */
export const emptyPage: Page = {
  plain: [],
  gzip: [],
  plainBytes: 0,
  gzipBytes: 0,
  crc: 0,
  only: () => emptyPage,
};

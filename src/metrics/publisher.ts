/**
 * Makes the page: one segment for each section, rendered and compressed again only when something of it changed. Each
 * new page is handed over whole, as an update of the one before, so that what did not change is not sent again.
 */
import { hash } from 'node:crypto';
import { type Clock, longestNap } from '../clock.ts';
import type { Changes } from './changes.ts';
import { compressPiece, isSamePiece, joinPieces, type Piece } from './gzip.ts';
import type { NewPart, PageUpdate } from './page.ts';
import type { Expiry, Rendered, Section } from './section.ts';

export interface PublisherOptions {
  /** The order is that of the page. */
  readonly sections: readonly Section[];
  /** Says which of them have changed. A section that was never rendered is rendered without that. */
  readonly changes: Changes;
  readonly clock: Clock;
  /** Compresses a part; tests that do not look at it leave it out. */
  readonly compress?: (text: Uint8Array) => Piece;
  /** Called when everything is rendered and nothing shown yet: what must be on disk before is written here. */
  readonly beforeShown?: () => Promise<void>;
  /**
   * Takes a finished page. The next one is not made before it resolves.
   * @param seconds how long making it took
   */
  readonly show: (update: PageUpdate, seconds: number) => void | Promise<void>;
}

export interface Publisher {
  /** Returns the number of series on the page, of one section or of all. */
  series(section?: string): number;
  /** Renders what has changed, or what the time alone has changed, and shows it. */
  publish(): Promise<void>;
  /** Publishes whenever there is something to, until the signal is aborted. */
  run(signal: AbortSignal): Promise<void>;
}

/** A part that was handed over; what is kept of it tells whether a text is that of the part. */
interface Part {
  readonly id: number;
  readonly piece: Piece;
  /** The digest of its text; undefined until it was rendered again as it was, for most parts never are. */
  digest?: string;
}

interface Segment {
  readonly parts: readonly Part[];
  readonly series: number;
  /** UTC milliseconds: the instant as of which it was rendered. */
  readonly at: number;
  readonly expiry: Expiry | undefined;
}

/** A clock that was set back by more than this makes a section be rendered again, in milliseconds. */
const largestSlip = 1_000;

/** Returns a publisher that has shown nothing. What a section throws, `publish` and `run` throw; the page stays as it was. */
export function createPublisher(options: PublisherOptions): Publisher {
  const { sections, changes, clock, compress = compressPiece } = options;
  const segments = new Map<string, Segment>();
  /** The parts of marked lines, for as long as somebody keeps the mark. */
  const marked = new WeakMap<object, Part>();
  let added: NewPart[] = [];
  let nextId = 0;
  let wake: (() => void) | undefined;

  function render(section: Section): Segment {
    const before = segments.get(section.name)?.parts ?? [];
    const at = clock.now();
    const rendering = section.render(at, clock.monotonic());
    const parts: Part[] = [];
    let series = 0;
    for (;;) {
      const { done, value } = rendering.next();
      if (done === true) return { parts, series, at, expiry: value };
      parts.push(partOf(value, before[parts.length]));
      series += value.series;
    }
  }

  /** @param before what was in its place on the page before */
  function partOf({ plain, family, mark }: Rendered, before: Part | undefined): Part {
    const known = mark === undefined ? undefined : marked.get(mark);
    if (known !== undefined) return known;
    const part = partWith(plain, before);
    if (part !== before) added.push({ id: part.id, family, plain });
    if (mark !== undefined) marked.set(mark, part);
    return part;
  }

  /** Returns the part before if it has this text, and a new one otherwise. */
  function partWith(plain: Uint8Array, before: Part | undefined): Part {
    if (before?.digest !== undefined && before.digest === digestOf(plain)) return before;
    const piece = compress(plain);
    if (before === undefined || !isSamePiece(before.piece, piece)) return { id: nextId++, piece };
    before.digest = digestOf(plain);
    return before;
  }

  /** Milliseconds until time alone changes something, or until the clock is to be looked at again. */
  function nap(): number {
    const now = clock.now();
    const elapsed = clock.monotonic();
    let left = longestNap;
    for (const { expiry } of segments.values()) {
      if (expiry !== undefined) left = Math.min(left, expiry.until - now, expiry.untilElapsed - elapsed);
    }
    return Math.max(0, left);
  }

  function isDue({ name, stale }: Section): boolean {
    const segment = segments.get(name);
    if (segment === undefined || changes.has(name) || stale?.() === true) return true;
    const now = clock.now();
    if (now < segment.at - largestSlip) return true;
    const { expiry } = segment;
    return expiry !== undefined && (now >= expiry.until || clock.monotonic() >= expiry.untilElapsed);
  }

  async function publish(): Promise<void> {
    const begun = clock.monotonic();
    let rendered = false;
    for (const section of sections) {
      // Asked one by one, for a section can be about what those before it have just shown.
      if (!isDue(section)) continue;
      changes.take(section.name);
      segments.set(section.name, render(section));
      rendered = true;
    }
    if (!rendered) return;
    const parts = sections.flatMap(({ name }) => segments.get(name)?.parts ?? []);
    const update = updateOf(parts, added, series());
    await options.beforeShown?.();
    added = [];
    await options.show(update, (clock.monotonic() - begun) / 1_000);
  }

  function series(section?: string): number {
    let sum = 0;
    for (const [name, segment] of segments) if (section === undefined || section === name) sum += segment.series;
    return sum;
  }

  return {
    series,
    publish,
    async run(signal) {
      const look = () => wake?.();
      signal.addEventListener('abort', look);
      changes.listen(look);
      try {
        for (;;) {
          await publish();
          signal.throwIfAborted();
          const woken = new AbortController();
          wake = () => woken.abort();
          if (!sections.some(isDue)) await clock.sleep(nap(), woken.signal).catch(() => undefined);
          wake = undefined;
          signal.throwIfAborted();
        }
      } finally {
        signal.removeEventListener('abort', look);
        changes.listen(undefined);
      }
    },
  };
}

const digestOf = (text: Uint8Array): string => hash('sha256', text, 'base64');

function updateOf(parts: readonly Part[], added: readonly NewPart[], series: number): PageUpdate {
  const pieces = parts.map(({ piece }) => piece);
  const { length, crc } = joinPieces(pieces);
  const gzip = new Uint8Array(pieces.reduce((sum, { bytes }) => sum + bytes.length, 0));
  let from = 0;
  for (const { bytes } of pieces) {
    gzip.set(bytes, from);
    from += bytes.length;
  }
  return {
    ids: Uint32Array.from(parts, ({ id }) => id),
    crcs: Uint32Array.from(pieces, (piece) => piece.crc),
    gzipLengths: Uint32Array.from(pieces, ({ bytes }) => bytes.length),
    gzip,
    added,
    plainBytes: length,
    crc,
    series,
  };
}

/**
 * Makes the page: one segment for each section, rendered and compressed again only when something of it changed, and
 * put on show whole. A scrape takes what is there and waits for nothing.
 */
import { type Clock, longestNap } from '../clock.ts';
import { compressPiece, joinPieces, type Piece } from './gzip.ts';
import { emptyPage, type Page, type PageSource } from './published.ts';
import type { Expiry, Rendered, Section } from './section.ts';

export interface PublisherOptions {
  /** In the order of the page. */
  readonly sections: readonly Section[];
  readonly clock: Clock;
  /** Gives the event loop back, between families. */
  readonly breathe: () => Promise<void> | undefined;
  readonly compress?: (text: Buffer) => Promise<Piece>;
  /** Called when everything is rendered and nothing shown yet: what must be on disk before is written here. */
  readonly beforeShown?: () => Promise<void>;
  /** Seconds that it took. */
  readonly published?: (duration: number) => void;
}

export interface Publisher extends PageSource {
  /** Series on the page, of one section or of all. */
  series(section?: string): number;
  /** Something of this section changed; it will be on the page soon. */
  changed(section: string): void;
  /** Renders what has changed, or what the time alone has changed, and shows it. */
  publish(): Promise<void>;
  /** Publishes whenever there is something to, until the signal is aborted. */
  run(signal: AbortSignal): Promise<void>;
}

/** A part as rendered, and as compressed: by itself, so that the parts beside it can change. */
interface Chunk {
  readonly family: string | undefined;
  readonly plain: Buffer;
  readonly piece: Piece;
}

interface Segment {
  readonly chunks: readonly Chunk[];
  readonly series: number;
  /** UTC milliseconds: as of when it was rendered. */
  readonly at: number;
  readonly expiry: Expiry | undefined;
}

/** Chunks compressed at once: as many as Node has threads for it. */
const mostCompressing = 4;

/** A clock that was set back by more than this makes a section be rendered again, in milliseconds. */
const largestSlip = 1_000;

/** A publisher whose page is empty until `publish` or `run`. What a section throws, these throw; the page stays as it was. */
export function createPublisher(options: PublisherOptions): Publisher {
  const { sections, clock, breathe, compress = compressPiece } = options;
  const segments = new Map<string, Segment>();
  const dirty = new Set<string>(sections.map(({ name }) => name));
  /** The chunks of marked parts, for as long as somebody keeps the mark. */
  const marked = new WeakMap<object, Promise<Chunk>>();
  let page: Page = emptyPage;
  let wake: (() => void) | undefined;

  async function render(section: Section): Promise<Segment> {
    const before = segments.get(section.name)?.chunks ?? [];
    const at = clock.now();
    const parts = section.prepare(at, clock.monotonic());
    const chunks: Promise<Chunk>[] = [];
    let series = 0;
    for (;;) {
      const { done, value } = parts.next();
      if (done === true) return { chunks: await Promise.all(chunks), series, at, expiry: value };
      if (value.series > 0) {
        chunks.push(chunkOf(value, before[chunks.length]));
        series += value.series;
        await chunks[chunks.length - mostCompressing];
      }
      await breathe();
    }
  }

  /** @param before what was in its place on the page before */
  function chunkOf({ text, family, mark }: Rendered, before: Chunk | undefined): Promise<Chunk> {
    const known = mark === undefined ? undefined : marked.get(mark);
    if (known !== undefined) return known;
    const plain = Buffer.from(text);
    // Most of a page is as it was: then the old bytes serve on, and nothing is compressed.
    const chunk = before?.plain.equals(plain) === true ? Promise.resolve(before) : compressed(plain, family);
    if (mark !== undefined) marked.set(mark, chunk);
    return chunk;
  }

  async function compressed(plain: Buffer, family: string | undefined): Promise<Chunk> {
    return { family, plain, piece: await compress(plain) };
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
    if (segment === undefined || dirty.has(name) || stale?.() === true) return true;
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
      // Before rendering: what changes meanwhile is rendered the next time.
      dirty.delete(section.name);
      segments.set(section.name, await render(section));
      rendered = true;
    }
    if (!rendered) return;
    await options.beforeShown?.();
    page = assemble(sections.flatMap(({ name }) => segments.get(name)?.chunks ?? []));
    options.published?.((clock.monotonic() - begun) / 1_000);
  }

  return {
    current: () => page,
    series: (section) =>
      [...segments].reduce(
        (sum, [name, segment]) => (section === undefined || section === name ? sum + segment.series : sum),
        0,
      ),
    changed(section) {
      dirty.add(section);
      wake?.();
    },
    publish,
    async run(signal) {
      const stopped = () => wake?.();
      signal.addEventListener('abort', stopped);
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
        signal.removeEventListener('abort', stopped);
      }
    },
  };
}

function assemble(chunks: readonly Chunk[]): Page {
  const pieces = chunks.map(({ piece }) => piece);
  const { length, crc } = joinPieces(pieces);
  // One buffer, so that a scrape is one write; it is a tenth of the plain text, which stays in pieces.
  const gzip = Buffer.concat(pieces.map(({ bytes }) => bytes));
  return {
    plain: chunks.map(({ plain }) => plain),
    gzip: gzip.length === 0 ? [] : [gzip],
    plainBytes: length,
    gzipBytes: gzip.length,
    crc,
    only: (families) => assemble(chunks.filter(({ family }) => family !== undefined && families.has(family))),
  };
}

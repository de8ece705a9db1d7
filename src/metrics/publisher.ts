/**
 * Makes the page: one segment for each section, rendered and compressed again only when something of it changed, and
 * put on show whole. A scrape takes what is there and waits for nothing.
 */
import type { Clock } from '../clock.ts';
import { compressPiece, joinPieces, type Piece } from './gzip.ts';
import { emptyPage, type Page, type PageSource } from './published.ts';
import type { Section } from './section.ts';

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

interface Segment {
  readonly plain: Buffer;
  readonly piece: Piece;
  readonly series: number;
  /** When time alone changes it: UTC and monotonic milliseconds. */
  readonly until: number;
  readonly untilElapsed: number;
}

/** Milliseconds between two looks at the clock, which can step. */
const longestNap = 15_000;

export function createPublisher(options: PublisherOptions): Publisher {
  const { sections, clock, breathe, compress = compressPiece } = options;
  const segments = new Map<string, Segment>();
  const dirty = new Set<string>(sections.map(({ name }) => name));
  let page: Page = emptyPage;
  let wake: (() => void) | undefined;

  async function render(section: Section): Promise<Segment> {
    const { parts, until, untilElapsed } = section.prepare(clock.now(), clock.monotonic());
    const texts: Buffer[] = [];
    let series = 0;
    for (const part of parts) {
      if (part.series > 0) texts.push(Buffer.from(part.text));
      series += part.series;
      await breathe();
    }
    const plain = Buffer.concat(texts);
    return { plain, piece: await compress(plain), series, until, untilElapsed };
  }

  /** Milliseconds until time alone changes something, or until the clock is to be looked at again. */
  function nap(): number {
    const now = clock.now();
    const elapsed = clock.monotonic();
    let left = longestNap;
    for (const { until, untilElapsed } of segments.values()) left = Math.min(left, until - now, untilElapsed - elapsed);
    return Math.max(0, left);
  }

  function due(): readonly Section[] {
    const now = clock.now();
    const elapsed = clock.monotonic();
    return sections.filter(({ name }) => {
      const segment = segments.get(name);
      return segment === undefined || dirty.has(name) || now >= segment.until || elapsed >= segment.untilElapsed;
    });
  }

  async function publish(): Promise<void> {
    const changed = due();
    if (changed.length === 0) return;
    const begun = clock.monotonic();
    for (const section of changed) {
      // Before rendering: what changes meanwhile is rendered the next time.
      dirty.delete(section.name);
      segments.set(section.name, await render(section));
    }
    await options.beforeShown?.();
    page = assemble(sections.flatMap(({ name }) => segments.get(name) ?? []));
    options.published?.((clock.monotonic() - begun) / 1_000);
  }

  return {
    current: () => page,
    series: (api) =>
      [...segments].reduce(
        (sum, [name, segment]) => (api === undefined || api === name ? sum + segment.series : sum),
        0,
      ),
    changed(api) {
      dirty.add(api);
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
          if (due().length === 0) await clock.sleep(nap(), woken.signal).catch(() => undefined);
          wake = undefined;
          signal.throwIfAborted();
        }
      } finally {
        signal.removeEventListener('abort', stopped);
      }
    },
  };
}

function assemble(segments: readonly Segment[]): Page {
  const filled = segments.filter(({ plain }) => plain.length > 0);
  const { length, crc } = joinPieces(filled.map(({ piece }) => piece));
  const gzip = filled.map(({ piece }) => piece.bytes);
  return {
    plain: filled.map(({ plain }) => plain),
    gzip,
    plainBytes: length,
    gzipBytes: gzip.reduce((sum, bytes) => sum + bytes.length, 0),
    crc,
  };
}

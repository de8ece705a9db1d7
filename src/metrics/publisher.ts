/**
 * Makes the page: one segment for each api, rendered and compressed again only when something of the api changed,
 * and put on show whole. A scrape takes what is there and waits for nothing.
 */
import type { Clock } from '../clock.ts';
import type { Account } from '../usage/account.ts';
import { type RecentOptions, recent } from '../usage/recent.ts';
import { compressPiece, joinPieces, type Piece } from './gzip.ts';
import { emptyPage, type Page, type PageSource } from './published.ts';
import { renderApi } from './render.ts';

export interface PublishedApi {
  readonly account: Account;
  /** What decides how long a bucket is shown. */
  readonly recent: RecentOptions;
}

export interface PublisherOptions {
  readonly apis: readonly PublishedApi[];
  readonly clock: Clock;
  /** Gives the event loop back, between families. */
  readonly breathe: () => Promise<void> | undefined;
  readonly compress?: (text: Buffer) => Promise<Piece>;
  /** Called with the accounts as they are about to be shown: what must be on disk before is written here. */
  readonly beforeShown?: () => Promise<void>;
  /** Seconds that it took. */
  readonly published?: (duration: number) => void;
}

export interface Publisher extends PageSource {
  /** Series of usage and costs on the page. */
  series(api?: string): number;
  /** Something of this api changed; it will be on the page soon. */
  changed(api: string): void;
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
  const { apis, clock, breathe, compress = compressPiece } = options;
  const segments = new Map<string, Segment>();
  const dirty = new Set<string>(apis.map(({ account }) => account.endpoint.api));
  let page: Page = emptyPage;
  let wake: (() => void) | undefined;

  async function render({ account, recent: how }: PublishedApi): Promise<Segment> {
    const now = clock.now();
    const elapsed = clock.monotonic();
    const { ledger, book } = account;
    book?.advance(now, elapsed);
    const { shown, until } = recent(how, (width, start) => ledger.buckets.get(width, start), now);
    const parts: Buffer[] = [];
    let series = 0;
    for (const part of renderApi({ ledger, shown, book, settleDelayMinutes: how.settleDelay / 60_000 })) {
      if (part.series > 0) parts.push(Buffer.from(part.text));
      series += part.series;
      await breathe();
    }
    const plain = Buffer.concat(parts);
    return {
      plain,
      piece: await compress(plain),
      series,
      until,
      untilElapsed: book?.nextChange ?? Number.POSITIVE_INFINITY,
    };
  }

  /** Milliseconds until time alone changes something, or until the clock is to be looked at again. */
  function nap(): number {
    const now = clock.now();
    const elapsed = clock.monotonic();
    let left = longestNap;
    for (const { until, untilElapsed } of segments.values()) left = Math.min(left, until - now, untilElapsed - elapsed);
    return Math.max(0, left);
  }

  function due(): readonly PublishedApi[] {
    const now = clock.now();
    const elapsed = clock.monotonic();
    return apis.filter(({ account }) => {
      const segment = segments.get(account.endpoint.api);
      return (
        segment === undefined ||
        dirty.has(account.endpoint.api) ||
        now >= segment.until ||
        elapsed >= segment.untilElapsed
      );
    });
  }

  async function publish(): Promise<void> {
    const changed = due();
    if (changed.length === 0) return;
    const begun = clock.monotonic();
    for (const each of changed) {
      const { api } = each.account.endpoint;
      // Before rendering: what changes meanwhile is rendered the next time.
      dirty.delete(api);
      segments.set(api, await render(each));
    }
    await options.beforeShown?.();
    page = assemble([...apis].flatMap(({ account }) => segments.get(account.endpoint.api) ?? []));
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

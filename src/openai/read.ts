/**
 * Reads a range of buckets, page by page: cuts it into windows that fit one page, follows cursors only as far as
 * they can be trusted, and keeps pages to a size that a process can take in at a stretch.
 */

import type { Priority } from './budget.ts';
import { type Endpoint, type Width, widthSeconds } from './catalogue.ts';
import type { Client } from './client.ts';
import { decodePage } from './decode.ts';
import { ApiError, isInvalidPageToken } from './errors.ts';
import type { RawBucket, RawPage } from './page.ts';
import { bucketQuery, type Filters } from './query.ts';

/** How many buckets to ask for at once, learned from the pages so far: one for a process. */
export interface PageSizes {
  /** Buckets that keep the next page of this api and width below the target, or 1; at most `most`. */
  limit(api: string, width: Width, most: number): number;
  /** A page came with so many buckets in so many bytes. */
  observe(api: string, width: Width, buckets: number, bytes: number): void;
  /** A page asked for with this limit was too large to take. */
  tooLarge(api: string, width: Width, limit: number): void;
}

/** Below the 4 MB that a page may have, so that a busier hour than the last still fits. */
const targetBytes = 3_000_000;
/** Where nothing is known yet. */
const firstLimits: Readonly<Record<Width, number>> = { '1m': 16, '1h': 4, '1d': 2 };
/** A bucket is larger than a narrower one, but less than by its time: the groups are much the same. */
const guesses: Readonly<Partial<Record<Width, { readonly from: Width; readonly times: number }>>> = {
  '1h': { from: '1m', times: 30 },
  '1d': { from: '1h', times: 12 },
};
/** Nights are small: what is known of a bucket's size is forgotten by and by only. */
const memory = 0.8;

/** Sizes of which nothing is learned yet: the first pages are small. */
export function createPageSizes(): PageSizes {
  interface Known {
    limit: number;
    bytesPerBucket: number;
  }
  const known = new Map<string, Known>();
  const guess = (api: string, width: Width): number => {
    const { from, times } = guesses[width] ?? {};
    const narrower = from === undefined ? undefined : known.get(`${api} ${from}`)?.bytesPerBucket;
    if (narrower === undefined || narrower === 0 || times === undefined) return firstLimits[width];
    return Math.max(1, Math.floor(targetBytes / (narrower * times)));
  };
  const of = (api: string, width: Width): Known => {
    const key = `${api} ${width}`;
    const found = known.get(key) ?? { limit: guess(api, width), bytesPerBucket: 0 };
    known.set(key, found);
    return found;
  };
  return {
    limit: (api, width, most) => Math.max(1, Math.min(most, of(api, width).limit)),
    observe(api, width, buckets, bytes) {
      if (buckets < 1) return;
      const entry = of(api, width);
      entry.bytesPerBucket = Math.max(bytes / buckets, entry.bytesPerBucket * memory);
      const fitting = Math.max(1, Math.floor(targetBytes / entry.bytesPerBucket));
      // Growing takes evidence: four times what was seen to be small, whatever the estimate says.
      entry.limit = Math.min(fitting, Math.max(entry.limit, 4 * buckets));
    },
    tooLarge(api, width, limit) {
      const entry = of(api, width);
      entry.limit = Math.max(1, Math.floor(Math.min(entry.limit, limit) / 4));
    },
  };
}

export interface ReadRequest {
  readonly endpoint: Endpoint;
  readonly width: Width;
  /** Seconds, aligned to the width; `to` is exclusive. */
  readonly from: number;
  readonly to: number;
  readonly groupBy: readonly string[];
  readonly filters: Filters;
  readonly priority: Priority;
  /** Monotonic milliseconds. */
  readonly deadline: number;
  readonly signal?: AbortSignal | undefined;
}

export interface ReadPage {
  /** UTC milliseconds at which the request that returned the buckets began. */
  readonly readAt: number;
  /** Monotonic milliseconds of its last byte. */
  readonly endedAt: number;
  /** Ascending, none twice, each starting on the width's grid within the range. Their ends can be clipped. */
  readonly buckets: readonly RawBucket[];
}

/** How often one page is asked for: about half a minute, so that in an outage the polls' back-off sets the pace. */
const attempts = 8;
const mostPages = 200;
const mostRestarts = 10;

/**
 * Yields the buckets of a range as they come. What was yielded stands, also when a later page fails.
 * @throws {ApiError} of the request that failed; `malformed` if the API broke off before the buckets that have ended
 *   were all there; `too_large` if they take too many pages
 * @throws RangeError if the range or the query is not one that the API can serve
 */
export async function* readBuckets(client: Client, sizes: PageSizes, request: ReadRequest): AsyncGenerator<ReadPage> {
  const { endpoint, width, to } = request;
  const { api, path } = endpoint;
  const seconds = widthSeconds[width];
  const most = endpoint.limits[width]?.perPage ?? 1;
  let position = request.from;
  let pages = 0;
  let restarts = 0;

  while (position < to) {
    const limit = Math.min(sizes.limit(api, width, most), Math.ceil((to - position) / seconds));
    const chunk = { from: position, to: Math.min(to, position + limit * seconds) };
    const query = bucketQuery({ ...request, ...chunk, limit });
    const seen = new Set<string>();
    let cursor: string | null = null;
    /** Start of the last bucket that the API returned for this chunk, whether it was wanted or not. */
    let last = Number.NEGATIVE_INFINITY;

    while (position < chunk.to) {
      if (pages === mostPages) {
        throw new ApiError({ reason: 'too_large', api, path, detail: `the range takes more than ${mostPages} pages` });
      }
      pages += 1;
      let answer: Awaited<ReturnType<typeof client.get<RawPage>>>;
      try {
        answer = await client.get(
          { ...request, api, path, attempts, query: cursor === null ? query : [...query, ['page', cursor]] },
          (body) => decodePage(body, endpoint, request.groupBy),
        );
      } catch (error) {
        const smaller = error instanceof ApiError && error.reason === 'too_large' && limit > 1;
        if (smaller) sizes.tooLarge(api, width, limit);
        // A cursor that is refused says nothing about the buckets: go on behind the last, if that is progress.
        const anew = smaller || (isInvalidPageToken(error) && cursor !== null && position > chunk.from);
        if (!anew || restarts === mostRestarts) throw error;
        restarts += 1;
        break;
      }

      const { value: page, bytes, startedAt, endedAt } = answer;
      sizes.observe(api, width, page.buckets.length, bytes);
      const rising = ascendingFrom(page.buckets, last);
      last = rising.at(-1)?.start ?? last;
      const buckets = rising.filter(({ start }) => start >= position && start < chunk.to && start % seconds === 0);
      position = Math.max(position, (buckets.at(-1)?.start ?? Number.NEGATIVE_INFINITY) + seconds);
      if (buckets.length > 0) yield { readAt: startedAt, endedAt, buckets };
      if (position >= chunk.to) break;

      const fault = reasonToStop(page, rising.length, seen);
      if (fault === undefined && page.hasMore) {
        cursor = page.nextPage;
        if (cursor !== null) seen.add(cursor);
        continue;
      }
      const missing = (position + seconds) * 1_000 <= startedAt;
      if (fault !== undefined && missing) {
        throw new ApiError({
          reason: 'malformed',
          api,
          path,
          detail: `${fault}, though the bucket at ${new Date(position * 1_000).toISOString()} was still to come`,
        });
      }
      // Nothing is missing, or the API says that this is all there is.
      position = chunk.to;
    }
  }
}

/** The longest beginning of `buckets` whose starts ascend from behind `last`. */
function ascendingFrom(buckets: readonly RawBucket[], last: number): readonly RawBucket[] {
  let before = last;
  const end = buckets.findIndex(({ start }) => {
    const stop = start <= before;
    before = start;
    return stop;
  });
  return end === -1 ? buckets : buckets.slice(0, end);
}

/** Why the cursor of a page must not be followed, if so. */
function reasonToStop(page: RawPage, ascending: number, seen: ReadonlySet<string>): string | undefined {
  if (ascending < page.buckets.length) return 'the buckets of a page do not ascend';
  if (!page.hasMore) return undefined;
  if (page.buckets.length === 0) return 'an empty page says has_more';
  if (page.nextPage === null) return 'has_more without a cursor';
  if (seen.has(page.nextPage)) return 'a cursor was handed out twice';
  return undefined;
}

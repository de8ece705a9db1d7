/**
 * Reads a range of buckets, page by page: cuts it into windows that fit one page, follows cursors only as far as
 * they can be trusted, and keeps pages to a size that a process can take in at a stretch.
 */

import { emptyBucket, isSame, joined, type RawBucket, type RawPage } from './bucket-page.ts';
import { type Endpoint, type Width, widthSeconds } from './catalogue.ts';
import type { Client, GetRequest, Patience } from './client.ts';
import { decodePage } from './decode.ts';
import { ApiError, isInvalidPageToken, isRefusedEnd } from './errors.ts';
import { bucketQuery, type Filters } from './query.ts';
import type { Priority } from './request-budget.ts';
import { pageShape } from './scan.ts';

/** The way to ask for buckets, learned from the pages so far: how many at once, and up to when. One for a process. */
export interface PageSizes {
  /** Buckets that keep the next page of this api and width below the target, or 1; at most `most`. */
  limit(api: string, width: Width, most: number): number;
  /** A page came with so many buckets in so many bytes. */
  observe(api: string, width: Width, buckets: number, bytes: number): void;
  /** A page asked for with this limit was too large to take. */
  tooLarge(api: string, width: Width, limit: number): void;
  /** Apis that refuse an end that is still to come: they are asked without one. */
  readonly withoutEnd: Set<string>;
}

/** The bytes that a page aims at: below the 4 MB that it may have, so that a busier hour than the last still fits. */
const targetBytes = 3_000_000;
/** The state before anything is known. */
const firstLimits: Readonly<Record<Width, number>> = { '1m': 16, '1h': 4, '1d': 2 };
/** A bucket is larger than a narrower one, but less than by its time: the groups are much the same. */
const guesses: Readonly<Partial<Record<Width, { readonly from: Width; readonly times: number }>>> = {
  '1h': { from: '1m', times: 30 },
  '1d': { from: '1h', times: 12 },
};
/** Nights are small: what is known of a bucket's size is forgotten only slowly. */
const memory = 0.8;

/**
 * Sizes of which nothing is learned yet: the first pages are small.
 * @param finer those of reads by more dimensions, whose buckets are no smaller
 */
export function createPageSizes(finer?: PageSizes): PageSizes {
  interface Known {
    limit: number;
    bytesPerBucket: number;
  }
  const known = new Map<string, Known>();
  const keyOf = (api: string, width: Width) => `${api} ${width}`;
  const guess = (api: string, width: Width): number => {
    if (finer !== undefined) return finer.limit(api, width, Number.POSITIVE_INFINITY);
    const { from, times } = guesses[width] ?? {};
    const narrower = from === undefined ? undefined : known.get(keyOf(api, from))?.bytesPerBucket;
    if (narrower === undefined || narrower === 0 || times === undefined) return firstLimits[width];
    return Math.max(1, Math.floor(targetBytes / (narrower * times)));
  };
  const of = (api: string, width: Width): Known => {
    const key = keyOf(api, width);
    const found = known.get(key) ?? { limit: guess(api, width), bytesPerBucket: 0 };
    known.set(key, found);
    return found;
  };
  return {
    limit: (api, width, most) => Math.max(1, Math.min(most, known.get(keyOf(api, width))?.limit ?? guess(api, width))),
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
    withoutEnd: new Set(),
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
  /** The deadline as of a request of the client: for all requests together, and for each of them. */
  readonly patience?: Patience | undefined;
  readonly late?: GetRequest['late'];
}

export interface ReadPage {
  /** UTC milliseconds at which the request that returned the buckets began. */
  readonly readAt: number;
  /** Monotonic milliseconds of its last byte. */
  readonly endedAt: number;
  /**
   * Ascending, none twice, each starting on the width's grid within the range. Their ends can be clipped. Buckets that
   * the API passed over are among them, without rows.
   */
  readonly buckets: readonly RawBucket[];
  /** Buckets of the range that do not start on the grid: what they hold cannot be told apart, so it is lost. */
  readonly misplaced: readonly RawBucket[];
}

/** Tries of one page: they take about half a minute, or a few minutes while OpenAI does not answer anything. */
const attempts = 8;
const mostPages = 200;
const mostRestarts = 10;

/** Rows that one bucket may have, all of its pages together. */
const mostRows = 300_000;

/** The last bucket of a page, as long as the next page may go on with it. */
interface Pending {
  readonly bucket: RawBucket;
  readonly readAt: number;
  readonly endedAt: number;
}

/**
 * Yields the buckets of a range as they come. What was yielded stands, also when a later page fails.
 *
 * A bucket that the API passes over was empty: it is yielded without rows, once it has begun. A bucket that goes on on
 * the next page is yielded once, with all of its rows.
 * @throws {ApiError} of the request that failed; `malformed` if the API broke off before the buckets that have ended
 *   were all there; `too_large` if they take too many pages
 * @throws RangeError if the range or the query is not one that the API can serve
 */
export async function* readBuckets(client: Client, sizes: PageSizes, request: ReadRequest): AsyncGenerator<ReadPage> {
  const { endpoint, width, to, groupBy } = request;
  const { api, path } = endpoint;
  const seconds = widthSeconds[width];
  const most = endpoint.limits[width]?.perPage ?? 1;
  const failed = (reason: 'malformed' | 'too_large', detail: string) => new ApiError({ reason, api, path, detail });
  /** The buckets that were passed over: those in [from, to) that have begun, but for those that came in disorder. */
  const passedOver = (from: number, end: number, readAt: number, disorder: ReadonlySet<number>) => {
    const empty: RawBucket[] = [];
    for (let start = from; start < end && start * 1_000 <= readAt; start += seconds) {
      if (!disorder.has(start)) empty.push(emptyBucket(start, start + seconds, groupBy.length));
    }
    return empty;
  };
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
    let pending: Pending | undefined;
    /** Starts on the grid of buckets that came off it: nobody knows what was in them. */
    const disorder = new Set<number>();

    while (position < chunk.to || pending !== undefined) {
      if (pages === mostPages) throw failed('too_large', `the range takes more than ${mostPages} pages`);
      pages += 1;
      const asked = sizes.withoutEnd.has(api) ? query.filter(([name]) => name !== 'end_time') : query;
      let answer: Awaited<ReturnType<typeof client.get<RawPage>>>;
      try {
        answer = await client.get(
          {
            ...request,
            api,
            path,
            attempts,
            shape: pageShape,
            query: cursor === null ? asked : [...asked, ['page', cursor]],
          },
          (body) => decodePage(body, endpoint, groupBy),
        );
      } catch (error) {
        if (cursor === null && isRefusedEnd(error) && !sizes.withoutEnd.has(api)) {
          sizes.withoutEnd.add(api);
          continue;
        }
        const smaller = error instanceof ApiError && error.reason === 'too_large' && limit > 1;
        if (smaller) sizes.tooLarge(api, width, limit);
        // A cursor that is refused says nothing about the buckets: go on behind the last, if that is progress.
        const behind = isInvalidPageToken(error) && cursor !== null && position > chunk.from;
        if (behind && pending !== undefined) yield pageOf(pending);
        if (behind && position >= chunk.to) break;
        if (smaller && pending !== undefined) position = pending.bucket.start;
        if (!(smaller || behind) || restarts === mostRestarts) throw error;
        restarts += 1;
        break;
      }

      const { value: page, bytes, startedAt, endedAt } = answer;
      const split = pending !== undefined && page.buckets[0]?.start === pending.bucket.start;
      const fault = reasonToStop(page, last, seen, split ? pending?.bucket : undefined);
      const goesOn = fault === undefined && page.hasMore;
      let received = page.buckets;
      if (pending !== undefined) {
        if (split && fault === undefined) {
          pending = { ...pending, bucket: joined(pending.bucket, page.buckets) };
          if (pending.bucket.rows > mostRows) throw failed('too_large', `a bucket has more than ${mostRows} rows`);
          received = received.slice(1);
        }
        // Nothing follows it on this page: the next one may go on with it as well.
        if (received.length > 0 || !goesOn) {
          yield pageOf(pending);
          pending = undefined;
        }
      }

      const rising = ascendingFrom(received, last);
      last = rising.at(-1)?.start ?? last;
      const within = rising.filter(({ start }) => start >= position && start < chunk.to);
      const misplaced = within.filter(({ start }) => start % seconds !== 0);
      for (const { start } of misplaced) disorder.add(start - (start % seconds));
      const buckets: RawBucket[] = [];
      const before = position;
      for (const bucket of within) {
        if (bucket.start % seconds !== 0) continue;
        buckets.push(...passedOver(position, bucket.start, startedAt, disorder), bucket);
        position = bucket.start + seconds;
      }
      const isAll = fault === undefined && !page.hasMore;
      if (isAll) {
        buckets.push(...passedOver(position, chunk.to, startedAt, disorder));
        position = chunk.to;
      }
      sizes.observe(api, width, (position - before) / seconds, bytes);
      const held = goesOn ? buckets.pop() : undefined;
      if (held !== undefined) pending = { bucket: held, readAt: startedAt, endedAt };
      if (buckets.length + misplaced.length > 0) yield { readAt: startedAt, endedAt, buckets, misplaced };

      if (goesOn) {
        cursor = page.nextPage;
        if (cursor !== null) seen.add(cursor);
        // What was asked for is there, and what the API has besides is not wanted.
        if (position >= chunk.to && pending === undefined) break;
        continue;
      }
      const missing = (position + seconds) * 1_000 <= startedAt;
      if (fault !== undefined && missing && position < chunk.to) {
        const first = new Date(position * 1_000).toISOString();
        throw failed('malformed', `${fault}, though the bucket at ${first} was still to come`);
      }
      // Nothing is missing, or the API says that this is all there is.
      position = chunk.to;
    }
  }
}

function pageOf({ bucket, readAt, endedAt }: Pending): ReadPage {
  return { readAt, endedAt, buckets: [bucket], misplaced: [] };
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

/**
 * Returns why the cursor of a page must not be followed, if it must not.
 * @param last start of the last bucket before this page
 * @param begun the bucket that the page seems to go on with
 */
function reasonToStop(
  page: RawPage,
  last: number,
  seen: ReadonlySet<string>,
  begun: RawBucket | undefined,
): string | undefined {
  if (page.hasMore && page.nextPage !== null && seen.has(page.nextPage)) return 'a cursor was handed out twice';
  const [first] = page.buckets;
  // The same rows once more are the same page once more, and not the rest of the bucket.
  if (begun !== undefined && first !== undefined && isSame(begun, first)) return 'a page came twice';
  const others = begun === undefined ? page.buckets : page.buckets.slice(1);
  if (ascendingFrom(others, last).length < others.length) return 'the buckets of a page do not ascend';
  if (!page.hasMore) return undefined;
  if (page.buckets.length === 0) return 'an empty page says has_more';
  if (page.nextPage === null) return 'has_more without a cursor';
  return undefined;
}

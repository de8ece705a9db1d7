/** Reads the steps of a backfill into a journal, stretch by stretch. */
import type { Clock } from '../clock.ts';
import { type Endpoint, type Width, widthSeconds } from '../openai/catalogue.ts';
import type { Client } from '../openai/client.ts';
import { ApiError, type Reason } from '../openai/errors.ts';
import type { Filters } from '../openai/query.ts';
import { type PageSizes, readBuckets } from '../openai/read-buckets.ts';
import { type Bucket, collectBucket } from '../usage/bucket.ts';
import type { FieldTable } from '../usage/fields.ts';
import { settleDelayOf } from '../usage/settle.ts';
import { bucketEnd } from '../usage/windows.ts';
import { isoOf, type Step } from './backfill-plan.ts';
import type { Journal } from './journal.ts';

/** The way in which one api is read. */
export interface HistoryReading {
  readonly client: Client;
  readonly sizes: PageSizes;
  readonly clock: Clock;
  readonly filters: Filters;
  /** Milliseconds. */
  readonly settleDelay: number;
  readonly signal: AbortSignal;
  /** Rows that were folded into one group, and rows that were refused or lack something. */
  readonly report: (folded: number, leftOut: number) => void;
  /** A request has failed in a way that passes; the next comes so many milliseconds later. */
  readonly waiting: (error: ApiError, wait: number) => void;
  /** Buckets up to here are in the journal; steps before this one are done. In seconds. */
  readonly progress: (step: number, to: number) => void;
}

/** Buckets asked for in one go: as many as fit a page where there is little usage. */
const stretches: Readonly<Record<Width, number>> = { '1m': 1_440, '1h': 168, '1d': 31 };

/** The longest that one go may take, in milliseconds. */
const deadline = 1_800_000;
/** The wait after the first failure, in milliseconds; it doubles. */
const firstWait = 15_000;

/** Failures in a row, without anything new, after which reading is given up; a valid key is refused now and then. */
const mostFailures: Readonly<Partial<Record<Reason, number>>> = {
  rate_limited: 5,
  timeout: 5,
  server: 5,
  network: 5,
  auth: 2,
};

/**
 * Reads what the journal does not have yet.
 * @throws {ApiError} of the request that failed; what came before it stays
 * @throws Error if the API leaves a bucket out: the sums behind it would be wrong
 */
export async function readHistory(
  reading: HistoryReading,
  endpoint: Endpoint,
  steps: readonly Step[],
  journal: Journal,
  fields: FieldTable,
): Promise<void> {
  const { last } = journal;
  for (const [index, step] of steps.entries()) {
    if (last !== undefined && index < last.step) continue;
    let position = last?.step === index ? bucketEnd(last.start, step.width) : step.from;
    let failures = 0;
    while (position < step.to) {
      const before = position;
      try {
        for await (const buckets of pagesOf(reading, endpoint, step, position, journal.groups(index), fields)) {
          journal.append(index, buckets);
          position = bucketEnd(buckets.at(-1)?.start ?? position, step.width);
          reading.progress(index, position);
        }
        if (position === before) throw missing(endpoint, position);
        failures = 0;
      } catch (error) {
        reading.signal.throwIfAborted();
        if (!(error instanceof ApiError)) throw error;
        failures = position > before ? 0 : failures + 1;
        // A stretch of very many pages is broken off, too, and simply gone on with.
        if (error.reason === 'too_large' && failures === 0) continue;
        if (failures >= (mostFailures[error.reason] ?? 0)) throw error;
        const wait = Math.max(firstWait * 2 ** failures, error.retryAfterMs ?? 0);
        reading.waiting(error, wait);
        await reading.clock.sleep(wait, reading.signal);
      }
    }
  }
}

async function* pagesOf(
  reading: HistoryReading,
  endpoint: Endpoint,
  step: Step,
  from: number,
  groups: ReturnType<Journal['groups']>,
  fields: FieldTable,
): AsyncGenerator<readonly Bucket[]> {
  const { client, sizes, clock, filters, signal } = reading;
  const { width } = step;
  const settleDelay = settleDelayOf(endpoint, reading.settleDelay);
  const to = Math.min(step.to, from + stretches[width] * widthSeconds[width]);
  const pages = readBuckets(client, sizes, {
    endpoint,
    width,
    from,
    to,
    groupBy: groups.dimensions,
    filters,
    // Nothing else is asked for by this process: it may use the whole budget.
    priority: 'poll',
    deadline: clock.monotonic() + deadline,
    signal,
  });
  let expected = from;
  for await (const page of pages) {
    const collected: Bucket[] = [];
    for (const raw of page.buckets) {
      if (raw.start !== expected) throw missing(endpoint, expected);
      const bucket = collectBucket(raw, width, page.readAt, settleDelay, groups, fields);
      if (bucket === undefined || (step.phase !== 'after' && !bucket.settled)) throw missing(endpoint, expected);
      collected.push(bucket);
      expected = bucketEnd(bucket.start, width);
    }
    const leftOut = total(collected, 'malformedRows') + total(collected, 'damagedRows');
    reading.report(total(collected, 'foldedRows'), leftOut);
    yield collected;
  }
}

function total(buckets: readonly Bucket[], of: 'foldedRows' | 'malformedRows' | 'damagedRows'): number {
  return buckets.reduce((sum, bucket) => sum + bucket[of], 0);
}

function missing({ api, path }: Endpoint, start: number): ApiError {
  const detail = `the bucket at ${isoOf(start)} did not come whole`;
  return new ApiError({ reason: 'malformed', api, path, detail });
}

/** Reads spans of buckets into a ledger: the bridge from what the API sends to what is known. */
import type { Clock } from '../clock.ts';
import type { Loss } from '../openai/bucket-page.ts';
import type { Client, Patience } from '../openai/client.ts';
import type { ApiError } from '../openai/errors.ts';
import type { Filters } from '../openai/query.ts';
import { type PageSizes, readBuckets } from '../openai/read-buckets.ts';
import type { Priority } from '../openai/request-budget.ts';
import type { Milliseconds, Seconds } from '../units.ts';
import type { Account } from '../usage/account.ts';
import { type Bucket, collectBucket } from '../usage/bucket.ts';
import type { Ledger } from '../usage/ledger.ts';
import type { Span } from '../usage/plan.ts';
import { settleDelayOf } from '../usage/settle.ts';

/** Receives what a read found besides numbers. */
export interface ReadReport {
  buckets(count: number): void;
  restated(up: number, down: number): void;
  folded(rows: number): void;
  /** Rows of a bucket, which starts then, that were refused or lack something; called with 0, too. */
  leftOut(start: Seconds, rows: number, losses: readonly Loss[]): void;
  /** A bucket that cannot be used, for it is not where it should be or not as wide. */
  bucketRefused(start: Seconds): void;
  /** Buckets that count from now on although rows of them are refused. */
  incomplete(buckets: number): void;
  /** Rows of the bucket that starts at `at` have said whose they are. */
  organization(id: string, name: string | null, at: Seconds): void;
}

export interface ReadContext {
  readonly client: Client;
  readonly sizes: PageSizes;
  readonly clock: Clock;
  readonly filters: Filters;
  readonly settleDelay: Milliseconds;
}

export interface ReadOptions {
  readonly priority: Priority;
  /** Monotonic. */
  readonly deadline: Milliseconds;
  readonly signal: AbortSignal;
  /** The same as of a request of the client. */
  readonly patience: Patience;
  readonly late?: (error: ApiError) => void;
  /** Takes each page in as it comes, rather than the whole span at once: for spans of any length. */
  readonly byPage: boolean;
}

/**
 * Reads one span. What came before a failure is taken in all the same. Returns how many rows were refused.
 * @throws {ApiError} as `readBuckets`
 */
export async function readSpan(
  context: ReadContext,
  account: Account,
  ledger: Ledger,
  span: Span,
  options: ReadOptions,
  report: ReadReport,
): Promise<number> {
  const { endpoint, groups, fields } = ledger;
  const settleDelay = settleDelayOf(endpoint, context.settleDelay);
  let collected: Bucket[] = [];
  let refused = 0;
  const takeIn = () => {
    const { up, down, incomplete } = account.put(ledger, collected, context.clock.now());
    report.buckets(collected.length);
    report.restated(up, down);
    report.folded(sum(collected, (bucket) => bucket.foldedRows));
    report.incomplete(incomplete);
    refused += sum(collected, (bucket) => bucket.malformedRows);
    collected = [];
  };

  try {
    const pages = readBuckets(context.client, context.sizes, {
      endpoint,
      ...span,
      groupBy: groups.dimensions,
      filters: context.filters,
      priority: options.priority,
      deadline: options.deadline,
      signal: options.signal,
      patience: options.patience,
      late: options.late,
    });
    for await (const page of pages) {
      for (const { start } of page.misplaced) report.bucketRefused(start);
      for (const raw of page.buckets) {
        const { organization } = raw;
        if (organization !== undefined) report.organization(organization.id, organization.name, raw.start);
        const bucket = collectBucket(raw, span.width, page.readAt, settleDelay, groups, fields);
        if (bucket === undefined) report.bucketRefused(raw.start);
        else {
          report.leftOut(raw.start, bucket.malformedRows + bucket.damagedRows, raw.losses);
          collected.push(bucket);
        }
      }
      if (options.byPage) takeIn();
    }
  } finally {
    if (collected.length > 0) takeIn();
  }
  return refused;
}

function sum(buckets: readonly Bucket[], of: (bucket: Bucket) => number): number {
  return buckets.reduce((total, bucket) => total + of(bucket), 0);
}

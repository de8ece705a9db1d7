/**
 * Reads which models are in use, which tells whose limits are of interest: days of usage by project and model. Where
 * OpenAI does not grant one of the two, it is asked without that, and once a day with it again.
 */
import type { Clock } from '../clock.ts';
import { type Endpoint, widthSeconds } from '../openai/catalogue.ts';
import type { Client } from '../openai/client.ts';
import { ApiError } from '../openai/errors.ts';
import { askerOf, findGranted } from '../openai/granted.ts';
import type { Filters } from '../openai/query.ts';
import { createPageSizes, type PageSizes, type ReadPage, readBuckets } from '../openai/read-buckets.ts';
import { bucketAt, bucketEnd } from '../usage/windows.ts';
import type { ModelsInUse } from './models-in-use.ts';

export interface ModelsInUseOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly filters: Filters;
  /** Sizes of the pages that polls read; undefined where these do not go by project and model. */
  readonly polledSizes?: PageSizes | undefined;
  /** Takes in what is read. */
  readonly inUse: ModelsInUse;
  /** OpenAI does not grant this dimension, for this reason; called each time that it is found out. */
  readonly refused: (endpoint: Endpoint, dimension: string, reason: string) => void;
  /** There was no room for so many rows; called with 0, too. */
  readonly leftOut: (rows: number) => void;
}

/** The days of one api, read page by page. */
export interface ModelsInUseRead {
  /** A page has come, and there are pages to go. */
  readonly underWay: boolean;
  /**
   * Asks for the next page, and takes it in. Resolves with whether it was the last.
   * @throws as `readBuckets`; the days that came need not be read again
   */
  next(signal: AbortSignal): Promise<boolean>;
}

/** Milliseconds that a page may take; most of it is waiting for a turn. */
const deadline = 1_800_000;

/** Days that tell which models are in use, the running one included: what a page holds. */
const days = 31;

/** Dimensions of these reads. */
export const dimensionsOfUse: readonly string[] = ['project_id', 'model'];

/** Makes what reads one usage api again and again: once a day all of the days, otherwise the running one and the one before. */
export function createModelsInUseReader({
  client,
  clock,
  filters,
  polledSizes,
  inUse,
  leftOut,
  refused,
}: ModelsInUseOptions): (endpoint: Endpoint) => ModelsInUseRead {
  /** Sizes of its own: days by project and model are far smaller than days by everything. */
  const sizes = createPageSizes(polledSizes);

  return (endpoint) => {
    /** The day, in seconds, on which the whole span was read the last time. */
    let wholeReadOn: number | undefined;
    /** The span that is being read: all days up to `position` have come. */
    let span: { readonly today: number; readonly whole: boolean; position: number } | undefined;
    let pages: AsyncGenerator<ReadPage> | undefined;
    /** The dimensions that are granted, as far as it is known today. */
    let groupBy = dimensionsOfUse;

    function nextSpan(today: number): NonNullable<typeof span> {
      const whole = wholeReadOn !== today;
      if (whole) groupBy = dimensionsOfUse;
      return { today, whole, position: today - (whole ? days - 1 : 1) * widthSeconds['1d'] };
    }

    function pagesFrom(from: number, today: number, signal: AbortSignal): AsyncGenerator<ReadPage> {
      return readBuckets(client, sizes, {
        endpoint,
        width: '1d',
        from,
        to: bucketEnd(today, '1d'),
        groupBy,
        filters,
        priority: 'names',
        // Of each page: between two of them other lists have their turn.
        get deadline() {
          return clock.monotonic() + deadline;
        },
        patience: { waited: 0 },
        signal,
      });
    }

    /** Returns whether an error was about the dimensions: from now on others are asked for. */
    async function regrouped(error: unknown, from: number, today: number, signal: AbortSignal): Promise<boolean> {
      if (!(error instanceof ApiError)) return false;
      const span = { endpoint, width: '1d', from, to: bucketEnd(today, '1d'), filters, now: clock.now() } as const;
      const how = { priority: 'names', deadline: clock.monotonic() + deadline, signal } as const;
      const granted = await findGranted(groupBy, error, askerOf(client, span, how));
      if (granted === undefined) return false;
      groupBy = granted.dimensions;
      for (const [dimension, reason] of granted.refused) refused(endpoint, dimension, reason);
      return true;
    }

    return {
      get underWay() {
        return span !== undefined;
      },
      async next(signal) {
        const today = bucketAt(clock.now(), '1d');
        if (span === undefined || span.today !== today) {
          span = nextSpan(today);
          pages = undefined;
        }
        pages ??= pagesFrom(span.position, today, signal);
        try {
          const { value: page } = await pages.next();
          if (page !== undefined) {
            for (const bucket of page.buckets) leftOut(inUse.take(bucket, groupBy));
            span.position = bucketEnd(page.buckets.at(-1)?.start ?? span.position, '1d');
          }
          if (page !== undefined && span.position < bucketEnd(today, '1d')) return false;
        } catch (error) {
          // What has failed yields no more; another begins behind the days that have come.
          pages = undefined;
          if (await regrouped(error, span.position, today, signal)) return false;
          throw error;
        }
        if (span.whole) wholeReadOn = today;
        span = undefined;
        pages = undefined;
        return true;
      },
    };
  };
}

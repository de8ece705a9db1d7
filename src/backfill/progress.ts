/** Says how far the reading of a backfill is, and how many requests and minutes remain, about. */
import type { Clock } from '../clock.ts';
import type { Logger } from '../log.ts';
import { type Api, type Endpoint, widthSeconds } from '../openai/catalogue.ts';
import type { PageSizes } from '../openai/read-buckets.ts';
import { isoOf, type Step } from './backfill-plan.ts';

export interface ProgressOptions {
  /** All that is to be read, in its order. */
  readonly plans: readonly { readonly endpoint: Endpoint; readonly steps: readonly Step[] }[];
  readonly sizes: PageSizes;
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly log: Logger;
  /** Requests so far. */
  readonly requests: () => number;
  readonly maxPerMinute: number;
}

export interface Progress {
  /** The buckets of an api up to `to`, in seconds, are read; steps before this one are done. */
  reached(api: Api, step: number, to: number): void;
  /** All of an api is read. */
  finished(api: Api): void;
}

/** The place that the reading of an api has reached. */
interface Reached {
  readonly step: number;
  readonly to: number;
}

/** Milliseconds between two lines of the log, at least. */
const pause = 5_000;

export function createProgress(options: ProgressOptions): Progress {
  const { plans, sizes, clock, log, requests, maxPerMinute } = options;
  const reached = new Map<string, Reached>();
  let loggedAt = Number.NEGATIVE_INFINITY;

  /** @param current what has not been begun is taken to have pages like this api's */
  function remainingRequests(current: Api): number {
    return plans.reduce((sum, { endpoint, steps }) => {
      const own = reached.get(endpoint.api);
      const like = own === undefined ? current : endpoint.api;
      return sum + requestsLeft(sizes, endpoint, like, steps, own ?? { step: 0, to: 0 });
    }, 0);
  }

  return {
    reached(api, step, to) {
      reached.set(api, { step, to });
      if (clock.monotonic() < loggedAt + pause) return;
      loggedAt = clock.monotonic();
      const remaining = remainingRequests(api);
      const minutes = Math.ceil(remaining / maxPerMinute);
      log.info(`${api}: read to ${isoOf(to)}`, { requests: requests(), remaining, minutes });
    },
    finished(api) {
      reached.set(api, { step: Number.POSITIVE_INFINITY, to: Number.POSITIVE_INFINITY });
    },
  };
}

/** @param like the api whose pages tell how many buckets fit one */
function requestsLeft(
  sizes: PageSizes,
  endpoint: Endpoint,
  like: Api,
  steps: readonly Step[],
  reached: Reached,
): number {
  let requests = 0;
  for (const [index, step] of steps.entries()) {
    if (index < reached.step) continue;
    const from = index === reached.step ? Math.max(step.from, reached.to) : step.from;
    const most = endpoint.limits[step.width]?.perPage ?? 1;
    const buckets = (step.to - from) / widthSeconds[step.width];
    requests += Math.ceil(buckets / sizes.limit(like, step.width, most));
  }
  return requests;
}

/** Reads which models are in use, which tells whose limits are of interest: days of usage by project and model. */
import type { Clock } from '../clock.ts';
import type { ModelsInUse } from '../names/models-in-use.ts';
import { type Endpoint, widthSeconds } from '../openai/catalogue.ts';
import type { Client } from '../openai/client.ts';
import type { Filters } from '../openai/query.ts';
import { createPageSizes, readBuckets } from '../openai/read.ts';
import { bucketAt } from '../usage/windows.ts';

export interface ModelsInUseOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly filters: Filters;
  /** Takes in what is read. */
  readonly inUse: ModelsInUse;
}

/** Milliseconds that reading the days of one api may take; most of it is waiting for a turn. */
const deadline = 1_800_000;

/** Days that tell which models are in use, the running one included: what a page holds. */
const days = 31;

/**
 * Makes what reads one usage api: once a day all of the days, otherwise the running one and the one before.
 * @returns rejects with what `readBuckets` throws; what came before that has been taken in
 */
export function createModelsInUseReader({
  client,
  clock,
  filters,
  inUse,
}: ModelsInUseOptions): (endpoint: Endpoint, signal: AbortSignal) => Promise<void> {
  /** Sizes of its own: days by project and model are far smaller than days by everything. */
  const sizes = createPageSizes();
  /** By api: the day, in seconds, on which the whole span was read the last time. */
  const wholeReadOn = new Map<string, number>();

  return async (endpoint, signal) => {
    const { api } = endpoint;
    const today = bucketAt(clock.now(), '1d');
    const whole = wholeReadOn.get(api) !== today;
    const pages = readBuckets(client, sizes, {
      endpoint,
      width: '1d',
      from: today - (whole ? days - 1 : 1) * widthSeconds['1d'],
      to: today + widthSeconds['1d'],
      groupBy: ['project_id', 'model'],
      filters,
      priority: 'names',
      deadline: clock.monotonic() + deadline,
      signal,
    });
    for await (const { buckets } of pages) for (const bucket of buckets) inUse.take(bucket);
    if (whole) wholeReadOn.set(api, today);
  };
}

/**
 * What estimates cost: 10,000 groups of usage and 10,000 lines of costs over 62 days, in one process without an API. How long
 * the prices take from nothing, how long a new minute takes beside rendering and compressing the gauges of the same groups, and
 * how much memory is kept.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { systemClock } from '../src/clock.ts';
import { createEstimator } from '../src/estimate/estimator.ts';
import { createChanges } from '../src/metrics/changes.ts';
import { estimateSection } from '../src/metrics/estimate-section.ts';
import { KeptParts } from '../src/metrics/kept-parts.ts';
import { createPublisher } from '../src/metrics/publisher.ts';
import { renderApi } from '../src/metrics/render.ts';
import type { Section } from '../src/metrics/section.ts';
import type { RawBucket, RawLabel } from '../src/openai/bucket-page.ts';
import {
  type CostApi,
  type Endpoint,
  endpoints,
  type UsageApi,
  type Width,
  widthSeconds,
} from '../src/openai/catalogue.ts';
import { collectBucket } from '../src/usage/bucket.ts';
import { CounterBook } from '../src/usage/counters.ts';
import { Ledger } from '../src/usage/ledger.ts';
import { recent } from '../src/usage/recent.ts';
import { median } from './scrape.ts';
import { megabytes, ms } from './table.ts';

const most = 10_000;
/** 2,000 pairs of a project and a model, each with five keys. */
const projects = 100;
const models = 20;
const day = 86_400;
const settleDelay = 900_000;
const midnight = Math.floor(Date.now() / 1_000 / day) * day;

function endpointNamed<Api extends UsageApi | CostApi>(api: Api): Extract<Endpoint, { readonly api: unknown }> {
  const found = endpoints.find((endpoint) => endpoint.api === api);
  if (found === undefined) throw new Error(`There is no api ${api}.`);
  return found;
}

let now = midnight * 1_000;

function ledgerOf(endpoint: Endpoint, dimensions: readonly string[], days: number): Ledger {
  return new Ledger({
    endpoint,
    dimensions,
    maxGroups: most,
    anchor: midnight - days * day,
    clock: { now: () => now },
  });
}

function put(ledger: Ledger, width: Width, start: number, raw: Omit<RawBucket, 'start' | 'end' | 'rows'>): void {
  const end = start + widthSeconds[width];
  const bucket = collectBucket(
    { ...raw, start, end, rows: most },
    width,
    end * 1_000 + (ledger.endpoint.kind === 'costs' ? day * 1_000 : settleDelay),
    ledger.endpoint.kind === 'costs' ? day * 1_000 : settleDelay,
    ledger.groups,
    ledger.fields,
  );
  if (bucket !== undefined) ledger.put(bucket);
}

const sound = { malformedRows: 0, refused: [], damagedRows: 0, losses: [] } as const;
const each = <T>(make: (index: number) => T): T[] => Array.from({ length: most }, (_, index) => make(index));
const projectOf = (index: number): RawLabel => `proj_${index % projects}`;
const modelOf = (index: number): RawLabel => `model-${Math.floor(index / projects) % models}-2026-01-01`;
const keyOf = (index: number): RawLabel => `key_${Math.floor(index / (projects * models))}`;

/** Ten, as most models have. */
const fields = [
  ...['input_tokens', 'input_uncached_tokens', 'input_cached_tokens', 'input_text_tokens', 'input_cached_text_tokens'],
  ...['output_tokens', 'output_text_tokens', 'num_model_requests', 'input_cache_write_tokens', 'input_image_tokens'],
];

function usageOf(seed: number): Omit<RawBucket, 'start' | 'end' | 'rows'> {
  const column = (scale: number) =>
    Float64Array.from(each((index) => Math.ceil(scale * (1 + ((index * 31 + seed) % 97)))));
  return {
    ...sound,
    labels: [each(projectOf), each(keyOf), each(modelOf)],
    numbers: new Map(fields.map((name, place) => [name, column(1_000 / (1 + place))])),
    decimals: new Map(),
    units: new Map(),
  };
}

function costsOf(seed: number): Omit<RawBucket, 'start' | 'end' | 'rows'> {
  const kinds = ['input', 'cached input', 'output'];
  return {
    ...sound,
    labels: [
      each(projectOf),
      each((index) => `${modelOf(index)}, ${kinds[Math.floor(index / 2_000) % kinds.length]}`),
      each(keyOf),
    ],
    numbers: new Map([['quantity', Float64Array.from(each((index) => 1_000 + ((index + seed) % 500)))]]),
    decimals: new Map([
      ['amount_value', each((index) => `0.${1_000_000 + ((index * 7 + seed) % 9_000)}123456789012345678901`)],
    ]),
    units: new Map([
      ['amount_value', each((): RawLabel => 'usd')],
      ['quantity', each((): RawLabel => 'tokens')],
    ]),
  };
}

async function kept(): Promise<number> {
  // What was looked at weakly is held until the turn ends.
  await turn();
  globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** Processor time of all threads so far, in milliseconds: what others on the machine take is not in it. */
function cpu(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

/** Publishes a section of its own, as the exporter does. Returns what a publish takes of the processor, in milliseconds. */
function publisherOf(section: Section): () => Promise<number> {
  const changes = createChanges();
  const clock = { ...systemClock, now: () => now };
  const publisher = createPublisher({ sections: [section], changes, clock, show() {} });
  return async () => {
    changes.note(section.name);
    const begun = cpu();
    await publisher.publish();
    return cpu() - begun;
  };
}

/** The gauges and counters of an api. */
function usageSection(ledger: Ledger): Section {
  const { endpoint } = ledger;
  const until = midnight + 62 * day;
  const book = new CounterBook({ ledger, opening: 'history', zeroHold: 120_000, until });
  const kept = new KeptParts();
  const options = { endpoint, settleDelay, interval: () => 60_000 };
  return {
    name: endpoint.api,
    *render(at, elapsed) {
      const { shown } = recent(options, (width, start) => ledger.buckets.get(width, start), at);
      book.advance(at, elapsed);
      yield* renderApi({ ledger, series: ledger.seriesNow(), shown, book, settleDelayMinutes: 15 }, kept);
      return undefined;
    },
  };
}

export async function measureEstimate(): Promise<string> {
  const completions = endpointNamed('completions');
  const usage = ledgerOf(completions, ['project_id', 'api_key_id', 'model'], 10);
  const costs = ledgerOf(endpointNamed('costs'), ['project_id', 'line_item', 'api_key_id'], 62);
  for (let back = 62; back >= 1; back--) {
    if (back <= 10) put(usage, '1d', midnight - back * day, usageOf(back));
    if (back >= 2) put(costs, '1d', midnight - back * day, costsOf(back));
  }
  if (completions.kind !== 'usage') throw new Error('Completions are usage.');

  const before = await kept();
  const estimator = createEstimator({
    costs: { ledger: costs },
    usage: [
      {
        endpoint: completions,
        ledger: usage,
        counters: 'shown',
        dayAt(start) {
          const bucket = usage.settled('1d', start);
          return bucket && { ledger: usage, bucket };
        },
      },
    ],
    settleDelay,
    interval: 60_000,
  });
  const publishEstimate = publisherOf(estimateSection(estimator, () => {}));
  const first = cpu();
  // Just after midnight there is nothing to price yet.
  estimator.at(midnight * 1_000 + settleDelay);
  const prices = cpu() - first;
  const ofPrices = (await kept()) - before;

  for (let hour = 0; hour < 12; hour++) put(usage, '1h', midnight + hour * 3_600, usageOf(hour));
  const minuteAt = (index: number) => midnight + 11 * 3_600 + index * 60;
  for (let minute = 0; minute < 70; minute++) put(usage, '1m', minuteAt(minute), usageOf(minute));
  now = minuteAt(70) * 1_000 + settleDelay;
  const beforeSums = await kept();
  await publishEstimate();
  const memory = ofPrices + (await kept()) - beforeSums;

  const publishUsage = publisherOf(usageSection(usage));
  await publishUsage();
  const estimates: number[] = [];
  const usages: number[] = [];
  for (let minute = 70; minute < 90; minute++) {
    put(usage, '1m', minuteAt(minute), usageOf(minute));
    now = minuteAt(minute + 1) * 1_000 + settleDelay;
    estimates.push(await publishEstimate());
    usages.push(await publishUsage());
  }
  const added = Math.round((median(estimates) / median(usages)) * 1_000) / 10;
  return [
    `estimates of ${most} groups of usage, of 2,000 projects and models, and ${most} lines of costs over 62 days`,
    `processor time: prices from nothing ${ms(prices)}`,
    `publishing estimates with each new minute: ${ms(median(estimates))}, which adds ${added} % to publishing the gauges and counters of the same groups: ${ms(median(usages))}`,
    `kept: ${megabytes(memory)}`,
  ].join('\n');
}

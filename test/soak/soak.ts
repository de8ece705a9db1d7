/**
 * One process lives many days: the exporter asks a simulated organization over real sockets, is scraped over real
 * sockets, and everything goes wrong at random. Time is virtual, and passes only while no answer is on its way.
 */
import { once, setMaxListeners } from 'node:events';
import { getHeapCodeStatistics } from 'node:v8';
import { Worker } from 'node:worker_threads';
import { type Dispatcher, Pool } from 'undici';
import type { Clock } from '../../src/clock.ts';
import { compressPiece } from '../../src/metrics/gzip.ts';
import { ownText } from '../../src/metrics/own-text.ts';
import { createShownPage } from '../../src/metrics/shown-page.ts';
import { createExporter } from '../../src/reader/exporter.ts';
import { statusOf } from '../../src/reader/make-status.ts';
import { createOrganization } from '../../src/simulation/organization.ts';
import { demoSettings } from '../helpers/demo-settings.ts';
import { parseExposition } from '../helpers/exposition-parser.ts';
import { createScraper } from '../helpers/scraper.ts';
import { silentLogger } from '../helpers/silent-logger.ts';
import { simulatedClient } from '../helpers/simulated-client.ts';
import { createVirtualClock } from '../helpers/virtual-clock.ts';
import { startWebServer } from '../helpers/web-server.ts';
import { apis, day, organizationOf, type Plan } from './plan.ts';
import { sharedTime } from './shared-time.ts';

export interface SoakOptions {
  readonly days: number;
  readonly seed: number;
  /** Frees what nobody holds any more. */
  readonly collect: () => void;
  /** Called after each day. */
  readonly report: (day: Day) => void;
}

export interface Day {
  readonly day: number;
  /** The number since the start. */
  readonly requests: number;
  readonly failures: number;
  readonly scrapes: number;
  /** MB, after a collection, without `code`. */
  readonly heap: number;
  /** MB of the heap that are not the program's: code that the engine has compiled, and goes on compiling for days. */
  readonly code: number;
  readonly external: number;
  /** Active resources of the process, as Node lists them. */
  readonly handles: number;
  readonly series: number;
}

export interface Soaked {
  readonly days: readonly Day[];
  /** Holds what is not as it should be. */
  readonly faults: readonly string[];
  /** Counters that were compared with the organization's own numbers. */
  readonly compared: number;
}

const minute = 60_000;
const dimensions = ['project_id', 'model'] as const;
const counters = [
  ['completions', 'input_tokens'],
  ['completions', 'output_tokens'],
  ['completions', 'num_model_requests'],
  ['embeddings', 'input_tokens'],
  ['images', 'images'],
] as const;

/** Minutes between two scrapes. */
const scrapeEvery = 5;
/** Minutes at the end of a day in which memory is measured. */
const measurements = 10;
/** Counts what was sent; what has ended is told by the client's observer. */
class CountingPool extends Pool {
  begun = 0;
  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    this.begun += 1;
    return super.dispatch(options, handler);
  }
}

export async function soak(options: SoakOptions): Promise<Soaked> {
  const start = Date.parse('2026-11-10T00:00:03Z');
  let ended = 0;
  let compressing = 0;
  let pool: CountingPool | undefined;
  const plan: Plan = { days: options.days, seed: options.seed, start };
  const time = sharedTime();
  const virtual = createVirtualClock({
    start,
    busy: () => compressing > 0 || (pool !== undefined && pool.begun - ended > time.waiting()),
  });
  // Who asks for the time lets the organization know it: before it is asked anything.
  const told = (now: number) => {
    time.set(now);
    return now;
  };
  const clock: Clock = {
    now: () => told(virtual.now()),
    monotonic: () => told(virtual.now()) - start,
    sleep: virtual.sleep,
  };
  clock.now();
  const ending = import.meta.url.endsWith('.ts') ? '.ts' : '.js';
  const worker = new Worker(new URL(`./worker${ending}`, import.meta.url), {
    workerData: { buffer: time.buffer, plan },
  });
  const [url]: unknown[] = await once(worker, 'message');
  const baseUrl = new URL(String(url));
  const own = new CountingPool(baseUrl.origin, { connections: 2 });
  pool = own;

  const settings = demoSettings([`--poll.apis=${apis.join(',')},costs`, `--poll.group-by=${dimensions.join(',')}`]);
  let failures = 0;
  const shown = createShownPage();
  const exporter = createExporter({
    settings,
    clock,
    log: silentLogger,
    version: '0',
    revision: '0',
    show: shown.show,
    compress(text) {
      compressing += 1;
      try {
        return compressPiece(text);
      } finally {
        compressing -= 1;
      }
    },
    client: (observer) =>
      simulatedClient({
        baseUrl,
        dispatcher: own,
        clock,
        observer: {
          attempt(api, code, seconds) {
            ended += 1;
            if (code !== '200') failures += 1;
            observer.attempt(api, code, seconds);
          },
          retry: (api) => observer.retry(api),
        },
      }),
  });
  const { server: web, port } = await startWebServer({
    page: shown,
    own: async () => [ownText(await exporter.self.text())],
    status: () =>
      statusOf({ exporter, version: '0', revision: '0', simulated: true, startedAt: start, now: clock.now() }),
    ready: exporter.ready,
  });
  const scrapes = new Pool(`http://127.0.0.1:${port}`, { connections: 1 });
  const stop = new AbortController();
  setMaxListeners(0, stop.signal);
  const run = exporter.run(stop.signal).catch((error: unknown) => {
    if (!stop.signal.aborted) throw error;
  });

  const scraper = createScraper();
  const faults: string[] = [];
  let scraped = 0;
  const scrape = async () => {
    const path = scraped % 2 === 0 ? '/metrics' : '/metrics?soak';
    const headers = scraped % 3 === 0 ? { 'accept-encoding': 'gzip' } : {};
    const { statusCode, body } = await scrapes.request({ path, method: 'GET', headers });
    scraped += 1;
    if (statusCode !== 200) faults.push(`a scrape was answered ${statusCode}`);
    if ('accept-encoding' in headers) return void (await body.arrayBuffer());
    const page = parseExposition(await body.text());
    const samples = new Map<string, number>();
    for (const [api, field] of counters) {
      const name = `openai_${api}_${field}_total`;
      for (const { labels, value } of page.families.get(name)?.samples ?? []) {
        samples.set(
          keyOf(
            name,
            dimensions.map((dimension) => labels[dimension]),
          ),
          value,
        );
      }
    }
    scraper.scrape(samples);
  };

  const days: Day[] = [];
  for (let each = 1; each <= options.days; each++) {
    for (let at = measurements * minute; at < day; at += scrapeEvery * minute) {
      await virtual.advance(scrapeEvery * minute);
      await scrape();
    }
    const { heap, code, external } = await leastMemory(async () => {
      await virtual.advance(minute);
      options.collect();
    });
    const one: Day = {
      day: each,
      requests: ended,
      failures,
      scrapes: scraped,
      heap,
      code,
      external,
      handles: process.getActiveResourcesInfo().length,
      series: exporter.series(),
    };
    days.push(one);
    options.report(one);
  }

  // The last sample is not of the last minute, so that both know the same.
  await virtual.advance(minute);
  await scrape();
  if (scraped % 3 === 1) await scrape();
  const organization = createOrganization(organizationOf(plan));
  let compared = 0;
  for (const [api, field] of counters) {
    const status = exporter.apis.find(({ endpoint }) => endpoint.api === api)?.status;
    const to = Math.floor(((status?.lastPoll ?? 0) / 1_000 - 900) / 60) * 60;
    const span = { from: Date.parse('2026-11-01T00:00:00Z') / 1_000, to };
    for (const { labels, fields } of organization.truth.usage(api, span, { groupBy: dimensions })) {
      const expected = fields.get(field) ?? 0;
      if (expected === 0) continue;
      const key = keyOf(`openai_${api}_${field}_total`, labels);
      const counted = scraper.counted.get(key);
      compared += 1;
      if (counted !== expected) faults.push(`${key} is ${counted}, and should be ${expected}`);
    }
  }
  for (const [key, count] of scraper.resets) faults.push(`${key} fell ${count} times`);
  faults.push(...growth(days));

  stop.abort(new Error('over'));
  await virtual.drain();
  await run;
  await web.stop(0);
  await Promise.all([own.destroy(), scrapes.destroy()]);
  await worker.terminate();
  return { days, faults, compared };
}

function keyOf(name: string, labels: readonly unknown[]): string {
  return [name, ...labels.map((label) => (label === null || label === '' ? 'none' : String(label)))].join(' ');
}

/** The least of several minutes, in MB: what is under way in one, such as a large answer, is not held for long. */
async function leastMemory(minuteLater: () => Promise<void>): Promise<Pick<Day, 'heap' | 'code' | 'external'>> {
  const least = { heap: Number.POSITIVE_INFINITY, code: 0, external: Number.POSITIVE_INFINITY };
  for (let count = 0; count < measurements; count++) {
    await minuteLater();
    const { heapUsed, external } = process.memoryUsage();
    const statistics = getHeapCodeStatistics();
    const code = statistics.code_and_metadata_size + statistics.bytecode_and_metadata_size;
    if ((heapUsed - code) / 1e6 < least.heap) {
      least.heap = (heapUsed - code) / 1e6;
      least.code = code / 1e6;
    }
    least.external = Math.min(least.external, external / 1e6);
  }
  return least;
}

/** The share of the first day's heap. */
const mostGrowth = 0.05;
/** The bound on the first day's compiled code: the engine optimizes in turn what is called less often, but the source has an end. */
const mostCodeGrowth = 0.25;
/** Sockets that happen to be open, or not. */
const spareHandles = 3;

function growth(days: readonly Day[]): readonly string[] {
  const [first, ...later] = days;
  if (first === undefined) return ['no day has passed'];
  return later.flatMap(({ day: each, heap, code, handles }) => [
    ...(heap > first.heap * (1 + mostGrowth)
      ? [`the heap of day ${each} is ${heap.toFixed(1)} MB, that of the first was ${first.heap.toFixed(1)} MB`]
      : []),
    ...(code > first.code * (1 + mostCodeGrowth)
      ? [`the compiled code of day ${each} is ${code.toFixed(1)} MB, that of the first was ${first.code.toFixed(1)} MB`]
      : []),
    ...(handles > first.handles + spareHandles
      ? [`day ${each} has ${handles} handles, the first had ${first.handles}`]
      : []),
  ]);
}

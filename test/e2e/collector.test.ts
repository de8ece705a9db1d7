/** An OpenTelemetry Collector scrapes the program, as Prometheus does: what it hands on is the page, sample by sample. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import * as z from 'zod';
import { simulatedKey } from '../../src/simulation/api.ts';
import { createOrganization } from '../../src/simulation/organization.ts';
import { startServer } from '../../src/simulation/simulated-server.ts';
import { type Exposition, parseExposition, seriesKey } from '../helpers/exposition-parser.ts';
import { portOf } from '../helpers/http-server.ts';
import { startExporter, startProcess } from '../helpers/process.ts';
import { seconds } from '../helpers/rows.ts';
import { shiftedClock } from '../helpers/test-clock.ts';
import { findBuiltTool } from '../helpers/tools.ts';

const path = findBuiltTool('otelcol');

const double = z.union([z.number(), z.enum(['NaN', 'Infinity', '-Infinity']).transform(Number)]);
const whole = z.coerce.number();
const point = z.object({
  attributes: z.array(z.object({ key: z.string(), value: z.object({ stringValue: z.string() }) })).default([]),
  timeUnixNano: z.string(),
  /** 1 marks a series that is gone. */
  flags: z.number().default(0),
  asDouble: double.default(0),
  count: whole.default(0),
  sum: double.default(0),
  bucketCounts: z.array(whole).default([]),
  explicitBounds: z.array(z.number()).default([]),
});
type Point = z.infer<typeof point>;
const points = z.array(point);
/** The aggregation 2 counts from the start, not from the scrape before. */
const fromStart = z.literal(2);
const metric = z.object({
  name: z.string(),
  description: z.string().default(''),
  gauge: z.object({ dataPoints: points }).optional(),
  sum: z.object({ dataPoints: points, aggregationTemporality: fromStart, isMonotonic: z.literal(true) }).optional(),
  histogram: z.object({ dataPoints: points, aggregationTemporality: fromStart }).optional(),
});
const exported = z.object({
  resourceMetrics: z.array(z.object({ scopeMetrics: z.array(z.object({ metrics: z.array(metric) })) })),
});

/** A scrape: its samples by the keys of their series, and the kind and the help of each family. */
interface Scrape {
  readonly samples: Record<string, number>;
  readonly families: Record<string, readonly [kind: string, help: string]>;
}

/** The names that a scrape itself adds. */
const ofScrape = /^(?:up|scrape_\w+)$/;

/** Returns what came, scrape by scrape; of what the scrapes themselves add, only how many samples each has read. */
function scrapesIn(bodies: readonly string[]) {
  const scrapes = new Map<string, Scrape & { read: number }>();
  const ofPoint = ({ timeUnixNano }: Point) => {
    const scrape = scrapes.get(timeUnixNano) ?? { samples: {}, families: {}, read: 0 };
    scrapes.set(timeUnixNano, scrape);
    return scrape;
  };
  for (const body of bodies) {
    const { resourceMetrics } = exported.parse(JSON.parse(body));
    for (const each of resourceMetrics.flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics))) {
      const { name, description, gauge, sum, histogram } = each;
      const kind = gauge !== undefined ? 'gauge' : sum !== undefined ? 'counter' : 'histogram';
      for (const one of (gauge ?? sum ?? histogram)?.dataPoints ?? []) {
        if (one.flags === 1) continue;
        const scrape = ofPoint(one);
        if (ofScrape.test(name)) {
          if (name === 'scrape_samples_scraped') scrape.read = one.asDouble;
          continue;
        }
        scrape.families[name] = [kind, description];
        for (const [key, value] of samplesOf(name, one, histogram !== undefined)) {
          if (key in scrape.samples) throw new Error(`${key} came twice`);
          scrape.samples[key] = value;
        }
      }
    }
  }
  return [...scrapes].sort(([one], [other]) => Number(BigInt(one) - BigInt(other))).map(([, scrape]) => scrape);
}

/** The samples of the page that a point stands for: one, or those of a histogram. */
function samplesOf(name: string, one: Point, histogram: boolean): readonly (readonly [string, number])[] {
  const labels = Object.fromEntries(one.attributes.map(({ key, value }) => [key, value.stringValue]));
  if (!histogram) return [[seriesKey(name, labels), one.asDouble]];
  let below = 0;
  const buckets = one.bucketCounts.map((count, index) => {
    below += count;
    const bound = one.explicitBounds[index];
    return [
      seriesKey(`${name}_bucket`, { ...labels, le: bound === undefined ? '+Inf' : String(bound) }),
      below,
    ] as const;
  });
  return [...buckets, [seriesKey(`${name}_sum`, labels), one.sum], [seriesKey(`${name}_count`, labels), one.count]];
}

/** Returns what a page says. A label without a value is none, and a family without a sample is not there. */
function onPage({ families }: Exposition): Scrape {
  const shown = [...families.values()].filter(({ samples }) => samples.length > 0);
  const keyed = shown.flatMap(({ samples }) =>
    samples.map(({ name, labels, value }) => {
      const known = Object.fromEntries(Object.entries(labels).filter(([, label]) => label !== ''));
      return [seriesKey(name, known), value];
    }),
  );
  return {
    samples: Object.fromEntries(keyed),
    families: Object.fromEntries(shown.map(({ name, type, help }) => [name, [type, help ?? '']])),
  };
}

describe.skipIf(path === undefined)('an OpenTelemetry Collector', () => {
  test('hands on each page as it was: names, labels, kinds and values', async () => {
    const begin = seconds('2026-05-15T12:30Z');
    const organization = createOrganization({
      seed: 17,
      createdAt: begin - 86_400,
      profile: { groups: 4, activity: 1, hostileLabels: true, secondCurrency: true },
    });
    // A minute takes a second.
    const clock = shiftedClock(begin * 1_000, 60);
    const server = await startServer({ organization, clock });
    onTestFinished(() => server.close());
    const exporter = await startExporter(
      [`--openai.base-url=${server.url}`, '--openai.max-requests-per-minute=600', '--state.file=none'],
      { env: { OPENAI_ADMIN_KEY: simulatedKey }, clock },
    );
    onTestFinished(async () => {
      await exporter.stop('SIGKILL');
    });
    await vi.waitFor(
      async () => {
        const page = await exporter.metrics();
        expect(page.families.has('openai_web_search_calls_num_requests_total')).toBe(true);
        expect(page.families.has('openai_usage_costs_amount_value')).toBe(true);
      },
      { timeout: 30_000, interval: 250 },
    );

    const pages: string[] = [];
    const bodies: string[] = [];
    // Between the two, so that it is known which page each scrape has read.
    const between = createServer(async (request, response) => {
      if (request.method === 'POST') {
        bodies.push(await text(request));
        response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
      } else {
        const page = await exporter.get('/metrics');
        response.writeHead(page.status, { 'content-type': page.headers.get('content-type') ?? '' });
        pages.push(await page.text());
        response.end(pages.at(-1));
      }
    });
    await new Promise<void>((resolve) => between.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void between.close().closeAllConnections());
    const address = `127.0.0.1:${portOf(between.address())}`;

    const directory = mkdtempSync(join(tmpdir(), 'collector-'));
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    const configuration = {
      receivers: {
        prometheus: {
          discovery_reload_on_startup: true,
          config: {
            scrape_configs: [{ job_name: 'openai', scrape_interval: '1s', static_configs: [{ targets: [address] }] }],
          },
        },
      },
      exporters: { otlp_http: { endpoint: `http://${address}`, encoding: 'json', compression: 'none' } },
      service: {
        telemetry: { metrics: { level: 'none' }, logs: { level: 'warn' } },
        pipelines: { metrics: { receivers: ['prometheus'], exporters: ['otlp_http'] } },
      },
    };
    // Whatever is JSON is YAML.
    writeFileSync(join(directory, 'collector.yaml'), JSON.stringify(configuration));
    const collector = startProcess(path ?? '', [`--config=${directory}/collector.yaml`], {});
    onTestFinished(async () => {
      await collector.stop('SIGKILL');
    });
    const ends = () => {
      const scrapes = scrapesIn(bodies);
      return [scrapes[0]?.samples ?? {}, scrapes.at(-1)?.samples ?? {}] as const;
    };
    await vi.waitFor(
      () => {
        const [first, last] = ends();
        const rose = Object.keys(first).filter(
          (key) => /^openai_(?!exporter_)\w+_total\{/.test(key) && (last[key] ?? 0) > (first[key] ?? 0),
        );
        expect(rose, collector.err()).not.toEqual([]);
      },
      { timeout: 60_000, interval: 250 },
    );
    expect([(await collector.stop()).code, collector.err()]).toEqual([0, '']);

    const scrapes = scrapesIn(bodies);
    for (const [index, { read, ...scrape }] of scrapes.entries()) {
      const page = parseExposition(pages[index] ?? '');
      expect(scrape).toEqual(onPage(page));
      expect(read).toBe(page.series.size);
    }
    const [first] = ends();
    expect(Object.keys(first).filter((key) => key.includes('quote\\"'))).not.toEqual([]);
    process.stderr.write(`${scrapes.length} scrapes of ${Object.keys(first).length} samples compared\n`);
  });
});

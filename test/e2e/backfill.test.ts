/**
 * A month of history in a real Prometheus, by the commands of docs/history.md: the program writes it, promtool makes blocks
 * of it, and every series is what the organization really used. Then a running exporter is scraped with the same labels:
 * its counters go on where the history ends.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { replaceAll } from '../../deploy/stack/configuration.ts';
import { costsByKeySince, endpointOf } from '../../src/openai/catalogue.ts';
import { simulatedKey } from '../../src/simulation/api.ts';
import { createOrganization } from '../../src/simulation/organization.ts';
import { startServer } from '../../src/simulation/simulated-server.ts';
import { labelValue } from '../../src/usage/labels.ts';
import { documentAt, fenceWith } from '../helpers/documents.ts';
import { type Labels, seriesKey } from '../helpers/exposition-parser.ts';
import { runProgram, startExporter } from '../helpers/process.ts';
import { type Matrix, startPrometheus } from '../helpers/prometheus.ts';
import { shiftedClock } from '../helpers/test-clock.ts';
import { findTool } from '../helpers/tools.ts';
import { usageApis } from './apis.ts';

const prometheusPath = findTool('prometheus', 'prometheus');
const promtool = findTool('promtool', 'prometheus');
const documented = documentAt('docs/history.md');

const at = (text: string) => Date.parse(text) / 1_000;
const hour = 3_600;
/** All of May, and what there is of June: the counters begin anew within. */
const begin = at('2026-05-01T00:00Z');
const june = at('2026-06-01T00:00Z');
const now = at('2026-06-01T09:20Z');
/** The end of the history: its last sample must be three hours old. */
const end = at('2026-06-01T06:00Z');
const settle = 900;

const organization = createOrganization({
  seed: 11,
  createdAt: at('2026-04-20T00:00Z'),
  // Groups that begin late, pause for days and come back; hostile labels, late data and restatements.
  profile: { groups: 5, activity: 0.05, dayShare: 0.5, hostileLabels: true },
});

/** Samples by `seriesKey`, without the labels that tell where it was scraped; by instant, in seconds. */
function samplesOf(matrix: readonly Matrix[]): Map<string, Map<number, number>> {
  return new Map(
    matrix.map(({ labels: { __name__: name = '', job, instance, ...labels }, samples }) => {
      expect([job, instance]).toEqual(['openai', 'exporter']);
      return [seriesKey(name, labels), new Map(samples)];
    }),
  );
}

function labelsOf(dimensions: readonly string[], values: readonly (string | boolean | null)[]): Labels {
  return Object.fromEntries(dimensions.map((name, index) => [name, labelValue(values[index] ?? null)]));
}

/** Returns what the counters should be: the total at the end of each hour, of every series that has begun. */
function* trueTotals(to: number, known: number): Generator<readonly [key: string, end: number, total: number]> {
  for (const { api, dimensions, flow } of usageApis) {
    if (!flow) continue;
    let totals = new Map<string, number>();
    for (let start = begin; start < to; start += hour) {
      if (start === june) totals = new Map();
      const span = { from: start, to: start + hour };
      for (const { labels, fields } of organization.truth.usage(api, span, { groupBy: dimensions, at: known })) {
        for (const [field, value] of fields) {
          const key = seriesKey(`openai_${api}_${field}_total`, labelsOf(dimensions, labels));
          if (value > 0) totals.set(key, (totals.get(key) ?? 0) + value);
        }
      }
      for (const [key, total] of totals) yield [key, start + hour, total];
    }
  }
}

/** Counts as Prometheus does: a fall is a reset, after which the whole value is a rise. */
function rises(samples: ReadonlyMap<number, number>): number {
  const values = [...samples.values()];
  return values.reduce((sum, value, index) => {
    const before = values[index - 1] ?? value;
    return sum + (value < before ? value : value - before);
  }, 0);
}

describe.skipIf(prometheusPath === undefined || promtool === undefined)('backfill', () => {
  test('a month in Prometheus is the truth, and the running exporter goes on with it', { timeout: 300_000 }, async ({
    onTestFinished,
  }) => {
    const directory = mkdtempSync(join(tmpdir(), 'backfill-e2e-'));
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    const clock = shiftedClock(now * 1_000);
    const server = await startServer({ organization, clock });
    onTestFinished(() => server.close());
    const env = { OPENAI_ADMIN_KEY: simulatedKey };
    const upstream = [`--openai.base-url=${server.url}`, '--openai.max-requests-per-minute=600', '--log.format=text'];
    const output = join(directory, 'history');
    const command = replaceAll(fenceWith(documented, 'backfill'), [
      ['\\\n', ' '],
      ['node dist/main.js ', ''],
      ['history/', `${output}/`],
      ['localhost:9185', 'exporter'],
      ['--log.format=text', upstream.join(' ')],
    ]);
    const ended = await runProgram(command.trim().split(/\s+/), { env, clock });
    process.stderr.write(ended.err);
    expect([ended.code, ended.out]).toEqual([0, '']);
    const known = clock.now();

    // The exporter that is scraped: it starts when the history has been read, as it would on the first day.
    const exporter = await startExporter([...upstream, '--names.refresh=0', '--counters.zero-hold=2s'], { env, clock });
    onTestFinished(async () => {
      await exporter.stop('SIGKILL');
    });
    const counting = usageApis.filter(({ api, flow }) => flow && organization.activeApis.includes(api));
    await vi.waitFor(
      async () => {
        const page = await exporter.metrics();
        for (const { api } of counting) {
          expect([...page.families.keys()]).toContainEqual(expect.stringMatching(`^openai_${api}_.*_total$`));
        }
      },
      { timeout: 60_000, interval: 250 },
    );
    const prometheus = await startPrometheus({
      path: prometheusPath ?? '',
      scrapeInterval: '500ms',
      jobs: { openai: [`127.0.0.1:${exporter.port}`] },
      scraping: { relabel_configs: [{ target_label: 'instance', replacement: 'exporter' }] },
      past(data) {
        const blocks = replaceAll(fenceWith(documented, 'promtool'), [
          ['promtool ', `${promtool} `],
          // It runs as this user.
          ['chown -R prometheus: /var/lib/prometheus/metrics2', ''],
          ['/var/lib/prometheus/metrics2', data],
        ]);
        execFileSync('sh', ['-ec', blocks], { cwd: directory, stdio: 'pipe', maxBuffer: 2 ** 28 });
      },
    });
    onTestFinished(prometheus.stop);

    const wholeSpan = `[${Math.ceil((end + hour - begin) / 60)}m]`;
    const history = samplesOf(await prometheus.matrix(`{__name__=~"openai_.+_total"}${wholeSpan}`, end + hour));
    let compared = 0;
    const begun = new Set<string>();
    for (const [key, bucketEnd, total] of trueTotals(end, known)) {
      const shown = history.get(key)?.get(bucketEnd + settle);
      if (shown !== total) expect([key, bucketEnd, shown]).toEqual([key, bucketEnd, total]);
      begun.add(key);
      compared++;
    }
    expect(compared).toBeGreaterThan(20_000);
    const mayTotals = new Map<string, number>();
    for (const [key, bucketEnd, total] of trueTotals(june, known)) if (bucketEnd === june) mayTotals.set(key, total);
    for (const [key, samples] of history) {
      const [first] = samples.values();
      expect([key, first]).toEqual([key, 0]);
      // None that was not used; what is only used after the end is at 0 there.
      if (!begun.has(key)) expect([...samples]).toEqual([[end + settle, 0]]);
      // The grid, and the beginning of June.
      for (const instant of samples.keys()) {
        expect(instant % hour === settle || instant === june + 2 * settle || instant === begin + 2 * settle).toBe(true);
      }
    }

    const costs = samplesOf(await prometheus.matrix(`openai_usage_costs_amount_value${wholeSpan}`, end + hour));
    const costDimensions = endpointOf('costs')?.dimensions ?? [];
    let amounts = 0;
    expect(begin).toBeGreaterThan(costsByKeySince);
    for (let day = begin; day + 2 * 86_400 <= now - 3 * hour; day += 86_400) {
      const span = { from: day, to: day + 86_400 };
      for (const row of organization.truth.costs(span, { groupBy: costDimensions, at: known })) {
        if (row.amount === null || row.amount === 0n) continue;
        const own = { ...labelsOf(costDimensions, row.labels), currency: row.currency };
        const key = seriesKey('openai_usage_costs_amount_value', { ...own, bucket_width: '1d', state: 'settled' });
        expect(costs.get(key)?.get(day + 2 * 86_400)).toBeCloseTo(Number(row.amount) / 1e28, 9);
        amounts++;
      }
    }
    expect(amounts).toBeGreaterThan(60);

    // What is scraped is of today, whatever the processes believe; the series are the same, and their rises, too.
    await vi.waitFor(
      async () => {
        const page = await exporter.metrics();
        const wall = Date.now() / 1_000;
        const range = `[${Math.ceil((wall - begin) / 86_400)}d]`;
        const live = samplesOf(
          await prometheus.matrix(`{__name__=~"openai_.+_total", __name__!~"openai_exporter_.+"}${range}`, wall),
        );
        const now = samplesOf(
          await prometheus.matrix('{__name__=~"openai_.+_total", __name__!~"openai_exporter_.+"}[5m]', wall),
        );
        expect(now.size).toBeGreaterThan(30);
        let continued = 0;
        for (const key of now.keys()) {
          const all = live.get(key) ?? new Map<number, number>();
          const last = [...all.values()].at(-1) ?? Number.NaN;
          expect([key, page.series.get(key)]).toEqual([key, last]);
          expect([key, rises(all)]).toEqual([key, (mayTotals.get(key) ?? 0) + last]);
          if (history.has(key)) continued++;
        }
        expect(continued).toBe(now.size);
      },
      { timeout: 30_000, interval: 1_000 },
    );
    process.stderr.write(`${compared} samples of ${begun.size} counters, ${amounts} amounts compared\n`);
  });
});

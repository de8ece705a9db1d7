/** A real Prometheus scrapes the program: it has every series with its value, and the metadata. */
import { describe, expect, test, vi } from 'vitest';
import { type Exposition, seriesKey } from '../helpers/exposition-parser.ts';
import { startExporter } from '../helpers/process.ts';
import { type Prometheus, startPrometheus, type Vector } from '../helpers/prometheus.ts';
import { shiftedClock, usualClock } from '../helpers/test-clock.ts';
import { findTool } from '../helpers/tools.ts';
import { apiNames, usageApis } from './apis.ts';
import { exporterOf, scriptedApi } from './exporter.ts';

const path = findTool('prometheus', 'prometheus');

describe.skipIf(path === undefined)('Prometheus', () => {
  async function scraping(port: number, stopLater: (stop: () => Promise<void>) => void): Promise<Prometheus> {
    const jobs = { openai: [`127.0.0.1:${port}`] };
    const prometheus = await startPrometheus({ path: path ?? '', scrapeInterval: '500ms', jobs });
    stopLater(prometheus.stop);
    return prometheus;
  }

  /** Samples by `seriesKey`, without the labels that Prometheus adds. */
  function byKey(vector: readonly Vector[]): Record<string, number> {
    return Object.fromEntries(
      vector.map(({ labels: { __name__: name = '', job: _job, instance: _instance, ...labels }, value }) => [
        seriesKey(name, labels),
        value,
      ]),
    );
  }

  const ofUsage = /^openai_(?!exporter_|up\b)/;
  const usageOf = (page: Exposition) => Object.fromEntries([...page.series].filter(([key]) => ofUsage.test(key)));

  test('has what the page has, series by series, hostile labels too', async ({ onTestFinished }) => {
    const odd = ['plain', 'quote" and \\ and\nline', '\u0001\u007f\ud800', 'モデル 🤖', 'L'.repeat(10_000)];
    const clock = shiftedClock(Date.parse('2026-05-15T12:30:02Z'));
    const rows = (name: string) => {
      const known = usageApis.find(({ api }) => api === name);
      return odd.map((text, index) => ({
        ...Object.fromEntries((known?.dimensions ?? ['line_item']).map((label) => [label, text])),
        ...Object.fromEntries((known?.required ?? []).map((field) => [field, 2 ** 40 + index])),
        ...(known === undefined ? { amount: { value: `-${index}.000000000001`, currency: 'usd' } } : {}),
        batch: null,
      }));
    };
    const exporter = await exporterOf(await scriptedApi({ rows, clock }), [], { names: true });
    const prometheus = await scraping(exporter.port, onTestFinished);
    await vi.waitFor(
      async () => {
        const page = await exporter.metrics();
        for (const api of apiNames) expect(page.value('openai_up', { api })).toBe(1);
        expect(page.families.has('openai_web_search_calls_num_requests_total')).toBe(true);
        expect(page.families.has('openai_usage_costs_amount_value')).toBe(true);
        expect(byKey(await prometheus.vector('{__name__=~"openai_.+", __name__!~"openai_(exporter_.*|up)"}'))).toEqual(
          usageOf(page),
        );
      },
      { timeout: 30_000, interval: 250 },
    );
    expect(byKey(await prometheus.vector('openai_up'))).toMatchObject(
      Object.fromEntries(apiNames.map((api) => [seriesKey('openai_up', { api }), 1])),
    );
    expect(await prometheus.vector('up')).toMatchObject([{ value: 1 }]);
    const metadata = await prometheus.get('/api/v1/metadata');
    expect(metadata).toMatchObject({
      openai_completions_input_tokens_total: [{ type: 'counter' }],
      openai_usage_completions_input_tokens: [{ type: 'gauge' }],
      openai_usage_costs_amount_value: [{ type: 'gauge' }],
      openai_exporter_api_request_duration_seconds: [{ type: 'histogram' }],
    });
  });

  test('has the demonstration, and answers the questions that it is for', async ({ onTestFinished }) => {
    const demo = await startExporter(['demo']);
    onTestFinished(async () => {
      await demo.stop('SIGKILL');
    });
    const prometheus = await scraping(demo.port, onTestFinished);
    await vi.waitFor(
      async () => {
        const page = await demo.metrics();
        const series = [...page.series.keys()].filter((key) => ofUsage.test(key));
        const [counted] = await prometheus.vector(
          'count({__name__=~"openai_.+", __name__!~"openai_(exporter_.*|up)"})',
        );
        expect(counted?.value).toBe(series.length);
        expect(series.length).toBeGreaterThan(500);
        expect(page.families.has('openai_web_search_calls_num_requests_total')).toBe(true);
      },
      { timeout: 30_000, interval: 250 },
    );
    // The exporter's; time() would be the wall's.
    const now = Math.floor(usualClock.now() / 1_000);
    for (const [question, answers] of [
      ['sum by (project_id) (openai_usage_costs_amount_value{bucket_width="1d", state="open"})', 3],
      ['sum by (model) (openai_usage_completions_input_tokens{bucket_width="1h", state="settled"})', 3],
      ['sum by (project_id) (openai_completions_num_model_requests_total)', 3],
      ['sum(openai_completions_input_cached_tokens_total) / sum(openai_completions_input_tokens_total)', 1],
      ['min(openai_up) == 1', 1],
      [`${now} - max(openai_exporter_data_through_timestamp_seconds{bucket_width="1m"}) < 3600`, 1],
    ] as const) {
      expect([question, (await prometheus.vector(question)).length >= answers]).toEqual([question, true]);
    }
  });
});

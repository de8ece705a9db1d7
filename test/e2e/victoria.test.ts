/**
 * Storage that scales beyond one Prometheus: two VictoriaMetrics that Prometheus 3 writes everything to. A month of `backfill`
 * and the boards' amounts are the truth in both, also after one of them was killed and came back.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { simulatedKey } from '../../src/simulation/api.ts';
import { createOrganization, type TruthRow } from '../../src/simulation/organization.ts';
import { startServer } from '../../src/simulation/simulated-server.ts';
import { labelValue } from '../../src/usage/labels.ts';
import { dashboards, fillIn, queriesOf } from '../helpers/dashboards.ts';
import { seriesKey } from '../helpers/exposition-parser.ts';
import { runProgram, startExporter } from '../helpers/process.ts';
import { type Matrix, startPrometheus } from '../helpers/prometheus.ts';
import { seconds } from '../helpers/rows.ts';
import { rules } from '../helpers/rules.ts';
import { shiftedClock } from '../helpers/test-clock.ts';
import { findPrometheus3Tool } from '../helpers/tools.ts';
import { startVictoria, type Victoria } from '../helpers/victoria.ts';
import { usageApis } from './apis.ts';

const path = findPrometheus3Tool('victoria-metrics');
const prometheusPath = findPrometheus3Tool('prometheus');
const day = 86_400;
const settle = 900;

describe.skipIf(path === undefined || prometheusPath === undefined)('VictoriaMetrics', () => {
  const stores: Victoria[] = [];
  beforeAll(async () => {
    stores.push(...(await Promise.all([startVictoria(path ?? ''), startVictoria(path ?? '')])));
  });
  afterAll(async () => {
    await Promise.all(stores.map((store) => store.stop()));
  });

  test("a month of backfill is the organization's usage and costs", async ({ onTestFinished }) => {
    const may = seconds('2026-05-01T00:00Z');
    const june = seconds('2026-06-01T00:00Z');
    const directory = mkdtempSync(join(tmpdir(), 'victoria-history-'));
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    const organization = createOrganization({
      seed: 7,
      createdAt: seconds('2026-04-20T00:00Z'),
      profile: { groups: 4, activity: 0.05, dayShare: 0.5, hostileLabels: true },
    });
    const clock = shiftedClock(Date.parse('2026-06-01T09:20Z'));
    const server = await startServer({ organization, clock });
    onTestFinished(() => server.close());
    const { code, err } = await runProgram(
      [
        ...['backfill', '--from=2026-05-01', `--output=${directory}/`, '--labels=job=openai,instance=exporter'],
        ...[`--openai.base-url=${server.url}`, '--openai.max-requests-per-minute=600', '--log.level=error'],
      ],
      { env: { OPENAI_ADMIN_KEY: simulatedKey }, clock },
    );
    expect([code, err]).toEqual([0, '']);
    const at = clock.now();
    const files = readdirSync(directory).filter((name) => name.endsWith('.om'));
    expect(files).toHaveLength(2);
    for (const store of stores) for (const file of files) await store.import(join(directory, file));

    const span = { from: may, to: june };
    const expected = usageApis
      .filter(({ flow }) => flow)
      .flatMap(({ api, dimensions }) =>
        organization.truth
          .usage(api, span, { groupBy: dimensions, at })
          .flatMap((row) => seriesOf(`openai_${api}`, dimensions, row)),
      );
    expect(expected.length).toBeGreaterThan(100);
    const days = { from: may, to: june - day };
    const costs: Record<string, number> = {};
    for (const { labels, amount } of organization.truth.costs(days, { groupBy: ['project_id'], at })) {
      const project = labelValue(labels[0] ?? null);
      costs[project] = (costs[project] ?? 0) + Number(amount ?? 0n) / 1e28;
    }
    for (const store of stores) {
      const found = await store.vector(
        'increase({__name__=~"openai_.+_total"}[31d]) keep_metric_names > 0',
        june + settle,
      );
      const byKey = found.map(({ labels: { __name__: name = '', job: _job, instance: _instance, ...own }, value }) => [
        seriesKey(name, own),
        value,
      ]);
      expect(Object.fromEntries(byKey)).toEqual(Object.fromEntries(expected));
      const money = await store.vector(
        'sum by (project_id) (sum_over_time(openai_usage_costs_amount_value[32d]))',
        june + settle,
      );
      const paid = Object.fromEntries(money.map(({ labels, value }) => [labels['project_id'] ?? '', value]));
      expect(Object.keys(paid).sort()).toEqual(Object.keys(costs).sort());
      for (const [project, amount] of Object.entries(costs)) expect(paid[project]).toBeCloseTo(amount, 6);
    }
    process.stderr.write(`${expected.length} totals of May compared in each\n`);
  });

  test('the amounts of the boards are what was used, although one was killed meanwhile', { timeout: 240_000 }, async ({
    onTestFinished,
  }) => {
    const [one, other] = stores;
    if (one === undefined || other === undefined) throw new Error('no stores');
    const begin = seconds('2026-05-15T12:30Z');
    const organization = createOrganization({
      seed: 3,
      createdAt: begin - day,
      profile: {
        ...{ groups: 5, apis: ['completions', 'costs'], projects: 3, activity: 1, rhythm: false },
        ...{ restatedUp: 0, restatedDown: 0, costsRestated: 0, missingFields: 0 },
      },
    });
    // A minute takes 5 s.
    const clock = shiftedClock(begin * 1_000, 12);
    const server = await startServer({ organization, clock });
    onTestFinished(() => server.close());
    const exporter = await startExporter(
      [
        ...[`--openai.base-url=${server.url}`, '--openai.max-requests-per-minute=600', '--state.file=none'],
        ...['--poll.apis=completions,costs', '--names.refresh=0'],
      ],
      { env: { OPENAI_ADMIN_KEY: simulatedKey }, clock },
    );
    onTestFinished(async () => {
      await exporter.stop('SIGKILL');
    });
    const wanted = rules.filter(({ record = '' }) => /:openai_(?:scraped|tokens_total|\w+_name):/.test(record));
    const prometheus = await startPrometheus({
      path: prometheusPath ?? '',
      scrapeInterval: '500ms',
      jobs: { openai: [`127.0.0.1:${exporter.port}`] },
      rules: [{ name: 'boards', interval: '500ms', rules: wanted }],
      remoteWrite: stores.map(({ writeUrl }) => writeUrl),
    });
    onTestFinished(prometheus.stop);

    const recorded = 'job_model:openai_tokens_total:sum';
    const through = 'max(openai_exporter_data_through_timestamp_seconds{api="completions", bucket_width="1m"})';
    const settled = async (when?: number) => (await prometheus.vector(through, when))[0]?.value ?? 0;
    /**
     * Returns a moment, in whole seconds, about which nothing changes, and by which what came before is recorded.
     * @param minutes that settle before
     */
    const quiet = async (minutes: number) => {
      const before = await settled();
      const options = { timeout: 60_000, interval: 100 };
      await vi.waitFor(async () => expect(await settled()).toBeGreaterThanOrEqual(before + 60 * minutes), options);
      return await vi.waitFor(async () => {
        const at = Math.floor(Date.now() / 1_000) - 1;
        expect(await settled(at - 2)).toBe(await settled());
        const [newest] = await prometheus.vector(`max(timestamp(${recorded}))`, at);
        expect(newest?.value).toBeGreaterThan(at - 1);
        return at;
      }, options);
    };
    await vi.waitFor(async () => expect(await prometheus.vector(recorded)).not.toEqual([]), {
      timeout: 60_000,
      interval: 250,
    });
    const from = await quiet(1);
    await other.kill();
    const killed = Date.now() / 1_000;
    await quiet(2);
    await other.start();
    const to = await quiet(2);

    const span = { from: await settled(from), to: await settled(to) };
    expect((span.to - span.from) / 60).toBeGreaterThanOrEqual(4);
    const rows = organization.truth.usage('completions', span, {
      groupBy: ['project_id', 'api_key_id', 'model'],
      at: clock.now(),
    });
    const tokens = (by: (project: string, key: string, model: string) => string) => {
      const sums: Record<string, number> = {};
      for (const { labels, fields } of rows) {
        const [project = '', key = '', model = ''] = labels.map(labelValue);
        const used = (fields.get('input_tokens') ?? 0) + (fields.get('output_tokens') ?? 0);
        const name = by(project, key, model);
        sums[name] = (sums[name] ?? 0) + used;
      }
      return sums;
    };
    const expected: Readonly<Record<string, Readonly<Record<string, number>>>> = {
      'Top projects by tokens': tokens((project) => project),
      'Top models by tokens': tokens((_project, _key, model) => model),
      'Top keys by tokens': tokens((project, key) => `${key} (${project})`),
    };
    const variables = { job: '.+', namespace: '.*', organization: '.*' };
    const panels = dashboards.flatMap(queriesOf).filter(({ panel }) => expected[panel.title] !== undefined);
    expect(panels.length).toBeGreaterThanOrEqual(3);
    const money = 'sum(openai_costs_month_to_date_amount_value)';
    const [spent] = await prometheus.vector(money, to);
    expect(spent?.value).toBeGreaterThan(0);
    for (const store of [one, other]) {
      // What was written while it was away comes now.
      await vi.waitFor(
        async () => {
          const [newest] = await store.vector(`max(timestamp(${recorded}))`);
          expect(newest?.value).toBeGreaterThan(to);
        },
        { timeout: 60_000, interval: 500 },
      );
      for (const { panel, target } of panels) {
        const query = fillIn(target.expr, variables, { range: to - from, step: 60 });
        const found = (await store.vector(query, to)).map(({ labels, value }) => [
          (target.legendFormat ?? '').replaceAll(/\{\{(\w+)\}\}/g, (_, label: string) => labels[label] ?? ''),
          value,
        ]);
        expect([panel.title, Object.fromEntries(found)]).toEqual([panel.title, expected[panel.title]]);
      }
      expect((await store.vector(money, to))[0]?.value).toBeCloseTo(spent?.value ?? Number.NaN, 9);
    }
    // What had come to its memory and not to its disk, which it writes every 5 s, is all that it lost.
    const range = `openai_completions_input_tokens_total[${to - from}s]`;
    const [whole, rest] = await Promise.all(
      [one, other].map(async (store) => instantsOf(await store.matrix(range, to))),
    );
    const lost = [...(whole ?? [])].filter((instant) => rest?.has(instant) !== true);
    expect(whole?.size).toBeGreaterThan((to - from) * 1.5);
    expect(lost.filter((instant) => instant < killed - 7 || instant > killed + 1)).toEqual([]);
    process.stderr.write(
      `${(span.to - span.from) / 60} minutes of usage, ${panels.length} panels compared in each; ${lost.length} of ${whole?.size} scrapes lost\n`,
    );
  });
});

/** The instants at which there is any sample. */
function instantsOf(all: readonly Matrix[]): ReadonlySet<number> {
  return new Set(all.flatMap(({ samples }) => samples.map(([instant]) => instant)));
}

/** Each field that is not 0, by the key of its series. */
function seriesOf(metric: string, dimensions: readonly string[], { labels, fields }: TruthRow): [string, number][] {
  const own = Object.fromEntries(dimensions.map((name, index) => [name, labelValue(labels[index] ?? null)]));
  return [...fields]
    .filter(([, value]) => value > 0)
    .map(([field, value]) => [seriesKey(`${metric}_${field}_total`, own), value]);
}

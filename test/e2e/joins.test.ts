/** The queries of the documents in a real Prometheus: those of docs/joins.md return what their comments say. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { backfill, type PastSeries } from '../helpers/backfill.ts';
import { type DocumentedSample, documentedQueries, queriesIn } from '../helpers/markdown.ts';
import { type Prometheus, startPrometheus } from '../helpers/prometheus.ts';
import { seconds } from '../helpers/rows.ts';
import { type PrometheusTools, prometheusTools } from '../helpers/tools.ts';

const read = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
const documented = documentedQueries(read('docs/joins.md'));

const noon = seconds('2026-05-15T12:00Z');
const may = seconds('2026-05-01T00:00Z');
const june = seconds('2026-06-01T00:00Z');
/** An instant in the first week of a month. */
const firstWeek = seconds('2026-06-03T12:00Z');
const minute = 60;
const day = 86_400;

type Labels = Readonly<Record<string, string>>;
const constant = (value: number) => () => value;
const info = (name: string, labels: Labels): PastSeries => ({ name, labels, at: constant(1) });

/** Costs of so much a day, all day. */
function costs(project: string, key: string, line: string, perDay: number): PastSeries[] {
  const labels = { currency: 'usd', project_id: project, line_item: line, api_key_id: key };
  return [
    {
      name: 'openai_costs_month_to_date_amount_value',
      labels,
      at: (at) => (perDay * (at - (at < june ? may : june))) / day,
    },
    {
      name: 'openai_costs_previous_month_amount_value',
      labels,
      at: (at) => perDay * (at < june ? 30 : 31),
    },
  ];
}

/** Costs of so much a day, by user. */
function userCosts(user: string, perDay: number): PastSeries[] {
  return costs('', '', '', perDay).map(({ name, at }) => ({
    name: name.replace('openai_costs', 'openai_user_costs'),
    labels: { currency: 'usd', user_id: user },
    at,
  }));
}

/** Completions of so many tokens a minute, all the month; in one minute of the last hour more. */
function completions(labels: Labels, input: number, cached: number, output: number, busiest = input): PastSeries[] {
  const total = (field: string, perMinute: number): PastSeries => ({
    name: `openai_completions_${field}_total`,
    labels,
    at: (at) => (perMinute * (at - may)) / minute,
  });
  const recent = (field: string, value: PastSeries['at']): PastSeries => ({
    name: `openai_usage_completions_${field}`,
    labels: { bucket_width: '1m', state: 'settled', ...labels },
    at: value,
  });
  return [
    total('input_tokens', input),
    total('input_cached_tokens', cached),
    total('output_tokens', output),
    recent('input_tokens', (at) => (at === noon - 30 * minute ? busiest : input)),
    recent('output_tokens', constant(output)),
    recent('num_model_requests', constant(input / 100)),
    // What must not be counted with the minute.
    { ...recent('input_tokens', constant(input * 60)), labels: { bucket_width: '1h', state: 'settled', ...labels } },
    { ...recent('input_tokens', constant(input * 7)), labels: { bucket_width: '1h', state: 'open', ...labels } },
  ];
}

/** Returns what the exporter of the organization that docs/joins.md tells of has shown. */
function organization(): readonly PastSeries[] {
  const [a, b, none] = [
    { project_id: 'proj_a', user_id: 'user-ann', api_key_id: 'key_1' },
    { project_id: 'proj_b', user_id: 'user-gone', api_key_id: 'key_2' },
    { project_id: 'none', user_id: 'user-ann', api_key_id: 'none' },
  ];
  const limit = (field: string, project: string, model: string, value: number): PastSeries => ({
    name: `openai_project_rate_limit_${field}`,
    labels: { project_id: project, model },
    at: constant(value),
  });
  const project = (id: string, name: string) =>
    info('openai_project_info', {
      project_id: id,
      project_name: name,
      status: id === 'proj_c' ? 'archived' : 'active',
    });
  const key = (id: string, name: string, projectId: string, type: string, owner: string) =>
    info('openai_api_key_info', {
      api_key_id: id,
      api_key_name: name,
      project_id: projectId,
      owner_type: type,
      owner_id: owner,
    });
  const modelLimit = (projectId: string, model: string, of: string) =>
    info('openai_project_model_limit_info', { project_id: projectId, model, limit_model: of });
  const budget = (id: string, amount: number): PastSeries => ({
    name: 'openai_project_budget_amount',
    labels: { currency: 'usd', project_id: id },
    at: constant(amount),
  });
  return [
    ...costs('proj_a', 'key_1', 'gpt-4o-2024-08-06, input', 8),
    ...costs('proj_a', 'key_1', 'gpt-4o-2024-08-06, output', 2),
    ...costs('proj_b', 'key_2', 'text-embedding-3-small', 4),
    ...costs('none', 'none', 'web search tool calls', 1),
    ...userCosts('user-ann', 11),
    ...userCosts('user-bob', 4),
    { name: 'openai_organization_budget_amount', labels: { currency: 'usd' }, at: constant(300) },
    budget('proj_a', 200),
    budget('proj_b', 100),
    budget('proj_c', 50),
    ...completions({ ...a, model: 'gpt-4o-2024-08-06' }, 1_000, 400, 200, 8_200),
    ...completions({ ...a, model: 'gpt-4o-2024-11-20' }, 500, 200, 100),
    ...completions({ ...b, model: 'gpt-4o-mini' }, 500, 100, 100),
    ...completions({ ...none, model: 'gpt-4o-2024-08-06' }, 50, 0, 10).filter(({ name }) => !/cached/.test(name)),
    {
      name: 'openai_usage_embeddings_input_tokens',
      labels: { bucket_width: '1m', state: 'settled', ...b, model: 'text-embedding-3-small' },
      at: constant(300),
    },
    limit('max_tokens_per_1_minute', 'proj_a', 'gpt-4o', 30_000),
    limit('max_tokens_per_1_minute', 'proj_b', 'gpt-4o-mini', 2_400),
    limit('max_tokens_per_1_minute', 'proj_b', 'text-embedding-3-small', Infinity),
    limit('max_requests_per_1_minute', 'proj_a', 'gpt-4o', 500),
    limit('max_requests_per_1_minute', 'proj_b', 'gpt-4o-mini', 500),
    modelLimit('proj_a', 'gpt-4o-2024-08-06', 'gpt-4o'),
    modelLimit('proj_a', 'gpt-4o-2024-11-20', 'gpt-4o'),
    modelLimit('proj_b', 'gpt-4o-mini', 'gpt-4o-mini'),
    modelLimit('proj_b', 'text-embedding-3-small', 'text-embedding-3-small'),
    project('proj_a', 'Search'),
    project('proj_b', 'Documents'),
    project('proj_c', 'Archive'),
    project('none', 'none'),
    key('key_1', 'search, live', 'proj_a', 'user', 'user-ann'),
    key('key_2', 'ingest', 'proj_b', 'user', 'user-gone'),
    key('none', 'none', 'none', 'none', 'none'),
    info('openai_user_info', { user_id: 'user-ann', user_name: 'Ann' }),
    info('openai_user_info', { user_id: 'user-bob', user_name: 'Bob' }),
    // Nobody knows more of this key's owner than the key does: user-gone and none have no series of their own.
  ];
}

/** Apart from each other, for the time between would take blocks, too. */
const periods = [[noon - 7 * day], range(noon - day, noon + minute, minute), [firstWeek - 7 * day], [firstWeek]];

function range(from: number, to: number, step: number): number[] {
  return Array.from({ length: Math.ceil((to - from) / step) }, (_, index) => from + index * step);
}

/** The page of several exporters that show the same, or of one. */
async function prometheusWith(tools: PrometheusTools, instances: readonly string[]): Promise<Prometheus> {
  const series = instances.flatMap((instance) =>
    organization().map((each) => ({ ...each, labels: { ...each.labels, job: 'openai', instance } })),
  );
  return await startPrometheus({
    path: tools.prometheus ?? '',
    scrapeInterval: '1m',
    jobs: {},
    past: (data) => {
      for (const instants of periods) backfill(tools.promtool ?? '', data, series, instants);
    },
  });
}

const byText = (rows: readonly string[]) => [...rows].sort();

/** Labels but job and instance in the order of the alphabet, and the value. */
function rowOf(labels: Labels, value: number): string {
  const { job: _job, instance: _instance, ...rest } = labels;
  const texts = Object.entries(rest).map(([name, text]) => `${name}=${text}`);
  return [...texts.sort(), Number(value.toPrecision(12))].join(' ');
}

function expected(samples: readonly DocumentedSample[]): readonly string[] {
  return byText(
    samples.map(({ labels, value }) => rowOf(labels, /^\d{4}-/.test(value) ? seconds(value) : Number(value))),
  );
}

async function answer(prometheus: Prometheus, query: string, at: number): Promise<readonly string[]> {
  return byText((await prometheus.vector(query, at)).map(({ labels, value }) => rowOf(labels, value)));
}

test('docs/joins.md has its queries', () => expect(documented.length).toBeGreaterThanOrEqual(14));

describe.each(prometheusTools())('in Prometheus $version', (tools) => {
  const missing = tools.prometheus === undefined || tools.promtool === undefined;

  test.skipIf(missing)('every query of docs/joins.md returns what its comments say', async ({ onTestFinished }) => {
    const prometheus = await prometheusWith(tools, ['exporter:9185']);
    onTestFinished(prometheus.stop);
    for (const { title, query, returns } of documented) {
      expect(await answer(prometheus, query, noon), title).toEqual(expected(returns));
    }

    // A week ago was in the month before: 37.50 usd so far, 262.50 left, 15 a day.
    const ends = (title: string) => documented.find((each) => each.title === title)?.query ?? title;
    expect(await answer(prometheus, ends('When the budget ends'), firstWeek)).toEqual(
      expected([{ labels: { currency: 'usd' }, value: '2026-06-21T00:00:00Z' }]),
    );
    expect(await answer(prometheus, ends('When the budget of a project ends'), firstWeek)).toEqual(
      expected([
        { labels: { project_id: 'proj_a', project_name: 'Search', currency: 'usd' }, value: '2026-06-21T00:00:00Z' },
        { labels: { project_id: 'proj_b', project_name: 'Documents', currency: 'usd' }, value: '2026-06-26T00:00:00Z' },
      ]),
    );
  });

  test.skipIf(missing)('two exporters beside each other disturb no join', async ({ onTestFinished }) => {
    const prometheus = await prometheusWith(tools, ['one:9185', 'two:9185']);
    onTestFinished(prometheus.stop);
    for (const { title, query, returns } of documented) {
      const vector = await prometheus.vector(query, noon);
      const apart = vector.some(({ labels }) => labels['instance'] !== undefined);
      expect(vector.length, title).toBe(apart ? 2 * returns.length : returns.length);
      if (apart) {
        const each = vector.map(({ labels, value }) => rowOf(labels, value));
        expect(byText(each), title).toEqual(byText([...expected(returns), ...expected(returns)]));
      }
    }

    // Whatever else is written about can at least be asked.
    for (const file of [
      'README.md',
      'docs/metrics.md',
      'docs/exactness.md',
      'docs/joins.md',
      'docs/history.md',
      'docs/live.md',
    ]) {
      for (const query of queriesIn(read(file))) {
        await expect(
          prometheus.get('/api/v1/query', { query, time: String(noon) }),
          `${file}: ${query}`,
        ).resolves.toBeDefined();
      }
    }
  });
});

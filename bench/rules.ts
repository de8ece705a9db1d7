/**
 * How long Prometheus takes for the rules and for every query of the boards, with 30 days of recorded series and an
 * organization of about 20,000 series: a made-up page that is scraped, and a past that is written to Prometheus.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findProgram, freePort, startProgram } from '../deploy/stack/programs.ts';
import { encodeWrite, type Series, snappy } from './remote-write.ts';

/** Groups that are in use now; a key that no longer is has counters alone. */
const active = 620;
const projects = 50;
const models = 14;
const days = 30;
/** Seconds between samples, of what is recorded every minute and every 4. */
const [often, seldom] = [60, 240] as const;

/** Pixels from left to right. */
const screen = 1_920;
const minute = 60;
const usualSteps = [
  { below: 17.5 * minute, step: 15 * minute },
  { below: 25 * minute, step: 20 * minute },
  { below: 45 * minute, step: 30 * minute },
] as const;

type Labels = Readonly<Record<string, string>>;

const projectOf = (i: number) => `proj_${i % projects}`;
const modelOf = (i: number) => `gpt-${i % models}`;
const identity = (i: number, keys: number): Labels => ({
  project_id: projectOf(i),
  user_id: `user_${i % 100}`,
  api_key_id: `key_${i % keys}`,
  model: modelOf(i),
  batch: i % 9 === 0 ? 'true' : 'false',
  service_tier: i % 5 === 0 ? 'flex' : 'default',
});
const line = (i: number, keys: number): Labels => ({
  currency: 'usd',
  project_id: projectOf(i),
  line_item: `${modelOf(i)}, ${i % 2 === 0 ? 'input' : 'output'}`,
  api_key_id: `key_${i % keys}`,
});

function sample(name: string, labels: Labels, value: number): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${text}"`);
  return `${name}{${pairs.join(',')}} ${value}`;
}

const fields = ['input_tokens', 'output_tokens', 'num_model_requests', 'input_cached_tokens', 'input_uncached_tokens'];
const range = (count: number) => Array.from({ length: count }, (_, index) => index);

/** The page of the made-up organization at an instant, in seconds. */
function page(now: number, keys: number): string {
  const lines: string[] = [
    'openai_exporter_build_info{version="0",revision="0"} 1',
    `process_start_time_seconds ${now - 1e6}`,
  ];
  for (const i of range(Math.max(active, keys))) {
    const labels = identity(i, keys);
    for (const [f, field] of fields.entries()) {
      lines.push(sample(`openai_completions_${field}_total`, labels, Math.floor(now * (1 + ((i + f) % 7)))));
      if (i >= active) continue;
      for (const [bucket_width, state] of [
        ['1m', 'settled'],
        ['1h', 'settled'],
        ['1h', 'settling'],
        ['1h', 'open'],
      ] as const) {
        lines.push(sample(`openai_usage_completions_${field}`, { bucket_width, state, ...labels }, 60 * (1 + (i % 7))));
      }
    }
    if (i >= active) continue;
    const costs = line(i, keys);
    for (const state of ['open', 'settling', 'settled']) {
      lines.push(sample('openai_usage_costs_amount_value', { bucket_width: '1d', state, ...costs }, i / 10));
      lines.push(
        sample(
          'openai_usage_costs_quantity',
          { bucket_width: '1d', state, ...costs, quantity_unit: 'tokens' },
          i * 1e6,
        ),
      );
    }
    lines.push(sample('openai_costs_month_to_date_amount_value', costs, i));
    lines.push(sample('openai_costs_previous_month_amount_value', costs, 2 * i));
  }
  for (const i of range(projects)) {
    lines.push(
      sample('openai_project_info', { project_id: projectOf(i), project_name: `Project ${i}`, status: 'active' }, 1),
    );
    lines.push(sample('openai_project_budget_amount', { currency: 'usd', project_id: projectOf(i) }, 20_000));
    lines.push(
      sample(
        'openai_project_spend_limit_amount',
        { currency: 'usd', enforcement: 'enforcing', project_id: projectOf(i) },
        20_000,
      ),
    );
    for (const m of range(models)) {
      const of = { project_id: projectOf(i), model: modelOf(m) };
      lines.push(sample('openai_project_rate_limit_max_tokens_per_1_minute', of, 1e6));
      lines.push(sample('openai_project_rate_limit_max_requests_per_1_minute', of, 1e4));
      lines.push(sample('openai_project_model_limit_info', { ...of, limit_model: modelOf(m) }, 1));
    }
  }
  lines.push(sample('openai_organization_budget_amount', { currency: 'usd' }, 300_000));
  for (const i of range(keys)) {
    const of = {
      api_key_id: `key_${i}`,
      api_key_name: `Key ${i}`,
      project_id: projectOf(i),
      owner_type: 'user',
      owner_id: `user_${i}`,
    };
    lines.push(sample('openai_api_key_info', of, 1));
  }
  for (const i of range(100))
    lines.push(sample('openai_user_info', { user_id: `user_${i}`, user_name: `User ${i}` }, 1));
  for (const api of ['completions', 'costs', 'images']) {
    lines.push(sample('openai_up', { api }, 1));
    lines.push(sample('openai_exporter_data_through_timestamp_seconds', { api, bucket_width: '1m' }, now - 900));
  }
  return `${lines.join('\n')}\n`;
}

interface PastSeries {
  readonly labels: Labels;
  readonly step: number;
  /** True if it only rises. */
  readonly counter: boolean;
}

/** The recorded series that boards read over long spans, without their samples. */
function past(keys: number): readonly PastSeries[] {
  const every = 'job_project_key_user_model:openai_';
  const all: PastSeries[] = [];
  const counter = (name: string, step: number, labels: Labels) =>
    all.push({ labels: { __name__: name, api: 'completions', ...labels }, step, counter: true });
  const gauge = (name: string, step: number, labels: Labels) =>
    all.push({ labels: { __name__: name, ...labels }, step, counter: false });
  for (const i of range(Math.max(active, keys))) {
    const labels = identity(i, keys);
    for (const direction of ['input', 'output']) {
      counter(`${every}tokens_total:max4m`, seldom, { direction, ...labels });
    }
    for (const kind of ['completions_tokens', 'requests', 'cached_tokens']) {
      counter(`${every}${kind}_total:max4m`, seldom, labels);
    }
    const { project_id = '', api_key_id = '' } = labels;
    counter('job_project_key:openai_tokens_total:sum', often, { project_id, api_key_id });
  }
  for (const i of range(100)) counter('job_user:openai_tokens_total:sum', often, { user_id: `user_${i}` });
  for (const i of range(models)) counter('job_model:openai_tokens_total:sum', often, { model: modelOf(i) });
  for (const i of range(projects)) {
    const project_id = projectOf(i);
    counter('job_project:openai_tokens_total:sum', often, { project_id });
    counter('job_project:openai_requests_total:sum', often, { project_id });
    for (const name of ['today', 'settled_day', 'month_to_date']) {
      gauge(`job_project:openai_costs_${name}_amount:sum`, seldom, { currency: 'usd', project_id });
    }
    for (const m of range(models)) {
      const of = { project_id, project_name: `Project ${i}`, limit: 'tokens', limit_model: modelOf(m) };
      gauge('job_project_limit:openai_rate_limit_used:max5m', seldom, of);
    }
  }
  return [...new Map(all.map((each) => [JSON.stringify(each.labels), each])).values()];
}

async function writePast(url: string, until: number, keys: number): Promise<number> {
  const all = past(keys);
  const chunk = 6 * 3_600;
  let samples = 0;
  for (let from = until - days * 86_400; from < until; from += chunk) {
    const written: Series[] = all.map(({ labels, step, counter }, index) => {
      const values: [number, number][] = [];
      for (let at = from; at < Math.min(from + chunk, until); at += step) {
        values.push([at * 1_000, counter ? (index + 1) * (at - until + 9e6) : (index % 97) + Math.sin(at / 9_000)]);
      }
      samples += values.length;
      return { labels: { job: 'openai', ...labels }, samples: values };
    });
    const answer = await fetch(`${url}/api/v1/write`, {
      method: 'POST',
      headers: { 'content-encoding': 'snappy', 'content-type': 'application/x-protobuf' },
      body: snappy(encodeWrite(written)),
    });
    if (!answer.ok) throw new Error(`writing the past: ${answer.status} ${await answer.text()}`);
  }
  return samples;
}

interface RuleAnswer {
  readonly data: {
    readonly groups: readonly {
      readonly name: string;
      readonly evaluationTime: number;
      readonly rules: readonly {
        readonly name: string;
        readonly evaluationTime: number;
        readonly lastError?: string;
      }[];
    }[];
  };
}

interface BoardFile {
  readonly title: string;
  readonly panels: readonly {
    readonly title: string;
    readonly gridPos: { readonly w: number };
    readonly targets?: readonly { readonly expr: string; readonly instant: boolean; readonly refId: string }[];
  }[];
}

const milliseconds = (seconds: number) => `${Math.round(seconds * 1_000)} ms`;

/**
 * A report for people. Takes about a quarter of an hour.
 * @param keys how many have been in use this month
 * @param root folder of the package
 */
export async function measureRules(keys: number, root = process.cwd()): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'bench-rules-'));
  const exporter = createServer((_request, response) => response.end(page(Date.now() / 1_000, keys)));
  await new Promise<void>((resolve) => exporter.listen(0, '127.0.0.1', resolve));
  const address = exporter.address();
  const target = typeof address === 'object' && address !== null ? `127.0.0.1:${address.port}` : '';
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const file = join(directory, 'prometheus.yml');
  writeFileSync(file, 'global: {}\n');
  const prometheus = await startProgram({
    name: 'Prometheus',
    path: findProgram(['prometheus'], 'prometheus'),
    args: [
      ...[
        `--config.file=${file}`,
        `--storage.tsdb.path=${join(directory, 'data')}`,
        '--storage.tsdb.retention.time=60d',
        `--web.listen-address=127.0.0.1:${port}`,
      ],
      ...['--web.enable-remote-write-receiver', '--web.enable-lifecycle', '--log.level=warn'],
    ],
    log: join(directory, 'log'),
    readyUrl: `${url}/-/ready`,
  });
  try {
    const report: string[] = [];
    const lines = page(0, keys).split('\n').length - 1;
    const started = performance.now();
    const samples = await writePast(url, Math.floor(Date.now() / 1_000 / seldom) * seldom - seldom, keys);
    report.push(
      `${lines} series scraped, ${(samples / 1e6).toFixed(1)} million samples of ${past(keys).length} recorded series in ${days} days (written in ${Math.round((performance.now() - started) / 1_000)} s)`,
    );
    writeFileSync(
      file,
      JSON.stringify({
        global: { scrape_interval: '15s', evaluation_interval: '1m' },
        rule_files: [join(root, 'deploy/prometheus/rules/*.yml')],
        scrape_configs: [{ job_name: 'openai', static_configs: [{ targets: [target] }] }],
      }),
    );
    await fetch(`${url}/-/reload`, { method: 'POST' });
    // Blocks are compacted meanwhile, and every group is evaluated at least twice with whole windows.
    await sleep(11 * 60_000);

    const answer: RuleAnswer = JSON.parse(await (await fetch(`${url}/api/v1/rules`)).text());
    const rules = answer.data.groups.flatMap((group) => group.rules);
    for (const { name, lastError } of rules) if (lastError) throw new Error(`${name}: ${lastError}`);
    const [slowest] = [...rules].sort((a, b) => b.evaluationTime - a.evaluationTime);
    report.push(
      `${rules.length} rules: ${milliseconds(rules.reduce((sum, rule) => sum + rule.evaluationTime, 0))} together; the slowest ${slowest?.name}, ${milliseconds(slowest?.evaluationTime ?? 0)}`,
    );

    const took: {
      readonly panel: string;
      readonly seconds: number;
      readonly processor: number;
      readonly series: number;
    }[] = [];
    for (const name of readdirSync(join(root, 'grafana/dashboards')).filter((each) => each.endsWith('.json'))) {
      const board: BoardFile = JSON.parse(readFileSync(join(root, 'grafana/dashboards', name), 'utf8'));
      for (const panel of board.panels) {
        for (const { expr, instant, refId } of panel.targets ?? []) {
          took.push({
            panel: `${board.title}: ${panel.title} ${refId}`,
            ...(await time(url, expr, instant, stepOf(panel.gridPos.w))),
          });
        }
      }
    }
    took.sort((a, b) => b.seconds - a.seconds);
    report.push(`${took.length} queries of the boards for ${days} days; the slowest:`);
    for (const { panel, seconds, processor, series } of took.slice(0, 8)) {
      const cost = `${milliseconds(seconds).padStart(8)} (processor ${milliseconds(processor)})`;
      report.push(`  ${cost}  ${panel}: ${series} series`);
    }
    return report.join('\n');
  } finally {
    await prometheus.stop();
    exporter.closeAllConnections();
    exporter.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Returns the seconds between two points as Grafana chooses them: one for each pixel, rounded to a time that people use. */
function stepOf(columns: number): number {
  const exact = (days * 86_400) / ((screen * columns) / 24);
  return usualSteps.find(({ below }) => exact < below)?.step ?? 3_600;
}

/** The quickest of five: what the query takes, rather than what else the machine does. */
async function time(
  url: string,
  expr: string,
  instant: boolean,
  step: number,
): Promise<{ readonly seconds: number; readonly processor: number; readonly series: number }> {
  const end = Math.floor(Date.now() / 1_000);
  const values: Readonly<Record<string, string>> = {
    ...{
      __interval: `${step}s`,
      __rate_interval: `${step + seldom}s`,
      __range: `${days}d`,
      __range_s: String(days * 86_400),
    },
    ...{ job: '.+', instance: '.+', currency: 'usd', label: 'model' },
  };
  const query = expr.replaceAll(/\$(\w+)/g, (_, name: string) => values[name] ?? '.*');
  let wall = Number.POSITIVE_INFINITY;
  let series = 0;
  const runs = 5;
  const before = await processorSeconds(url);
  for (let run = 0; run < runs; run++) {
    const begun = performance.now();
    const answer = await fetch(`${url}/api/v1/${instant ? 'query' : 'query_range'}`, {
      method: 'POST',
      body: new URLSearchParams(
        instant ? { query } : { query, start: String(end - days * 86_400), end: String(end), step: String(step) },
      ),
    });
    const body: { readonly status: string; readonly error?: string; readonly data: { readonly result: unknown[] } } =
      JSON.parse(await answer.text());
    wall = Math.min(wall, (performance.now() - begun) / 1_000);
    if (body.status !== 'success') throw new Error(`${body.error}: ${query}`);
    series = body.data.result.length;
  }
  return { seconds: wall, processor: ((await processorSeconds(url)) - before) / runs, series };
}

/** Returns the processor time of Prometheus since its start, all its work included. */
async function processorSeconds(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^process_cpu_seconds_total (\S+)$/m.exec(text)?.[1]);
}

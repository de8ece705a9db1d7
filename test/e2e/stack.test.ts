/**
 * The way from organizations to the message that somebody reads: exporters, a real Prometheus with our configuration and rules,
 * a real Alertmanager with ours, a webhook. Rules and boards keep their expressions and have shorter spans.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { prometheusConfiguration, replaceAll } from '../../deploy/stack/configuration.ts';
import { startPrometheus } from '../../deploy/stack/monitoring.ts';
import { freePort, type Running } from '../../deploy/stack/programs.ts';
import type { Message } from '../../deploy/stack/receiver.ts';
import { type Alerting, startAlerting } from '../helpers/alerting.ts';
import { dashboards, fillIn, queriesOf, queryOf, type Variable } from '../helpers/dashboards.ts';
import { hasten, hastyRules } from '../helpers/hasty-rules.ts';
import { reply } from '../helpers/http-server.ts';
import { type Exporter, startExporter } from '../helpers/process.ts';
import { recorded } from '../helpers/rules.ts';
import { type RowsOf, type ScriptedApi, secondsIn, startScriptedApi, testKey } from '../helpers/scripted-api.ts';
import { shiftedClock, wallClock } from '../helpers/test-clock.ts';
import { findTool } from '../helpers/tools.ts';

const deploy = fileURLToPath(new URL('../../deploy/', import.meta.url));
const installed =
  findTool('prometheus', 'prometheus') !== undefined &&
  findTool('prometheus-alertmanager', 'prometheus-alertmanager') !== undefined;

/** Jobs. */
const everything = 'everything';
const completionsOnly = 'completions-only';
const overspending = 'overspending';
const silent = 'silent';
const nothing = 'nothing';

const directory = mkdtempSync(join(tmpdir(), 'stack-'));
const running: Running[] = [];
const exporters: Exporter[] = [];
const apis: ScriptedApi[] = [];
let alerting: Alerting | undefined;
/** All that came to its receivers, oldest first. */
let messages: readonly Message[] = [];
let prometheus = '';
/** Usd that the overspending project has spent in this month. */
let spent = 10;

const dayStart = (now: number) => Math.floor(now / 86_400_000) * 86_400;

/** A little of completions in each minute, for all widths alike. */
const completions: RowsOf = (api, width) =>
  api === 'completions'
    ? [
        {
          project_id: 'proj_a',
          user_id: 'user_a',
          api_key_id: 'key_a',
          model: 'gpt-5',
          batch: false,
          service_tier: 'default',
          input_tokens: 40 * (secondsIn[width] / 60),
          output_tokens: 4 * (secondsIn[width] / 60),
          num_model_requests: secondsIn[width] / 60,
        },
      ]
    : [];

/** All of the month's spend is on the running day. */
const costs: RowsOf = (api, _width, start, now) =>
  api === 'costs' && start === dayStart(now)
    ? [
        {
          amount: { value: String(spent), currency: 'usd' },
          project_id: 'proj_a',
          line_item: 'gpt-5, input',
          api_key_id: 'key_a',
        },
      ]
    : [];

async function startApi(rows: RowsOf): Promise<ScriptedApi> {
  // Rules compare what it serves with the time of Prometheus.
  const api = await startScriptedApi({ rows, clock: wallClock });
  apis.push(api);
  return api;
}

/** Requests of twelve apis, several widths each: what fits into the requests of a minute. */
const quick = ['--poll.interval=5s', '--poll.idle-interval=5s', '--poll.settle-delay=1s', '--counters.zero-hold=1s'];

async function exporterOf(api: ScriptedApi, more: readonly string[], port = 0): Promise<Exporter> {
  const own = [`--openai.base-url=${api.url}`, '--openai.max-requests-per-minute=600', '--openai.timeout=1s'];
  const exporter = await startExporter([...own, ...quick, ...more], {
    clock: api.clock,
    env: { OPENAI_ADMIN_KEY: testKey },
    port,
  });
  exporters.push(exporter);
  return exporter;
}

interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: number;
}

/** An answer of Prometheus's API. @throws what it says is wrong */
async function ask(path: string, parameters: Readonly<Record<string, string>>): Promise<readonly Sample[]> {
  const answer = await fetch(`${prometheus}/api/v1/${path}`, {
    method: 'POST',
    body: new URLSearchParams(parameters),
  });
  const body: {
    readonly status: string;
    readonly error?: string;
    readonly data?: {
      readonly result: readonly {
        readonly metric: Readonly<Record<string, string>>;
        readonly value?: readonly [number, string];
        readonly values?: readonly (readonly [number, string])[];
      }[];
    };
  } = JSON.parse(await answer.text());
  if (body.status !== 'success') throw new Error(`${body.error}: ${parameters['query']}`);
  return (body.data?.result ?? []).map(({ metric, value, values }) => ({
    metric,
    value: Number((value ?? values?.at(-1))?.[1]),
  }));
}

const instant = (query: string) => ask('query', { query });

/** Returns what Grafana would ask for a panel, of the last 20 s. */
async function askPanel(expr: string, values: Readonly<Record<string, string>>, isInstant: boolean) {
  const query = fillIn(hasten(expr), values, { range: 20, step: 2 }).replaceAll('[120s]', '[6s]');
  if (isInstant) return await instant(query);
  const now = Math.floor(Date.now() / 1_000);
  return await ask('query_range', { query, start: String(now - 20), end: String(now), step: '2' });
}

const anything = {
  namespace: '.*',
  organization: '.*',
  project: '.*',
  key: '.*',
  user: '.*',
  model: '.*',
  tier: '.*',
  batch: '.*',
  instance: '.+',
  currency: 'usd',
  label: 'api_key_id',
};

/** The status of the overspending organization. */
let replicas: readonly Exporter[] = [];

beforeAll(async () => {
  if (!installed) return;
  // At noon in the middle of a month, 20 times as fast: every panel has something to show at any time of the day.
  const noon = shiftedClock(Date.parse('2026-05-14T12:05:00Z'), 20);
  const demo = await startExporter(
    [
      'demo',
      '--budget.monthly=8000',
      '--budget.monthly-project=proj_search=200,proj_mobile=100000',
      '--counters.zero-hold=1s',
    ],
    { clock: noon },
  );
  exporters.push(demo);
  const quiet = await startApi(completions);
  const spending = await startApi((...bucket) => [...completions(...bucket), ...costs(...bucket)]);
  spending.faults.set('projects', (response) => {
    const project = {
      object: 'organization.project',
      id: 'proj_a',
      name: 'Search & "Find"',
      status: 'active',
      created_at: 1,
    };
    reply(response, 200, { object: 'list', data: [project], first_id: 'proj_a', last_id: 'proj_a', has_more: false });
  });
  const falling = await startApi(completions);
  const budget = ['--budget.monthly-project=proj_a=100', '--names.refresh=1m'];
  const noNames = ['--names.refresh=0'];
  replicas = [await exporterOf(spending, budget), await exporterOf(spending, budget)];
  const jobs: readonly (readonly [string, readonly Exporter[]])[] = [
    [everything, [demo]],
    [completionsOnly, [await exporterOf(quiet, noNames)]],
    [overspending, replicas],
    [silent, [await exporterOf(falling, noNames)]],
    [nothing, [await exporterOf(await startApi(() => []), noNames)]],
  ];

  alerting = await startAlerting();
  messages = alerting.messages;
  const rules = join(directory, 'rules');
  mkdirSync(rules);
  writeFileSync(join(rules, 'openai.yml'), hastyRules());

  const prometheusPort = await freePort();
  prometheus = `http://127.0.0.1:${prometheusPort}`;
  const [[, [first] = []] = []] = jobs;
  const toPrometheus = prometheusConfiguration(readFileSync(`${deploy}prometheus/prometheus.yml`, 'utf8'), {
    exporter: `127.0.0.1:${first?.port}`,
    prometheus: `127.0.0.1:${prometheusPort}`,
    alertmanager: alerting.address,
    rules,
  });
  const more = jobs.slice(1).map(([job, targets]) => {
    const addresses = targets.map(({ port }) => `'127.0.0.1:${port}'`).join(', ');
    return `  - job_name: ${job}\n    static_configs:\n      - targets: [${addresses}]\n`;
  });
  const prometheusFile = join(directory, 'prometheus.yml');
  writeFileSync(
    prometheusFile,
    `${replaceAll(toPrometheus, [
      ['scrape_interval: 30s', 'scrape_interval: 1s'],
      ['evaluation_interval: 1m', 'evaluation_interval: 1s'],
      ['job_name: openai-usage-exporter', `job_name: ${everything}`],
    ])}\n${more.join('')}`,
  );
  running.push(await startPrometheus({ directory, configuration: prometheusFile, port: prometheusPort }));
});

afterAll(async () => {
  await Promise.all([...exporters.map((exporter) => exporter.stop('SIGKILL')), ...running.map(({ stop }) => stop())]);
  await Promise.all(apis.map((api) => api.close()));
  await alerting?.stop();
  rmSync(directory, { recursive: true, force: true });
});

async function eventually(check: () => unknown, seconds: number): Promise<void> {
  await vi.waitFor(check, { timeout: seconds * 1_000, interval: 500 });
}

/** The newest message to a receiver of which all these patterns are found. */
function expectMessage(to: string, title: RegExp, ...texts: readonly RegExp[]): Message {
  const found = messages.find(
    (each) => each.receiver === to && title.test(each.title) && texts.every((text) => text.test(each.text)),
  );
  if (found === undefined)
    throw new Error(`no message ${title} ${texts} to ${to} in ${JSON.stringify(messages, null, 1)}`);
  return found;
}

describe.skipIf(!installed)('an organization that uses everything', () => {
  test('every recording rule returns data', async () => {
    await eventually(async () => {
      const lacking: string[] = [];
      for (const name of recorded) {
        if ((await instant(`${name}{job="${everything}"}`)).length === 0) lacking.push(name);
      }
      expect(lacking).toEqual([]);
    }, 90);
  });

  const chosen = {
    'of all': anything,
    'of a project, key, user and model': {
      ...anything,
      ...{
        project: 'proj_support',
        key: 'key_support_prod',
        user: 'sa-support-bot',
        model: 'gpt-5-2025-08-07|gpt-5',
      },
    },
  };

  test.each(Object.entries(chosen))('every query of every panel returns data %s', async (which, values) => {
    await eventually(async () => {
      const lacking: string[] = [];
      for (const board of dashboards) {
        for (const { panel, target } of queriesOf(board)) {
          const found = await askPanel(target.expr, { ...values, job: everything }, target.instant);
          if (panel.title === ofSeveral) continue;
          if (found.length === 0 && (which === 'of all' || !mayLack.has(panel.title)))
            lacking.push(`${board.title}: ${panel.title} ${target.refId}`);
        }
      }
      expect(lacking).toEqual([]);
    }, 60);
  });

  test('every variable of every board has values', async () => {
    const from = String(Date.now() / 1_000 - 60);
    for (const board of dashboards) {
      for (const variable of board.templating.list) {
        if (variable.type !== 'query') continue;
        // Nothing here is told apart by these.
        if (variable.name === 'namespace' || variable.name === 'organization') continue;
        if (variable.regex !== undefined && variable.regex !== '') {
          expect([variable.name, await textsOf(variable)]).not.toEqual([variable.name, []]);
          continue;
        }
        const [, selector = '', label = ''] = /^label_values\((.*), (\w+)\)$/.exec(queryOf(variable)) ?? [];
        const match = selector.replaceAll(/\$\w+/g, '.*');
        const answer = await fetch(
          `${prometheus}/api/v1/label/${label}/values?${new URLSearchParams({ 'match[]': match, start: from })}`,
        );
        const { data }: { data: readonly string[] } = JSON.parse(await answer.text());
        expect([variable.name, data.length]).not.toEqual([variable.name, 0]);
      }
    }
  });
});

/** The names from which a variable chooses ids, as Grafana reads them from its query. */
async function textsOf(variable: Variable): Promise<readonly string[]> {
  const [, query = ''] = /^query_result\((.*)\)$/.exec(queryOf(variable)) ?? [];
  const pattern = new RegExp((variable.regex ?? '').replace(/^\/|\/$/g, ''));
  const found = await instant(query.replaceAll(/\$\w+/g, '.*'));
  return found.map(({ metric, value }) => {
    const labels = Object.entries(metric).map(([label, text]) => `${label}="${text}"`);
    const { groups } = pattern.exec(`{${labels.join(',')}} ${value} 0`) ?? {};
    expect(groups?.['value']).toMatch(/./);
    return groups?.['text'] ?? '';
  });
}

/** The metrics of a process that serves several organizations, which none of these does. */
const ofSeveral = 'Organizations that are down';

/** The metrics that not everybody has, and so not the project that is chosen. */
const mayLack = new Set([
  'Spend limits of projects',
  'Budgets of projects',
  'Images a minute, of the limit',
  'Unit prices',
  'The limits',
  'Spend alerts at OpenAI',
]);

describe.skipIf(!installed)('an organization that uses completions only, without names, budgets and limits', () => {
  test('no panel errs, and those of endpoints that it does not use show 0', async () => {
    const withData = new Set<string>();
    for (const board of dashboards) {
      for (const { panel, target } of queriesOf(board)) {
        const found = await askPanel(target.expr, { ...anything, job: completionsOnly }, target.instant);
        if (found.length > 0) withData.add(`${board.title}: ${panel.title}`);
        if (target.expr.includes('no usage')) {
          expect([panel.title, found.map(({ value }) => value)]).toEqual([panel.title, [0]]);
        }
      }
    }
    const shown = dashboards.flatMap(({ title, panels }) =>
      panels.flatMap((panel) => (panel.type === 'row' ? [] : [`${title}: ${panel.title}`])),
    );
    // Money, limits and names apart, which this organization does not let anybody know.
    expect(shown.filter((panel) => /Usage|Exporter/.test(panel) && !withData.has(panel))).toEqual([
      'OpenAI / Exporter: Next admin key expires',
      'OpenAI / Usage: Cached share of input, by model',
      'OpenAI / Usage: Stored now',
    ]);
  });

  test('its names are its ids', async () => {
    const names = await instant(`{__name__=~"job_(project|key|user):openai_.+_name:info", job="${completionsOnly}"}`);
    expect(names.map(({ metric }) => metric)).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ project_id: 'proj_a', project_name: 'proj_a' }),
        expect.objectContaining({ api_key_id: 'key_a', api_key_name: 'key_a' }),
        expect.objectContaining({ user_id: 'user_a', user_name: 'user_a' }),
      ]),
    );
  });
});

describe.skipIf(!installed)('an organization that uses nothing', () => {
  test('no panel errs, and no usage is invented', async () => {
    for (const board of dashboards) {
      for (const { panel, target } of queriesOf(board)) {
        const found = await askPanel(target.expr, { ...anything, job: nothing }, target.instant);
        const polled = target.expr.includes('no usage');
        if (board.uid === 'openai-usage' && panel.title !== 'Recording rules') {
          expect([panel.title, found.map(({ value }) => value)]).toEqual([panel.title, polled ? [0] : []]);
        }
      }
    }
  });
});

/** Returns the rules that could not be evaluated, and why. */
async function ruleErrors(): Promise<readonly string[]> {
  const { data }: { data: { groups: { rules: { name: string; lastError?: string }[] }[] } } = JSON.parse(
    await (await fetch(`${prometheus}/api/v1/rules`)).text(),
  );
  return data.groups.flatMap(({ rules }) =>
    rules.flatMap(({ name, lastError }) => (lastError ? `${name}: ${lastError}` : [])),
  );
}

describe.skipIf(!installed)('what goes wrong', () => {
  test('two replicas double nothing', async () => {
    expect(await instant(`count(openai_exporter_build_info{job="${overspending}"})`)).toMatchObject([{ value: 2 }]);
    expect(await instant(`job:openai_costs_month_to_date_amount:sum{job="${overspending}"}`)).toMatchObject([
      { value: 10 },
    ]);
  });

  test('while nothing does, nothing is said', async () => {
    const others = `${completionsOnly}|${overspending}|${silent}|${nothing}`;
    expect(await instant(`ALERTS{job=~"${others}", alertstate="firing"}`)).toEqual([]);
    expect(await ruleErrors()).toEqual([]);
    expect(messages.filter(({ text }) => new RegExp(`var-job=(?:${others})\\b`).test(text))).toEqual([]);
  });

  test('overspending, a refused key and a silent API each reach the webhook with what one needs to know', async () => {
    spent = 150;
    const [quiet, , falling] = apis;
    if (quiet === undefined || falling === undefined) throw new Error('not started');
    quiet.keys = new Set();
    falling.faults.set('*', () => {});
    await eventually(() => {
      const { link } = expectMessage(
        'page',
        /^\[critical\] Search & "Find" has spent 150% of the month's budget$/,
        /150\.00\s+of 100\.00 usd/,
        /Dashboard: http:\/\/localhost:3000\/d\/openai-costs\?var-job=overspending&var-project=proj_a/,
        /Runbook: http:\/\/localhost:9090\/user\/alerts\.md#openaibudgetexceeded/,
      );
      expect(link).toBe('http://localhost:3000/d/openai-costs?var-job=overspending&var-project=proj_a');
      expectMessage(
        'page',
        /^\[critical\] OpenAI refuses the admin key of completions-only \(auth\)$/,
        /\d+ apis of job completions-only have been refused, reason auth/,
      );
      expectMessage(
        'notify',
        /^\[warning\] (?:silent: \d+ firing|Polls of)/,
        /\*Polls of completions fail\*\nNo poll of completions .*half hour: (?:timeout \d+|no answer)\./,
        /Dashboard: http:\/\/localhost:3000\/d\/openai-exporter\?var-job=silent/,
        /Runbook: http:\/\/localhost:9090\/user\/alerts\.md#openaiendpointfailing/,
      );
    }, 110);
  });

  test('what says less is silenced by what says more', async () => {
    await eventually(async () => {
      const [firing] = await instant(
        `ALERTS{job="${overspending}", alertname="OpenAIBudgetNearlyUsed", alertstate="firing"}`,
      );
      expect(firing).toBeDefined();
    }, 30);
    expect(
      messages.filter(({ receiver, text }) => receiver !== 'page' && /budget/.test(text) && /overspending/.test(text)),
    ).toEqual([]);
    expect(messages.filter(({ receiver, text }) => receiver !== 'page' && /completions-only/.test(text))).toEqual([]);
  });

  test('what does not come for long is stale', async () => {
    await eventually(async () => {
      const stale = await instant(`ALERTS{job="${silent}", alertname="OpenAIUsageDataStale", alertstate="firing"}`);
      expect(stale.map(({ metric }) => metric['api'])).toContain('completions');
    }, 110);
  });

  test('healing resolves them', async () => {
    spent = 10;
    const [quiet, , falling] = apis;
    if (quiet === undefined || falling === undefined) throw new Error('not started');
    quiet.keys = new Set([testKey]);
    falling.faults.clear();
    await eventually(() => {
      expectMessage('page', /^\[resolved\] Search & "Find" has spent/);
      expectMessage('page', /^\[resolved\] OpenAI refuses the admin key of completions-only/);
      expectMessage('notify', /silent: .*resolved$|^\[resolved\] Polls of/, /Resolved: Polls of completions fail/);
    }, 110);
  });

  test('an exporter that is gone is told when no replica of it is left', async () => {
    await replicas[0]?.stop('SIGKILL');
    await eventually(() => expectMessage('notify', /Replica 127\.0\.0\.1:\d+ of overspending does not answer/), 30);
    await Promise.all(replicas.map((each) => each.stop('SIGKILL')));
    await eventually(() => expectMessage('page', /^\[critical\] No exporter of overspending answers$/), 30);
    expect(await ruleErrors()).toEqual([]);
  });
});

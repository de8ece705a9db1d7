/**
 * Alertmanager on its configuration, and on what the Prometheus operator makes of ours: it is valid, each alert reaches
 * the receiver that its severity says, with all that one needs to know, and is silenced by nothing that it should not be.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { parse } from 'yaml';
import { alertmanagerConfiguration, receiverFiles } from '../../deploy/stack/configuration.ts';
import { startAlertmanager } from '../../deploy/stack/monitoring.ts';
import { freePort, type Running } from '../../deploy/stack/programs.ts';
import { type Message, type Receiver, startReceiver } from '../../deploy/stack/receiver.ts';
import { inhibitionsSpec, messagesSpec, operatorConfiguration } from '../helpers/operator.ts';
import { type Example, examples } from '../helpers/rule-cases.ts';
import { rules } from '../helpers/rules.ts';
import { findTool } from '../helpers/tools.ts';

const amtool = findTool('amtool', 'prometheus-alertmanager');
const file = fileURLToPath(new URL('../../deploy/alertmanager/alertmanager.yml', import.meta.url));

function ask(...args: readonly string[]): { readonly status: number | null; readonly out: string } {
  const { status, stdout } = spawnSync(amtool ?? '', [...args], { encoding: 'utf8' });
  return { status, out: stdout };
}

const receivers: Readonly<Record<string, string>> = { critical: 'page', warning: 'notify', notice: 'record' };

describe.skipIf(amtool === undefined)('amtool', () => {
  test('finds no fault in the configuration and its templates', () => {
    const { status, out } = ask('check-config', file);
    expect([status, out]).toEqual([0, expect.stringContaining('SUCCESS')]);
    expect(out).toMatch(/1 templates/);
    expect(out).toMatch(/3 receivers/);
  });

  test('finds none in the configuration that sends nothing', () => {
    const { status, out } = ask('check-config', file.replace('alertmanager.yml', 'quiet.yml'));
    expect([status, out]).toEqual([0, expect.stringMatching(/quiet\.yml.*SUCCESS.*1 receivers/s)]);
  });

  const routed = rules.flatMap(({ alert, labels }) =>
    alert === undefined ? [] : [[alert, labels?.['severity'] ?? ''] as const],
  );

  test.each([...routed, ['AlertOfSomebodyElse', 'high'] as const])(
    '%s (%s) is routed by severity',
    (alert, severity) => {
      const { status, out } = ask(
        ...[
          'config',
          'routes',
          'test',
          `--config.file=${file}`,
          `--verify.receivers=${receivers[severity] ?? 'notify'}`,
        ],
        ...[`alertname=${alert}`, `severity=${severity}`, 'job=exporter', 'project_id=proj_a'],
      );
      expect([status, out.trim()]).toEqual([0, receivers[severity] ?? 'notify']);
    },
  );
});

const alertmanager = findTool('prometheus-alertmanager', 'prometheus-alertmanager');
const deploy = fileURLToPath(new URL('../../deploy/', import.meta.url));

/** The inhibitions of kube-prometheus-stack: what is worse silences what is less bad, and info is silenced unless there is worse. */
const stackInhibitions = [
  {
    source_matchers: ['severity="critical"'],
    target_matchers: ['severity=~"warning|info"'],
    equal: ['namespace', 'alertname'],
  },
  { source_matchers: ['severity="warning"'], target_matchers: ['severity="info"'], equal: ['namespace', 'alertname'] },
  { source_matchers: ['alertname="InfoInhibitor"'], target_matchers: ['severity="info"'], equal: ['namespace'] },
];

function operator(address: (key: string) => string, namespace: string): string {
  const spec = (name: string): unknown => parse(readFileSync(`${deploy}kubernetes/${name}`, 'utf8')).spec;
  return operatorConfiguration(
    {
      ...inhibitionsSpec.parse(spec('alertmanagerconfig.yaml')),
      ...messagesSpec.parse(spec('messages/alertmanagerconfig.yaml')),
    },
    { namespace, others: stackInhibitions, address },
  );
}

interface Known extends Example {
  readonly status: { readonly state: string; readonly inhibitedBy: readonly string[] };
}

const ways = {
  'alertmanager.yml': (directory: string) =>
    alertmanagerConfiguration(readFileSync(file, 'utf8'), {
      secrets: join(directory, 'secrets'),
      templates: `${deploy}alertmanager/templates`,
    }),
  'the AlertmanagerConfig, beside kube-prometheus-stack': (_: string, url: string) =>
    operator((key) => `${url}/${key}`, 'watch'),
};

describe.skipIf(alertmanager === undefined).each(Object.entries(ways))('Alertmanager with %s', (_, configured) => {
  const directory = mkdtempSync(join(tmpdir(), 'alertmanager-'));
  const messages: Message[] = [];
  let receiver: Receiver | undefined;
  let running: Running | undefined;
  let api = '';

  beforeAll(async () => {
    receiver = await startReceiver((message) => messages.push(message));
    mkdirSync(join(directory, 'secrets'));
    for (const name of receiverFiles)
      writeFileSync(join(directory, 'secrets', name), `${receiver.url}/${name.replace('_url', '')}`);
    const configuration = join(directory, 'alertmanager.yml');
    const text = configured(directory, receiver.url)
      .replaceAll(/group_wait: \w+/g, 'group_wait: 1s')
      .replaceAll(/group_interval: \w+/g, 'group_interval: 1s');
    writeFileSync(configuration, text);
    const port = await freePort();
    api = `http://127.0.0.1:${port}/api/v2/alerts`;
    running = await startAlertmanager({ directory, configuration, port });
  });

  afterAll(async () => {
    await running?.stop();
    await receiver?.close();
    rmSync(directory, { recursive: true, force: true });
  });

  async function send(alerts: readonly Example[]): Promise<void> {
    const generatorURL = 'http://prometheus.example/graph';
    const answer = await fetch(api, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(alerts.map((alert) => ({ ...alert, generatorURL }))),
    });
    expect([answer.status, await answer.text()]).toEqual([200, '']);
  }

  /** Alertmanager's word for each alert of a job. */
  async function states(job: string): Promise<Readonly<Record<string, string>>> {
    const known: readonly Known[] = JSON.parse(await (await fetch(api)).text());
    return Object.fromEntries(
      known
        .filter(({ labels }) => labels['job'] === job)
        .map(({ labels, status }) => [
          [labels['alertname'], labels['organization'], labels['project_id']].filter(Boolean).join(' '),
          status.state,
        ]),
    );
  }

  test('every alert reaches its receiver, with the project, the figures and links', async () => {
    // Each by itself, so that none silences another one.
    const sent = [...examples].map(
      ([name, { labels, annotations }]): Example => ({
        labels: { ...labels, namespace: 'watch', job: name },
        annotations,
      }),
    );
    await send(sent);
    await vi.waitFor(
      () => {
        for (const { labels, annotations } of sent) {
          const to = receivers[labels['severity'] ?? ''];
          const title = `[${labels['severity']}] ${annotations['summary']}`;
          const found = messages.filter((each) => each.title === title && each.receiver === to);
          expect([labels['alertname'], found.length]).not.toEqual([labels['alertname'], 0]);
          const message = found.find(({ text }) => text.includes(annotations['runbook_url'] ?? 'none'));
          expect(message?.text).toContain(annotations['description']);
          expect(message?.text).toContain(`Dashboard: ${annotations['dashboard']}\n`);
          expect(message?.text).toContain(`Runbook: ${annotations['runbook_url']}\n`);
          expect(message?.link).toBe(annotations['dashboard']);
        }
      },
      { timeout: 20_000, interval: 300 },
    );
    expect(examples.size).toBe(new Set(rules.flatMap(({ alert }) => alert ?? [])).size);
  });

  const alert = (alertname: string, severity: string, labels: Readonly<Record<string, string>>): Example => ({
    labels: { alertname, severity, namespace: 'watch', ...labels },
    annotations: {},
  });

  test('nobody else silences ours, and ours silence what follows from them, in their organization alone', async () => {
    const job = 'shared';
    const acme = { job, organization: 'acme' };
    const globex = { job, organization: 'globex' };
    await send([
      // In the stack's own way of speaking.
      alert('InfoInhibitor', 'none', {}),
      { labels: { alertname: 'InfoInhibitor', severity: 'none' }, annotations: {} },
      alert('OpenAISpendLimitNear', 'critical', { ...acme, currency: 'usd' }),
      alert('OpenAISoftSpendLimitNear', 'warning', { ...globex, currency: 'usd' }),
      alert('OpenAINewKey', 'notice', acme),
      alert('OpenAIBudgetExceeded', 'critical', { ...acme, currency: 'usd', project_id: 'p' }),
      alert('OpenAIBudgetNearlyUsed', 'warning', { ...acme, currency: 'usd', project_id: 'p' }),
      alert('OpenAIBudgetNearlyUsed', 'warning', { ...acme, currency: 'usd', project_id: 'q' }),
      alert('OpenAIBudgetHalfUsed', 'notice', { ...globex, currency: 'usd', project_id: 'p' }),
    ]);
    await vi.waitFor(
      async () =>
        expect(await states(job)).toEqual({
          'OpenAISpendLimitNear acme': 'active',
          'OpenAISoftSpendLimitNear globex': 'active',
          'OpenAINewKey acme': 'active',
          'OpenAIBudgetExceeded acme p': 'active',
          'OpenAIBudgetNearlyUsed acme p': 'suppressed',
          'OpenAIBudgetNearlyUsed acme q': 'active',
          'OpenAIBudgetHalfUsed globex p': 'active',
        }),
      { timeout: 15_000, interval: 300 },
    );
    await send([alert('OpenAIExporterDown', 'critical', globex)]);
    await vi.waitFor(
      async () =>
        expect(await states(job)).toMatchObject({
          'OpenAIExporterDown globex': 'active',
          'OpenAISoftSpendLimitNear globex': 'suppressed',
          'OpenAIBudgetHalfUsed globex p': 'suppressed',
          'OpenAINewKey acme': 'active',
        }),
      { timeout: 15_000, interval: 300 },
    );
  });

  test('a message with very many alerts names ten and counts the rest', async () => {
    const keys = Array.from({ length: 40 }, (_, index) => `key ${String(index).padStart(2, '0')}`);
    await send(
      keys.map((name) => ({
        ...alert('OpenAIApiKeyExpiring', 'warning', { job: 'many', project_id: 'p', api_key_id: name }),
        annotations: { summary: `API key ${name} expires`, description: 'Soon.' },
      })),
    );
    await vi.waitFor(
      () => {
        const found = messages.find(({ title }) => title.includes('40 firing'));
        expect(found?.text.match(/API key/g)).toHaveLength(10);
        expect(found?.text).toContain('And more: 40 fire in all.');
      },
      { timeout: 15_000, interval: 300 },
    );
  });
});

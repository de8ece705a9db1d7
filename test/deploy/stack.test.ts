/** The parts of `npm run stack`: configurations with other addresses, ports, programs that are not there. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';
import {
  alertmanagerConfiguration,
  hurriedConfiguration,
  hurriedRules,
  prometheusConfiguration,
  quickBudgets,
  replaceAll,
} from '../../deploy/stack/configuration.ts';
import { findProgram, freePort, startProgram } from '../../deploy/stack/programs.ts';
import { type Message, startReceiver } from '../../deploy/stack/receiver.ts';
import { portOf } from '../helpers/http-server.ts';

const deploy = fileURLToPath(new URL('../../deploy/', import.meta.url));
const read = (name: string) => readFileSync(`${deploy}${name}`, 'utf8');

describe('configurations', () => {
  test('Prometheus scrapes, evaluates and tells what it is given', () => {
    const text = prometheusConfiguration(read('prometheus/prometheus.yml'), {
      exporter: '127.0.0.1:1',
      prometheus: '127.0.0.1:2',
      alertmanager: '127.0.0.1:3',
      rules: '/rules',
    });
    expect(parse(text)).toMatchObject({
      rule_files: ['/rules/*.yml'],
      alerting: { alertmanagers: [{ static_configs: [{ targets: ['127.0.0.1:3'] }] }] },
      scrape_configs: [
        { static_configs: [{ targets: ['127.0.0.1:1'] }] },
        { static_configs: [{ targets: ['127.0.0.1:2'] }] },
      ],
    });
  });

  test('Alertmanager has its addresses and templates from other folders', () => {
    const text = alertmanagerConfiguration(read('alertmanager/alertmanager.yml'), { secrets: '/s', templates: '/t' });
    expect(parse(text)).toMatchObject({ templates: ['/t/*.tmpl'] });
    expect(text.match(/api_url_file: .*/g)).toEqual([
      'api_url_file: /s/page_url',
      'api_url_file: /s/notify_url',
      'api_url_file: /s/record_url',
    ]);
  });

  test('alerts on budgets fire soon, and no others', () => {
    const rule = (name: string) => `      - alert: ${name}\n        expr: |\n          a\n        for: 15m\n`;
    const budgets = ['OpenAIBudgetExceeded', 'OpenAIForecastAboveBudget'];
    const others = rule('OpenAISpendUnusual');
    expect(quickBudgets(budgets.map(rule).join('') + others)).toBe(
      budgets.map((name) => rule(name).replace('15m', '30s')).join('') + others,
    );
    const alerts = read('prometheus/rules/openai-alerts.yml');
    expect(quickBudgets(alerts).match(/for: 30s/g)).toHaveLength(5);
  });

  test('in a hurry, Prometheus looks every few seconds', () => {
    expect(parse(hurriedConfiguration(read('prometheus/prometheus.yml')))).toMatchObject({
      global: { scrape_interval: '5s', evaluation_interval: '15s' },
    });
    const rules: { groups: { interval?: string }[] } = parse(
      hurriedRules(read('prometheus/rules/openai-recording.yml')),
    );
    expect(new Set(rules.groups.map(({ interval = '15s' }) => interval))).toEqual(new Set(['15s', '10s']));
  });

  test('what is not there cannot be replaced', () => {
    expect(() => replaceAll('a', [['b', 'c']])).toThrow('the configuration has no b');
  });
});

test('a port that is taken is not asked for', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const taken = portOf(server.address());
  const free = await freePort(taken);
  expect(free).not.toBe(taken);
  expect(await freePort(free)).toBe(free);
});

test('a program that is missing is named, with the package that has it', () => {
  expect(() => findProgram(['no-such-program'], 'the-package')).toThrow(
    'no-such-program is not installed; on Debian: apt-get install the-package',
  );
});

test('a program that ends before it serves is an error that says so', async () => {
  const port = await freePort();
  const options = { name: 'it', path: process.execPath, args: ['--eval', 'process.exit(3)'], log: '/dev/null' };
  await expect(startProgram({ ...options, readyUrl: `http://127.0.0.1:${port}/` })).rejects.toThrow('it ended with 3');
});

test('the receiver takes messages as Slack does, and nothing else', async () => {
  const messages: Message[] = [];
  const receiver = await startReceiver((message) => messages.push(message));
  onTestFinished(() => receiver.close());
  const post = (body: string) => fetch(`${receiver.url}/page`, { method: 'POST', body });
  const attachment = { title: 'T', text: 'X', title_link: 'L' };
  expect((await post(JSON.stringify({ attachments: [attachment] }))).status).toBe(200);
  expect((await post('{')).status).toBe(400);
  expect(messages).toEqual([{ receiver: 'page', title: 'T', text: 'X', link: 'L' }]);
});

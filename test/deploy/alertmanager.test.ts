/** Tests what amtool does not look at: what is grouped, what silences what, what the messages say. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { identity } from '../../deploy/prometheus/identity.ts';
import { rules } from '../helpers/rules.ts';

const directory = fileURLToPath(new URL('../../deploy/alertmanager/', import.meta.url));
const config = z
  .object({
    route: z.object({
      group_by: z.array(z.string()),
      repeat_interval: z.string(),
      routes: z.array(z.object({ matchers: z.array(z.string()), repeat_interval: z.string().optional() })),
    }),
    inhibit_rules: z.array(
      z.object({
        source_matchers: z.array(z.string()),
        target_matchers: z.array(z.string()),
        equal: z.array(z.string()),
      }),
    ),
    receivers: z.array(z.object({ name: z.string(), slack_configs: z.array(z.record(z.string(), z.unknown())) })),
  })
  .parse(parse(readFileSync(`${directory}alertmanager.yml`, 'utf8')));
const alerts = new Set(rules.flatMap(({ alert }) => alert ?? []));

type Labels = Readonly<Record<string, string>>;

function matches(matchers: readonly string[], labels: Labels): boolean {
  return matchers.every((matcher) => {
    const [, label = '', operator, value = ''] = /^(\w+)(=~|!=|=)"(.*)"$/.exec(matcher) ?? [];
    const actual = labels[label] ?? '';
    if (operator === '=~') return new RegExp(`^(?:${value})$`).test(actual);
    return operator === '=' ? actual === value : actual !== value;
  });
}

function silences(source: Labels, target: Labels): boolean {
  return config.inhibit_rules.some(
    ({ source_matchers, target_matchers, equal }) =>
      matches(source_matchers, source) &&
      matches(target_matchers, target) &&
      equal.every((label) => (source[label] ?? '') === (target[label] ?? '')),
  );
}

test('one message for each project of an organization', () => {
  expect(config.route.group_by).toEqual([...identity, 'project_id']);
});

test('what silences concerns the same organization, in the same namespace', () => {
  for (const { equal } of config.inhibit_rules) expect(equal).toEqual(expect.arrayContaining([...identity]));
});

test('the configuration that sends nothing silences the same', () => {
  const quiet = parse(readFileSync(`${directory}quiet.yml`, 'utf8'));
  expect(quiet.inhibit_rules).toEqual(config.inhibit_rules);
  expect(quiet.route.group_by).toEqual(config.route.group_by);
});

/** The hours after which an alert that still fires is said again. */
function repeatedAfter(alertname: string, severity: string): number {
  const route = config.route.routes.find(({ matchers }) => matches(matchers, { alertname, severity }));
  const [, count = '', unit = ''] = /^(\d+)([hd])$/.exec(route?.repeat_interval ?? config.route.repeat_interval) ?? [];
  return Number(count) * (unit === 'd' ? 24 : 1);
}

test('what lasts until the month ends or a key is exchanged is not said again each day', () => {
  for (const alert of ['BudgetExceeded', 'SpendLimitNear'])
    expect(repeatedAfter(`OpenAI${alert}`, 'critical')).toBe(96);
  for (const alert of ['BudgetNearlyUsed', 'ForecastAboveBudget', 'SoftSpendLimitNear', 'ApiKeyExpiring'])
    expect(repeatedAfter(`OpenAI${alert}`, 'warning')).toBe(96);
  expect(repeatedAfter('OpenAIExporterDown', 'critical')).toBe(4);
  expect(repeatedAfter('OpenAIEndpointFailing', 'warning')).toBe(24);
});

test('Alertmanager, which remembers for 120 hours, knows what it has sent when it is to send it again', () => {
  for (const { alert = '', labels } of rules) {
    if (alert !== '') expect(repeatedAfter(alert, labels?.['severity'] ?? '')).toBeLessThan(120);
  }
});

test('an exporter that is down silences all the rest of its job, and nothing else', () => {
  const down = { alertname: 'OpenAIExporterDown', job: 'a' };
  for (const alertname of alerts) {
    const target = { alertname, job: 'a', project_id: 'p' };
    expect([alertname, silences(down, target)]).toEqual([alertname, alertname !== 'OpenAIExporterDown']);
    expect(silences(down, { ...target, job: 'b' })).toBe(false);
  }
  expect(silences(down, { alertname: 'NodeDown', job: 'a' })).toBe(false);
});

test('a budget that is exceeded silences its own warnings, not those of another one', () => {
  const project = { job: 'a', currency: 'usd', project_id: 'p' };
  const exceeded = { alertname: 'OpenAIBudgetExceeded', ...project };
  const warnings = ['OpenAIBudgetNearlyUsed', 'OpenAIBudgetHalfUsed', 'OpenAIForecastAboveBudget'];
  for (const alertname of warnings) {
    expect(silences(exceeded, { alertname, ...project })).toBe(true);
    expect(silences(exceeded, { alertname, ...project, project_id: 'q' })).toBe(false);
    expect(silences(exceeded, { alertname, job: 'a', currency: 'usd' })).toBe(false);
    expect(silences(exceeded, { alertname, ...project, currency: 'eur' })).toBe(false);
  }
  const nearly = { alertname: 'OpenAIBudgetNearlyUsed', ...project };
  expect(silences(nearly, { alertname: 'OpenAIBudgetHalfUsed', ...project })).toBe(true);
  expect(silences(nearly, exceeded)).toBe(false);
});

test('a refused key silences what follows from it', () => {
  const refused = { alertname: 'OpenAIKeyRefused', job: 'a' };
  expect(silences(refused, { alertname: 'OpenAIEndpointFailing', job: 'a', api: 'images' })).toBe(true);
  expect(silences(refused, { alertname: 'OpenAIListFailing', job: 'a', api: 'projects' })).toBe(true);
  expect(silences(refused, { alertname: 'OpenAIBudgetExceeded', job: 'a' })).toBe(false);
});

test('every alert that is named exists', () => {
  const named: string[] = [...(JSON.stringify(config.inhibit_rules).match(/OpenAI[A-Z]\w+/g) ?? [])];
  for (const { matchers } of config.route.routes) {
    const [, group = ''] = /OpenAI\(([\w|]+)\)/.exec(matchers.join()) ?? [];
    named.push(...(group === '' ? [] : group.split('|').map((name) => `OpenAI${name}`)));
  }
  expect(named.length).toBeGreaterThan(15);
  for (const alert of named) expect(alerts).toContain(alert);
});

test('every receiver uses the templates, and has its address from a file', () => {
  for (const { slack_configs } of config.receivers) {
    for (const receiver of slack_configs) {
      expect(receiver).toMatchObject({
        api_url_file: expect.stringMatching(/^\/run\/secrets\/\w+$/),
        title: '{{ template "openai.title" . }}',
        text: '{{ template "openai.text" . }}',
      });
    }
  }
});

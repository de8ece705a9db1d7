/** Tests what amtool does not look at: what is grouped, what silences what, what the messages say. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { rules } from '../helpers/rules.ts';

const directory = fileURLToPath(new URL('../../deploy/alertmanager/', import.meta.url));
const config = z
  .object({
    route: z.object({ group_by: z.array(z.string()) }),
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

test('one message for each project', () => {
  expect(config.route.group_by).toEqual(['job', 'project_id']);
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
  const named = JSON.stringify(config.inhibit_rules).match(/OpenAI[A-Z]\w+/g) ?? [];
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

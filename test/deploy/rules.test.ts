/** Tests what promtool does not look at: names, runbooks, cases, and that only what exists is read. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { managedRules } from '../../deploy/grafana/managed-rules.ts';
import { alertingRules } from '../../deploy/prometheus/alerts.ts';
import { identity } from '../../deploy/prometheus/identity.ts';
import { defaultLinks, linksFrom } from '../../deploy/prometheus/links.ts';
import { recordingGroups, recordingRules } from '../../deploy/prometheus/recording.ts';
import { listApis } from '../../src/openai/catalogue.ts';
import { knownMetrics } from '../helpers/known-metrics.ts';
import { metricsIn } from '../helpers/promql.ts';
import { alertCases } from '../helpers/rule-cases.ts';
import { recorded, rules } from '../helpers/rules.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const alerts = rules.filter(({ alert }) => alert !== undefined);
const runbooks = readFileSync(`${root}docs/alerts.md`, 'utf8');
const dashboards = new Set(readdirSync(`${root}grafana/dashboards`).map((name) => name.replace('.json', '')));

test('the recording rules are the generated ones; if not: npm run dashboards', () => {
  expect(readFileSync(`${root}deploy/prometheus/rules/openai-recording.yml`, 'utf8')).toBe(recordingRules());
  expect(readFileSync(`${root}deploy/grafana/openai-recording.yaml`, 'utf8')).toBe(managedRules(recordingGroups));
});

test('Grafana has the same recording rules, each by a name of its own', () => {
  const managed: {
    groups: {
      interval: string;
      rules: { uid: string; title: string; record: { metric: string }; data: { model: { expr: string } }[] }[];
    }[];
  } = parse(managedRules(recordingGroups));
  const inGrafana = managed.groups.flatMap(({ rules: all }) => all);
  expect(inGrafana.map(({ record, data }) => [record.metric, data[0]?.model.expr.trim()])).toEqual(
    recordingGroups.flatMap(({ rules: all }) => all.map(({ record, expr }) => [record, expr])),
  );
  for (const name of ['uid', 'title'] as const) {
    expect(new Set(inGrafana.map((each) => each[name])).size).toBe(inGrafana.length);
  }
  for (const { uid } of inGrafana) expect(uid).toMatch(/^[a-z0-9-]{1,40}$/);
  // It refuses a file with another interval than multiples of ten seconds.
  for (const { interval } of managed.groups) expect(interval).toMatch(/^(?:\d+m|\d*0s)$/);
});

test('the alerts are the generated ones, with the links of the compose file', () => {
  expect(readFileSync(`${root}deploy/prometheus/rules/openai-alerts.yml`, 'utf8')).toBe(alertingRules(defaultLinks));
});

test('links lead where the environment says, or to the compose file', () => {
  expect(linksFrom({ GRAFANA_URL: '', OTHER: 'x' })).toEqual(defaultLinks);
  const own = linksFrom({ GRAFANA_URL: 'https://g.example.org/', RUNBOOKS_URL: 'https://r.example.org/alerts' });
  expect(own).toEqual({ grafana: 'https://g.example.org', runbooks: 'https://r.example.org/alerts' });
  const text = alertingRules(own);
  expect(text).toContain('https://g.example.org/d/openai-costs?var-job=');
  expect(text).toContain('https://r.example.org/alerts#openaibudgetexceeded');
  expect(() => linksFrom({ GRAFANA_URL: 'g.example.org' })).toThrow(/GRAFANA_URL is "g\.example\.org": .*http/);
});

test('one name has one severity', () => {
  const severities = new Map<string, Set<string | undefined>>();
  for (const { alert = '', labels } of alerts)
    severities.set(alert, (severities.get(alert) ?? new Set()).add(labels?.['severity']));
  for (const [alert, all] of severities) expect([alert, all.size]).toEqual([alert, 1]);
});

test('what identifies an organization is kept wherever labels are chosen', () => {
  for (const { alert, record, expr } of rules) {
    for (const [, by = ''] of expr.matchAll(/\b(?:by|on) \(([^)]*)\)/g)) {
      if (by === '') continue;
      expect([alert ?? record, by]).toEqual([alert ?? record, expect.stringContaining(identity.join(', '))]);
    }
  }
});

test('recorded series are named level:metric:operations', () => {
  for (const record of recorded) expect(record).toMatch(/^job(?:_[a-z]+)*:openai_[a-z_]+:[a-z_\d]+$/);
});

test('no rate is recorded: an average of rates would be taken for an amount', () => {
  for (const { record, expr } of rules) {
    if (record !== undefined) expect([record, /\bi?rate\(/.test(expr)]).toEqual([record, false]);
  }
});

test('only metrics that exist are read', () => {
  for (const { record, alert, expr } of rules) {
    const unknown = metricsIn(expr).filter((name) => !knownMetrics.has(name) && !recorded.has(name));
    expect([record ?? alert, unknown]).toEqual([record ?? alert, []]);
  }
});

test('where apis are told from lists, every list is named', () => {
  const selected = alerts.flatMap(({ expr }) =>
    [...expr.matchAll(/api[!=]~"([^"]*)"/g)].map(([, names = '']) => names),
  );
  expect(selected.length).toBeGreaterThan(2);
  for (const names of selected) expect(names.split('|').sort()).toEqual([...listApis].sort());
});

test('runbooks name boards and panels that there are', () => {
  const named = [...runbooks.matchAll(/(?<!\*)\*([A-Z]\w+)(?:: ([^*]+))?\*(?!\*)/g)];
  expect(named.length).toBeGreaterThan(15);
  for (const [whole, board = '', panel = ''] of named) {
    const name = `openai-${board.toLowerCase()}`;
    expect([whole, dashboards.has(name)]).toEqual([whole, true]);
    expect(readFileSync(`${root}grafana/dashboards/${name}.json`, 'utf8')).toContain(`"title": "${panel}`);
  }
});

describe.each(alerts.map((rule) => [rule.alert ?? '', rule] as const))('%s', (name, { labels, annotations }) => {
  test('says how bad it is, what it means, where to look and what to do', () => {
    expect(labels?.['severity']).toMatch(/^(?:critical|warning|notice)$/);
    expect(annotations?.['summary']).toMatch(/\S/);
    expect(annotations?.['description']).toMatch(/\S/);
    expect(annotations?.['runbook_url']).toBe(`${defaultLinks.runbooks}#${name.toLowerCase()}`);
    const [address, board] = (annotations?.['dashboard'] ?? '').split('/d/');
    expect(address).toBe(defaultLinks.grafana);
    expect(dashboards).toContain(/^([a-z-]+)\?var-job=/.exec(board ?? '')?.[1]);
  });

  test('has a runbook with meaning, things to look at and things to do', () => {
    const [, section = ''] = runbooks.split(`\n## ${name}\n`);
    const own = section.split('\n## ')[0];
    expect(own).toMatch(/^\n[^*\s][\s\S]+\n\n\*\*See:\*\* \S[\s\S]+\n\n\*\*Do:\*\* \S/);
  });

  test('is in the table', () => {
    const severity = labels?.['severity'] ?? '';
    const sent = { critical: 'page', warning: 'notify', notice: 'record' }[severity];
    expect(runbooks).toMatch(
      new RegExp(`\\n\\| \\[${name.replace('OpenAI', '')}\\]\\(#${name.toLowerCase()}\\) \\| ${sent} `),
    );
  });

  test('has a case in which it fires and one in which it must not', () => {
    const fires = alertCases
      .filter(({ alertname }) => alertname === name)
      .map(({ exp_alerts }) => exp_alerts !== undefined);
    expect(fires).toContain(true);
    expect(fires).toContain(false);
  });
});

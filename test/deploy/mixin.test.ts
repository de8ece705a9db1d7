/** The mixin: its JSON is the generated one, and real jsonnet makes of it the same boards, alerts and rules. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { mixinFiles } from '../../deploy/mixin/mixin.ts';
import { committedDashboards } from '../helpers/dashboards.ts';
import { ruleFiles, ruleGroups, rules } from '../helpers/rules.ts';
import { findTool } from '../helpers/tools.ts';

const mixin = fileURLToPath(new URL('../../deploy/mixin/', import.meta.url));
const generated = `${mixin}generated/`;
const jsonnet = findTool('jsonnet', 'jsonnet');

test('what it imports is what is generated; if not: npm run dashboards', () => {
  const files = readdirSync(generated).map((name) => [name, readFileSync(`${generated}${name}`, 'utf8')] as const);
  const expected = [...mixinFiles([...ruleFiles].sort())];
  expect(Object.fromEntries(files)).toEqual(Object.fromEntries(expected));
});

const output = z.object({
  grafanaDashboards: z.record(z.string(), z.record(z.string(), z.unknown())),
  prometheusAlerts: z.object({ groups: z.array(z.looseObject({ rules: z.array(z.record(z.string(), z.unknown())) })) }),
  prometheusRules: z.object({ groups: z.array(z.unknown()) }),
});

function evaluate(configuration: string): z.infer<typeof output> {
  const code = `local mixin = (import 'mixin.libsonnet') + { _config+:: ${configuration} };
{ [part]: mixin[part] for part in ['grafanaDashboards', 'prometheusAlerts', 'prometheusRules'] }`;
  const { status, stdout, stderr } = spawnSync(jsonnet ?? '', ['--jpath', mixin, '--exec', code], {
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  expect([status, stderr]).toEqual([0, '']);
  return output.parse(JSON.parse(stdout));
}

describe.skipIf(jsonnet === undefined)('jsonnet', () => {
  test('makes the same boards, alerts and rules of it', () => {
    const { grafanaDashboards, prometheusAlerts, prometheusRules } = evaluate('{}');
    const boards = [...committedDashboards].map(([name, json]) => [name, JSON.parse(json)]);
    expect(grafanaDashboards).toEqual(Object.fromEntries(boards));
    expect([...prometheusAlerts.groups, ...prometheusRules.groups]).toEqual(ruleGroups);
  });

  test('takes the tags, the refresh and the labels of a platform, and leaves out the alerts that it does not want', () => {
    const { grafanaDashboards, prometheusAlerts, prometheusRules } = evaluate(`{
      dashboardTags: ['llm', 'costs'],
      dashboardRefresh: '5m',
      alertLabels: { team: 'platform' },
      withoutAlerts: ['OpenAIExporterDown'],
    }`);
    for (const board of Object.values(grafanaDashboards)) {
      expect(board).toMatchObject({ tags: ['llm', 'costs'], refresh: '5m', links: [{ tags: ['llm'] }] });
    }
    const alerts = prometheusAlerts.groups.flatMap((group) => group.rules).filter(({ alert }) => alert !== undefined);
    expect(alerts).toHaveLength(rules.filter(({ alert }) => alert !== undefined).length - 1);
    for (const alert of alerts) expect(alert).toMatchObject({ labels: { team: 'platform' } });
    expect(JSON.stringify([alerts, prometheusRules])).not.toContain('"OpenAIExporterDown"');
  });
});

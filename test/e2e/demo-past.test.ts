/** The demonstration's past is what the rules would have recorded: they are run on its counters, and both compared. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { recordingGroups } from '../../deploy/prometheus/recording.ts';
import { pastOf } from '../../deploy/stack/demo-past.ts';
import { demoOrganization } from '../../src/simulation/demo-organization.ts';
import { prometheusTools } from '../helpers/tools.ts';

const rules = fileURLToPath(new URL('../../deploy/prometheus/rules/openai-recording.yml', import.meta.url));
const step = 120;
const now = Date.parse('2026-05-20T12:00:00Z');
const page = `
openai_project_info{project_id="proj_search",project_name="Search",status="active"} 1
openai_api_key_info{api_key_id="key_a",api_key_name="A"} 1
openai_user_info{user_id="user_a",user_name="B"} 1
`;

interface Series {
  readonly name: string;
  readonly text: string;
  /** The values by instant. */
  readonly values: Map<number, string>;
}

/** Three hours, with the API's counters at every instant. */
function readPast(): { readonly series: readonly Series[]; readonly instants: readonly number[] } {
  const past = pastOf({
    organization: demoOrganization(now),
    page,
    job: 'j',
    instance: 'i',
    now,
    days: 0.125,
    rawStep: step,
  });
  const all = new Map<string, Series>();
  const instants = new Set<number>();
  for (const line of [...past].join('').split('\n')) {
    const [, text, name = '', value = '', instant] = /^(([\w:]+)\{.*\}) (\S+) (\d+)$/.exec(line) ?? [];
    if (text === undefined) continue;
    const series = all.get(text) ?? { name, text, values: new Map<number, string>() };
    all.set(text, series);
    series.values.set(Number(instant), value);
    instants.add(Number(instant));
  }
  return { series: [...all.values()], instants: [...instants].sort((a, b) => a - b) };
}

describe.each(prometheusTools())('promtool $version', ({ promtool }) => {
  test.skipIf(promtool === undefined)('of what is counted, the past has what the rules record', () => {
    const { series, instants } = readPast();
    const isRaw = ({ name }: Series) => name.startsWith('openai_');
    const counters = series.filter(({ name }) => /:openai_\w+_total:/.test(name));
    const names = [...new Set(counters.map(({ name }) => name))];
    expect(names.length).toBeGreaterThan(10);
    expect(counters.length).toBeGreaterThan(150);
    // The first hour is the rules' beginning.
    const compared = [40, 60, instants.length - 1];
    const directory = mkdtempSync(join(tmpdir(), 'demo-past-'));
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    const file = join(directory, 'cases.json');
    const input = [
      ...series.filter(isRaw).map(({ text, values }) => ({
        series: text,
        values: instants.map((instant) => values.get(instant) ?? '_').join(' '),
      })),
      { series: 'openai_exporter_build_info{job="j", instance="i"}', values: `1x${instants.length}` },
    ];
    const expected = compared.flatMap((index) =>
      names.map((name) => ({
        expr: name,
        eval_time: `${index * step}s`,
        exp_samples: counters.flatMap((each) => {
          const value = each.values.get(instants[index] ?? 0);
          return each.name === name && value !== undefined ? [{ labels: each.text, value: Number(value) }] : [];
        }),
      })),
    );
    writeFileSync(
      file,
      JSON.stringify({
        rule_files: [rules],
        evaluation_interval: `${step}s`,
        group_eval_order: recordingGroups.map(({ name }) => name),
        tests: [{ interval: `${step}s`, input_series: input, promql_expr_test: expected }],
      }),
    );
    const stdout = execFileSync(promtool ?? '', ['test', 'rules', file], { encoding: 'utf8' });
    expect(stdout).toContain('SUCCESS');
  });
});

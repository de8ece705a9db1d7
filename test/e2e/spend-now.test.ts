/** Estimates over 40 days against the truth; and a job that runs away, from its first minute to the alert. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import { widthSeconds } from '../../src/openai/catalogue.ts';
import { expectNearTruth } from '../helpers/estimate-truth.ts';
import { valuesOf } from '../helpers/exposition.ts';
import { type Asked, rowsClient } from '../helpers/rows-client.ts';
import { ruleGroups } from '../helpers/rules.ts';
import { runExporter } from '../helpers/running-exporter.ts';
import { findTool } from '../helpers/tools.ts';

test('estimates are near to what was really spent, by project, at every hour of 40 days', () => {
  expectNearTruth(40);
}, 300_000);

/** The first minute of a job that burns a thousand dollars an hour, beside one dollar an hour of usual work. */
const begins = Date.parse('2026-11-15T10:00:00Z') / 1_000;
/** Input tokens of a minute of usual work: a million cost 2.50, and as many of output 10. */
const usual = 5_000;
const times = 1_000;
const dollarsAnHour = (60 * usual * (2.5 + 0.1 * 10)) / 1e6;

function rowsOf({ api, width, start, at }: Asked): readonly object[] {
  const end = Math.min(start + widthSeconds[width], Math.floor(at / 60_000) * 60);
  const minutes = (from: number, to: number) => Math.max(0, (to - from) / 60);
  const input = usual * (minutes(start, Math.min(end, begins)) + times * minutes(Math.max(start, begins), end));
  if (input === 0) return [];
  const whose = { project_id: 'p' };
  if (api === 'completions') {
    return [{ ...whose, model: 'm', input_tokens: input, output_tokens: input / 10, num_model_requests: 1 }];
  }
  const line = (kind: string, dollars: number) => ({
    ...whose,
    line_item: `m, ${kind}`,
    amount: { value: dollars.toFixed(12), currency: 'usd' },
  });
  // Costs of today come hours later.
  if (start + widthSeconds[width] > at / 1_000) return [];
  return [line('input', (input * 2.5) / 1e6), line('output', input / 1e6)];
}

const promtool = findTool('promtool', 'prometheus');

test.skipIf(promtool === undefined)(
  'a job that runs away fires an alert within 20 minutes',
  async () => {
    const { minutes, text, end } = runExporter({
      start: new Date((begins - 10 * 60) * 1_000).toISOString(),
      flags: ['--poll.apis=completions,costs'],
      client: rowsClient(rowsOf),
    });
    const family = (name: string) => valuesOf(text(), `openai_spend_estimate_${name}`, ['currency'])['usd'];
    const today: (number | undefined)[] = [];
    const hour: (number | undefined)[] = [];
    for (let minute = 0; minute < 40; minute++) {
      await minutes(1);
      today.push(family('today_amount'));
      hour.push(family('hour_amount'));
    }
    await end();
    // Before it, what is usual.
    expect(hour[5]).toBeCloseTo(dollarsAnHour, 9);

    // The rules are asked at the same time of a Thursday that they have watched for more than a week.
    const first = 7 * 24 * 60 + (10 * 60 - 10) + 1;
    const samples = (usually: number, values: readonly (number | undefined)[]) =>
      `${usually}x${first - 1} ${values.map((value) => value ?? '_').join(' ')}`;
    const labels = '{job="e", instance="a", currency="usd", project_id="p", model="m"}';
    const wanted = ['openai_names', 'openai_spend_now', 'openai_spend_now_alerts'];
    const groups = ruleGroups.filter(({ name }) => wanted.includes(name)).map(({ name, rules }) => ({ name, rules }));
    const firing = (minute: number, isFiring: boolean) => ({
      expr: 'count(ALERTS{alertname="OpenAISpendRunningAway", alertstate="firing"})',
      eval_time: `${first + minute}m`,
      exp_samples: isFiring ? [{ labels: '{}', value: 1 }] : [],
    });
    const cases = {
      rule_files: ['rules.yml'],
      evaluation_interval: '1m',
      group_eval_order: wanted,
      tests: [
        {
          interval: '1m',
          input_series: [
            { series: 'openai_exporter_build_info{job="e", instance="a"}', values: `1x${first + 40}` },
            {
              series:
                'openai_project_info{job="e", instance="a", project_id="p", project_name="Search", status="active"}',
              values: `1x${first + 40}`,
            },
            { series: `openai_spend_estimate_today_amount${labels}`, values: samples(10, today) },
            { series: `openai_spend_estimate_hour_amount${labels}`, values: samples(dollarsAnHour, hour) },
            {
              series: 'openai_spend_estimate_error_ratio{job="e", instance="a", currency="usd"}',
              values: `0x${first + 40}`,
            },
          ],
          // The job begins with the tenth minute that was watched.
          promql_expr_test: [firing(9, false), firing(9 + 15, false), firing(9 + 19, true)],
        },
      ],
    };
    const directory = mkdtempSync(join(tmpdir(), 'spend-now-'));
    try {
      writeFileSync(join(directory, 'rules.yml'), stringify({ groups }, { lineWidth: 0 }));
      writeFileSync(join(directory, 'cases.yml'), stringify(cases, { lineWidth: 0 }));
      const { stdout } = await promisify(execFile)(promtool ?? '', ['test', 'rules', join(directory, 'cases.yml')]);
      expect(stdout).toContain('SUCCESS');
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  },
  300_000,
);

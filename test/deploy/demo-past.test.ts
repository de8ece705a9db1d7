/** The demonstration's past: names that the rules record, counters that never fall, and sums that agree with them. */
import { expect, test } from 'vitest';
import { pastOf } from '../../deploy/stack/demo-past.ts';
import { demoOrganization } from '../../src/simulation/demo-organization.ts';
import { knownMetrics } from '../helpers/known-metrics.ts';
import { recorded } from '../helpers/rules.ts';

const now = Date.parse('2026-05-20T12:00:10Z');
const page = `
openai_project_info{project_id="proj_search",project_name="Search",status="active"} 1
openai_project_rate_limit_max_tokens_per_1_minute{project_id="proj_search",model="gpt-5"} 4000000
openai_project_rate_limit_max_requests_per_1_minute{project_id="proj_search",model="gpt-5"} +Inf
openai_project_model_limit_info{project_id="proj_search",model="gpt-5-2025-08-07",limit_model="gpt-5"} 1
openai_api_key_info{api_key_id="key_a",api_key_name="A"} 1
openai_user_info{user_id="user_a",user_name="B"} 1
`;
const text = [...pastOf({ organization: demoOrganization(now), page, job: 'j', instance: 'i', now, days: 1.5 })].join(
  '',
);
/** Samples by series, oldest first. */
const samples = new Map<string, (readonly [instant: number, value: number])[]>();
for (const line of text.split('\n')) {
  const [, series, value, instant] = /^(\S+?\{.*\}) (\S+) (\d+)$/.exec(line) ?? [];
  if (series === undefined) continue;
  const known = samples.get(series) ?? [];
  samples.set(series, known);
  known.push([Number(instant), Number(value)]);
}
const last = (start: string) =>
  [...samples]
    .filter(([series]) => series.startsWith(start))
    .map(([, values]) => values.at(-1) ?? [0, 0])
    .filter(([instant]) => instant === Math.floor(now / 120_000) * 120)
    .reduce((sum, [, value]) => sum + value, 0);

test('has names that the rules record and the exporter shows, up to now', () => {
  expect(text.endsWith('# EOF\n')).toBe(true);
  const names = new Set([...samples.keys()].map((series) => series.split('{')[0] ?? ''));
  expect(names.size).toBeGreaterThan(30);
  expect([...names].filter((name) => !recorded.has(name) && !knownMetrics.has(name))).toEqual([]);
  expect(
    samples.get('job_project:openai_project_name:info{job="j",project_id="proj_search",project_name="Search"}'),
  ).toBeDefined();
  const instants = samples.get('job_project:openai_project_name:info{job="j"}')?.map(([instant]) => instant) ?? [];
  expect(instants.at(-1)).toBe(now / 1_000 - 10);
});

test('counts without a fall, each series from 0, and sums what it counts', () => {
  for (const [series, values] of samples) {
    if (!series.includes('_total')) continue;
    const falls = values.filter(([, value], index) => value < (values[index - 1]?.[1] ?? 0));
    expect([series, falls]).toEqual([series, []]);
  }
  const tokens = last('openai_completions_input_tokens_total{') + last('openai_completions_output_tokens_total{');
  expect(tokens).toBeGreaterThan(1e9);
  expect(last('job_project:openai_tokens_total:sum{job="j",api="completions"')).toBe(tokens);
  expect(last('job_model:openai_tokens_total:sum{job="j",api="completions"')).toBe(tokens);
  expect(last('job_project_key_user_model:openai_completions_tokens_total:max4m{')).toBe(tokens);
});

test('has money that grows through the day and the month', () => {
  const month = last('job:openai_costs_month_to_date_amount:sum{');
  expect(month).toBeGreaterThan(3_000);
  expect(month).toBeLessThan(6_000);
  expect(last('job_project:openai_costs_month_to_date_amount:sum{')).toBeCloseTo(month, 6);
  expect(last('job:openai_costs_settled_day_amount:sum{')).toBeGreaterThan(100);
});

test('has the busiest of five minutes as a share of the limit that holds, without batches', () => {
  const organization = demoOrganization(now);
  const end = Math.floor(now / 120_000) * 120;
  const used = [1, 2, 3, 4, 5].map((minute) => {
    const from = Math.floor((end - 900) / 60) * 60 - 60 * minute;
    const groupBy = ['project_id', 'model', 'batch'];
    return organization.truth
      .usage('completions', { from, to: from + 60 }, { groupBy, at: now })
      .filter(({ labels: [project, model, batch] }) => {
        return project === 'proj_search' && model === 'gpt-5-2025-08-07' && batch === false;
      })
      .reduce((sum, { fields }) => sum + (fields.get('input_tokens') ?? 0) + (fields.get('output_tokens') ?? 0), 0);
  });
  expect(Math.max(...used)).toBeGreaterThan(0);
  const limits = [...samples].filter(([series]) => series.startsWith('job_project_limit:'));
  expect(limits.map(([series, values]) => [series, values.at(-1)])).toEqual([
    [
      'job_project_limit:openai_rate_limit_used:max5m{job="j",project_id="proj_search",limit_model="gpt-5",limit="tokens",project_name="Search"}',
      [end, Math.max(...used) / 4e6],
    ],
    [expect.stringContaining('limit="requests"'), [end, 0]],
  ]);
});

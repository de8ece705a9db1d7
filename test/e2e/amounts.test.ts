/**
 * Holds the amounts on the boards against what was counted: five weeks of a small organization in a real Prometheus, at every
 * zoom, through two hours of downtime, new models, a renamed project, replicas that come and go and a month's end.
 */
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backfill, type PastSeries } from '../helpers/backfill.ts';
import { dashboards, fillIn, queriesOf } from '../helpers/dashboards.ts';
import { startPrometheus } from '../helpers/prometheus.ts';
import { recordPast } from '../helpers/recorded-past.ts';
import { seconds } from '../helpers/rows.ts';
import { rules } from '../helpers/rules.ts';
import { prometheusTools } from '../helpers/tools.ts';

const minute = 60;
const hour = 3_600;
const day = 86_400;
const begin = seconds('2026-05-10T00:00Z');
const end = seconds('2026-06-10T12:00Z');
const june = seconds('2026-06-01T00:00Z');
/** A minute is counted when it has settled and been read. */
const late = 16 * minute;
/** The old month's totals stay until then, then 0 is shown for the zero-hold. */
const rollover = june + 30 * minute;
const zeroHold = 2 * minute;

interface Group {
  readonly api: string;
  readonly project: string;
  readonly key: string;
  readonly model: string;
  readonly perMinute: number;
  readonly from?: number;
  readonly to?: number;
}

const groups: readonly Group[] = [
  { api: 'completions', project: 'proj_a', key: 'key_1', model: 'large', perMinute: 4_000 },
  { api: 'completions', project: 'proj_a', key: 'key_2', model: 'small', perMinute: 900 },
  { api: 'completions', project: 'proj_b', key: 'key_3', model: 'large', perMinute: 2_500 },
  { api: 'embeddings', project: 'proj_b', key: 'key_3', model: 'vectors', perMinute: 300 },
  // Without usage in June.
  { api: 'completions', project: 'proj_b', key: 'key_4', model: 'old', perMinute: 700, to: june - 3 * day },
  // In the last week, and in the last hour.
  { api: 'completions', project: 'proj_b', key: 'key_3', model: 'new', perMinute: 1_500, from: end - 5 * day },
  { api: 'completions', project: 'proj_a', key: 'key_1', model: 'newest', perMinute: 2_000, from: end - hour },
];

/** Tokens of a group in a minute: more by day than by night, and never quite the same. */
function used({ perMinute, from = begin, to = end }: Group, at: number): number {
  if (at < from || at >= to) return 0;
  const wave = 1 + 0.3 * Math.sin((2 * Math.PI * at) / day) + 0.05 * Math.sin(at / 97);
  return Math.round(perMinute * wave);
}

const minutes = (end - begin) / minute;
const cumulative = new Map(
  groups.map((group) => {
    const sums = new Float64Array(minutes + 1);
    for (let i = 0; i < minutes; i++) sums[i + 1] = (sums[i] ?? 0) + used(group, begin + i * minute);
    return [group, sums];
  }),
);

/** All that was used by a group and had settled at an instant. */
function settled(group: Group, at: number): number {
  const index = Math.floor((at - late - begin) / minute);
  return cumulative.get(group)?.[Math.max(0, Math.min(minutes, index))] ?? 0;
}

/** The counter of a group as the exporter shows it; undefined while there is none. */
function shown(group: Group, at: number): number | undefined {
  const { from = begin, to = end } = group;
  const first = from + minute + late;
  if (at < first - zeroHold) return undefined;
  if (at < first) return 0;
  if (at < rollover) return settled(group, Math.min(at, june + late));
  if (at < rollover + zeroHold) return 0;
  if (to <= june) return at < rollover + hour ? 0 : undefined;
  return settled(group, at) - settled(group, june + late);
}

/** Exporters by instance: replicas, of which one is replaced; both are away for two hours in the last night. */
const instances: Readonly<Record<string, (at: number) => boolean>> = {
  a: () => true,
  b: (at) => at < june + 2 * day,
  c: (at) => at >= june + 3 * day,
};
const away = (at: number) => at >= end - 10 * hour && at < end - 8 * hour;
const renamed = end - 2 * day;
const projectNames: Readonly<Record<string, string>> = { proj_a: 'Search', proj_b: 'Documents' };
const keyNames: Readonly<Record<string, string>> = { key_4: 'Key of May' };

function past(): readonly PastSeries[] {
  const all: PastSeries[] = [];
  for (const [instance, runs] of Object.entries(instances)) {
    const there = (at: number) => runs(at) && !away(at);
    const target = { job: 'openai', namespace: 'ai', instance };
    const info = (name: string, labels: Readonly<Record<string, string>>, when = (_: number) => true) =>
      all.push({ name, labels: { ...target, ...labels }, at: (at) => (there(at) && when(at) ? 1 : undefined) });
    for (const group of groups) {
      const labels = { project_id: group.project, api_key_id: group.key, user_id: 'user', model: group.model };
      all.push({
        name: `openai_${group.api}_input_tokens_total`,
        labels: { ...target, ...labels },
        at: (at) => (there(at) ? shown(group, at) : undefined),
      });
    }
    info('openai_exporter_build_info', { version: '1' });
    info('openai_project_info', { project_id: 'proj_a', project_name: 'Search "old"' }, (at) => at < renamed);
    info('openai_project_info', { project_id: 'proj_a', project_name: 'Search' }, (at) => at >= renamed);
    info('openai_project_info', { project_id: 'proj_b', project_name: 'Documents' });
    for (const key of ['key_1', 'key_2', 'key_3', 'key_4']) {
      info('openai_api_key_info', { api_key_id: key, api_key_name: keyNames[key] ?? key });
    }
  }
  return all;
}

/** The rules that the amounts are made of. */
const wanted = rules.filter(
  ({ record = '', labels }) =>
    record === 'job:openai_scraped:info' ||
    /^job_[a-z_]+:openai_tokens_total:sum$/.test(record) ||
    /^job_(?:project|key):openai_\w+_name:(?:last_seen|info)$/.test(record) ||
    (record.endsWith('_tokens_total:max') &&
      groups.some(({ api }) => api === labels?.['api']) &&
      labels?.['direction'] === 'input'),
);

const directory = mkdtempSync(join(tmpdir(), 'amounts-'));
const data = join(directory, 'data');
const [installed, ...others] = prometheusTools();
const missing = installed?.prometheus === undefined || installed.promtool === undefined;

beforeAll(async () => {
  const { prometheus: path = '', promtool = '' } = installed ?? {};
  if (missing) return;
  mkdirSync(data);
  backfill(
    promtool,
    data,
    past(),
    Array.from({ length: minutes + 1 }, (_, index) => begin + index * minute),
  );
  const runs = [{ rules: wanted, from: begin, to: end, step: minute }];
  await recordPast({ prometheus: path, promtool, data, runs });
}, 600_000);

afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Tokens counted in a range until an instant, by something about their group. */
function truth(until: number, range: number, by: (group: Group) => string): Readonly<Record<string, number>> {
  const sums: Record<string, number> = {};
  for (const group of groups) {
    const rise = settled(group, until) - settled(group, until - range);
    if (rise > 0) sums[by(group)] = (sums[by(group)] ?? 0) + rise;
  }
  return sums;
}

const projectOf = ({ project }: Group) => projectNames[project] ?? project;
const keyOf = (group: Group) => `${keyNames[group.key] ?? group.key} (${projectOf(group)})`;

/** Every panel that shows an amount of the time shown, with what it is shown by; what applications report is not in this past. */
const amounts: Readonly<Record<string, (group: Group) => string>> = {
  'Top projects by tokens': projectOf,
  'Top models by tokens': ({ model }) => model,
  'Top keys by tokens': keyOf,
};

const panels = dashboards
  .flatMap(queriesOf)
  .filter(({ target: { expr } }) => expr.includes('[$__range])') && !/max_over_time|openai_live_/.test(expr));

test('every amount of the time shown is held against the truth', () => {
  expect(panels.map(({ panel }) => panel.title).sort()).toEqual(Object.keys(amounts).sort());
});

/** The series' name, as the template of the panel gives it. */
function legendOf(template: string, labels: Readonly<Record<string, string>>): string {
  return template.replaceAll(/\{\{(\w+)\}\}/g, (_, label: string) => labels[label] ?? '');
}

describe.each([installed, ...others].flatMap((each) => each ?? []))('Prometheus $version', ({ prometheus: path }) => {
  test.skipIf(missing || path === undefined)(
    'each amount is what was counted, at every zoom',
    async ({ onTestFinished }) => {
      const prometheus = await startPrometheus({
        path: path ?? '',
        scrapeInterval: '1m',
        jobs: {},
        past: (to) => cpSync(data, to, { recursive: true }),
      });
      onTestFinished(prometheus.stop);
      // The newest recorded sample: rules are evaluated at a second of the minute that follows from the name of the file.
      const [newest] = await prometheus.vector('max(timestamp(job_model:openai_tokens_total:sum))', end);
      const now = newest?.value ?? 0;
      expect(now).toBeGreaterThan(end - 2 * minute);
      const variables = { job: '.+', namespace: '.*', organization: '.*' };
      for (const range of [hour, day, 7 * day, 30 * day]) {
        for (const { panel, target } of panels) {
          const query = fillIn(target.expr, variables, { range, step: 60 });
          const found = Object.fromEntries(
            (await prometheus.vector(query, now)).map(({ labels, value }) => [
              legendOf(target.legendFormat ?? '', labels),
              value,
            ]),
          );
          const expected = truth(now, range, amounts[panel.title] ?? projectOf);
          expect([panel.title, range, Object.keys(found).sort()]).toEqual([
            panel.title,
            range,
            Object.keys(expected).sort(),
          ]);
          for (const [name, value] of Object.entries(expected)) {
            const ratio = (found[name] ?? 0) / value;
            expect([panel.title, range, name, Math.abs(ratio - 1) < 0.01 ? 'right' : ratio]).toEqual([
              panel.title,
              range,
              name,
              'right',
            ]);
          }
        }
      }
    },
  );
});

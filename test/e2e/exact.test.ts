/**
 * The promise of the counters, kept before a real Prometheus: it scrapes two real processes while usage comes late
 * and is restated, polls fail and the processes are restarted; afterwards the rises between its raw samples are
 * what the API recorded, to the unit. The processes run many times as fast as the wall, Prometheus runs as it is.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { folderInMemory } from '../helpers/folder-in-memory.ts';
import { reply } from '../helpers/http-server.ts';
import type { Exporter } from '../helpers/process.ts';
import { type Matrix, startPrometheus } from '../helpers/prometheus.ts';
import { type Row, refuse, type ScriptedApi, secondsIn, type Width } from '../helpers/scripted-api.ts';
import { shiftedClock, type TestClock } from '../helpers/test-clock.ts';
import { findTool } from '../helpers/tools.ts';
import { exporterOf, scriptedApi } from './exporter.ts';

const prometheusPath = findTool('prometheus', 'prometheus');

const speed = 240;
const minute = 60;
/** All in seconds of UTC. */
const begin = Date.parse('2026-05-15T11:40:00Z') / 1_000;
/** Usage from here to `end` is the truth that is measured; nothing is used in the hour before, or after. */
const from = begin + 40 * minute;
/** The first hour has settled by then, and stands in for its minutes. */
const stop = from + 65 * minute;
const restart = stop + 25 * minute;
const end = from + 120 * minute;

interface Usage {
  readonly api: string;
  readonly group: string;
  /** Tokens in the minute, when all has arrived. */
  readonly tokens: (at: number) => number;
  /** Holds what is added to a minute, possibly below 0, long after it has settled. */
  readonly restated?: { readonly at: number; readonly by: number; readonly since: number };
}

const within = (at: number, first: number, last: number) => at >= first && at < last;
/** Some number of the minute, always the same. */
const some = (at: number, most: number) => 1 + (((at / minute) * 7_919) % most);

/** Completions have what holds with and without a state file; embeddings what only a state file can save. */
const usages: readonly Usage[] = [
  {
    api: 'completions',
    group: 'known before',
    tokens: (at) => (within(at, begin - 3 * 86_400, from - 3_600) ? 3 : within(at, from, end) ? some(at, 97) : 0),
    restated: { at: from + 5 * minute, by: 5_000, since: from + 50 * minute },
  },
  { api: 'completions', group: 'new', tokens: (at) => (within(at, from + 10 * minute, end) ? some(at, 31) : 0) },
  { api: 'completions', group: 'once', tokens: (at) => (at === from + 30 * minute ? 1_000_000 : 0) },
  {
    api: 'completions',
    group: 'in the fault',
    tokens: (at) => (within(at, from + 14 * minute, from + 24 * minute) ? 11 : 0),
  },
  { api: 'completions', group: 'after the restart', tokens: (at) => (within(at, restart + minute, end) ? 13 : 0) },
  {
    api: 'embeddings',
    group: 'restated downwards',
    tokens: (at) => (at === from + 6 * minute ? 10_000 : within(at, from, end) ? 100 : 0),
    // More than comes in while the processes are down, and less than comes in until the end.
    restated: { at: from + 6 * minute, by: -4_500, since: stop },
  },
  { api: 'embeddings', group: 'born while it was down', tokens: (at) => (within(at, stop + minute, end) ? 17 : 0) },
];

/** Returns what the API knows at `now`, in seconds: a minute comes in two parts, the second before it settles. */
function known({ tokens, restated }: Usage, at: number, now: number): number {
  const whole = tokens(at);
  const age = now - (at + minute);
  const arrived = age < minute ? 0 : age < 10 * minute ? Math.floor(whole / 2) : whole;
  return arrived + (restated !== undefined && at === restated.at && now >= restated.since ? restated.by : 0);
}

const settled = new Map<string, number>();

/** The sum over [first, last). What is older than a day does not change, and is remembered. */
function sum(usage: Usage, first: number, last: number, now: number): number {
  const key = last < begin - 86_400 ? `${usage.group} ${first} ${last}` : undefined;
  const remembered = key === undefined ? undefined : settled.get(key);
  if (remembered !== undefined) return remembered;
  let total = 0;
  for (let at = first; at < last && at < now; at += minute) total += known(usage, at, now);
  if (key !== undefined) settled.set(key, total);
  return total;
}

const never = Number.POSITIVE_INFINITY;
const truth = (usage: Usage) => sum(usage, from, end, never);
const before = (usage: Usage) => sum(usage, begin - 14 * 86_400, from, never);

function rows(api: string, width: Width, start: number, now: number): readonly Row[] {
  return usages.flatMap((usage) => {
    if (usage.api !== api) return [];
    const input_tokens = sum(usage, start, start + secondsIn[width], now / 1_000);
    const row = { input_tokens, output_tokens: 0, num_model_requests: 2 * input_tokens, project_id: usage.group };
    return input_tokens === 0 ? [] : [row];
  });
}

/** Changes how the API behaves, at instants of the simulated time. */
async function faults(api: ScriptedApi, clock: TestClock): Promise<void> {
  const at = (second: number) => clock.sleep(Math.max(0, second * 1_000 - clock.now()));
  await at(from + 14 * minute);
  api.faults.set('*', (response) => refuse(response, 503, 'later'));
  await at(from + 24 * minute);
  api.faults.set('*', (response) => refuse(response, 401, 'no'));
  await at(from + 32 * minute);
  api.faults.set('*', (response) => reply(response, 200, '<html>'));
  await at(from + 38 * minute);
  api.faults.set('*', () => {});
  await at(from + 42 * minute);
  api.faults.clear();
}

/** Counts as Prometheus does: a fall is a reset, after which the whole value is a rise. */
function rises({ samples }: Matrix): number {
  let total = 0;
  for (const [index, [, value]] of samples.entries()) {
    const earlier = samples[index - 1]?.[1];
    if (earlier !== undefined) total += value < earlier ? value : value - earlier;
  }
  return total;
}

describe.skipIf(prometheusPath === undefined)('through late data, restatements, faults and a restart', () => {
  test('the rises that Prometheus has are what the API recorded', { timeout: 120_000 }, async ({ onTestFinished }) => {
    const begun = performance.now();
    const directory = folderInMemory('exact-');
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    const clock = shiftedClock(begin * 1_000, speed);
    const api = await scriptedApi({ rows, clock });
    const args = [
      '--poll.apis=completions,embeddings',
      '--poll.group-by=project_id',
      '--poll.interval=2m',
      '--poll.idle-interval=2m',
      // Five seconds of the wall: ten scrapes.
      '--counters.zero-hold=20m',
      '--openai.timeout=5m',
    ];
    const start = async (port: number, more: readonly string[]) => await exporterOf(api, [...args, ...more], { port });
    const remembering = [`--state.file=${join(directory, 'state')}`];
    let exporters = await Promise.all([start(0, remembering), start(0, [])]);
    const [one, other] = exporters.map(({ port }) => port);
    if (one === undefined || other === undefined) throw new Error('no ports');
    const prometheus = await startPrometheus({
      path: prometheusPath ?? '',
      scrapeInterval: '500ms',
      jobs: { remembering: [`127.0.0.1:${one}`], forgetting: [`127.0.0.1:${other}`] },
    });
    onTestFinished(prometheus.stop);
    // The history must have been seen before the span begins.
    await vi.waitFor(
      async () => expect(await prometheus.vector('openai_completions_input_tokens_total')).toHaveLength(2),
      { timeout: (from - begin) * (1_000 / speed), interval: 100 },
    );
    expect(clock.now() / 1_000).toBeLessThan(from);

    await faults(api, clock);
    await clock.sleep(stop * 1_000 - clock.now());
    // What failed until then is in the first process's counts.
    for (const exporter of exporters) await expectFailures(exporter);
    await Promise.all(exporters.map((exporter) => exporter.stop()));
    await clock.sleep(restart * 1_000 - clock.now());
    exporters = await Promise.all([start(one, remembering), start(other, [])]);

    await clock.sleep(end * 1_000 - clock.now());
    const total = (page: Awaited<ReturnType<Exporter['metrics']>>, { api, group }: Usage) =>
      page.value(`openai_${api}_input_tokens_total`, { project_id: group });
    for (const exporter of exporters) {
      await vi.waitFor(
        async () => {
          const page = await exporter.metrics();
          for (const usage of usages) {
            const all = before(usage) + truth(usage);
            expect([usage.group, total(page, usage)]).toEqual([usage.group, all]);
          }
        },
        { timeout: 40_000, interval: 250 },
      );
    }
    // Two scrapes later Prometheus has it, too.
    await new Promise((resolve) => setTimeout(resolve, 1_500));

    const now = Date.now() / 1_000;
    const range = `${Math.ceil((performance.now() - begun) / 1_000) + 1}s`;
    const lines: string[] = [];
    for (const job of ['remembering', 'forgetting']) {
      for (const usage of usages) {
        for (const [field, factor] of [
          ['input_tokens', 1],
          ['num_model_requests', 2],
        ] as const) {
          const selector = `openai_${usage.api}_${field}_total{job="${job}", project_id="${usage.group}"}[${range}]`;
          const [series, ...more] = await prometheus.matrix(selector, now);
          if (series === undefined || more.length > 0) throw new Error(`${more.length} series of ${selector}`);
          const risen = rises(series);
          const recorded = factor * truth(usage);
          lines.push(`${job}, ${usage.api} ${field}, ${usage.group}: recorded ${recorded}, risen ${risen}`);
          if (job === 'forgetting' && usage.api === 'embeddings') {
            // Promised with a state file alone: a fall counts as a reset, and what is there at the start as no rise.
            expect([usage.group, Math.sign(risen - recorded)]).toEqual([usage.group, usage.restated ? 1 : -1]);
            continue;
          }
          expect(lines.at(-1)).toBe(
            `${job}, ${usage.api} ${field}, ${usage.group}: recorded ${recorded}, risen ${recorded}`,
          );
          expect(series.samples[0]?.[1]).toBe(factor * before(usage));

          // increase() prolongs the rise to the edges of its window: by 1.1 of a scrape interval at either end at most.
          const [increase] = await prometheus.vector(`increase(${selector})`, now);
          const sampled = (series.samples.at(-1)?.[0] ?? 0) - (series.samples[0]?.[0] ?? 0);
          const interval = sampled / (series.samples.length - 1);
          expect(increase?.value).toBeGreaterThanOrEqual(recorded * (1 - 1e-9));
          expect(increase?.value).toBeLessThanOrEqual(recorded * (1 + (2.2 * interval) / sampled) * (1 + 1e-9));
        }
      }
    }
    process.stderr.write(`${lines.join('\n')}\n`);
  });
});

/** The way in which polls failed is a question of the moment; that some did in every one, the API has seen to. */
async function expectFailures(exporter: Exporter): Promise<void> {
  const page = await exporter.metrics();
  const failed = page.families.get('openai_exporter_poll_failures_total')?.samples ?? [];
  for (const api of ['completions', 'embeddings']) {
    const reasons = failed.filter(({ labels, value }) => labels['api'] === api && value > 0);
    expect(reasons.map(({ labels }) => labels['reason'])).toEqual(expect.arrayContaining(['auth', 'malformed']));
  }
}

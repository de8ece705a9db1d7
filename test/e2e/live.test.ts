/**
 * Live usage from end to end: what the demonstration reports to itself, less what OpenAI says it used, is in a real
 * Prometheus exactly what went past its gateway. And the program takes reports while it is scraped, token and all.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test, vi } from 'vitest';
import { demoOrganization } from '../../src/simulation/demo-organization.ts';
import { demoBypass } from '../../src/simulation/gateway.ts';
import { startExporter } from '../helpers/process.ts';
import { startPrometheus } from '../helpers/prometheus.ts';
import { shiftedClock } from '../helpers/test-clock.ts';
import { findTool } from '../helpers/tools.ts';
import { exporterOf, scriptedApi } from './exporter.ts';

const path = findTool('prometheus', 'prometheus');

describe.skipIf(path === undefined)('Prometheus', () => {
  test('knows what nobody reported, by project', async ({ onTestFinished }) => {
    const clock = shiftedClock(Date.parse('2026-05-15T12:30:02Z'));
    const organization = demoOrganization(clock.now());
    const demo = await startExporter(['demo'], { clock });
    onTestFinished(async () => {
      await demo.stop('SIGKILL');
    });
    const jobs = { openai: [`127.0.0.1:${demo.port}`] };
    const prometheus = await startPrometheus({ path: path ?? '', scrapeInterval: '500ms', jobs });
    onTestFinished(prometheus.stop);

    const span = { from: Date.parse('2026-05-15T11:00:00Z') / 1_000, to: Date.parse('2026-05-15T12:00:00Z') / 1_000 };
    const byProject = (options: { readonly at?: number; readonly restated?: boolean }) =>
      new Map(
        organization.truth
          .usage('completions', span, { ...options, groupBy: ['project_id'] })
          .map(({ labels: [project], fields }) => [String(project ?? 'none'), fields.get('input_tokens') ?? 0]),
      );
    const shown = byProject({ at: clock.now() });
    const reported = byProject({ restated: false });
    const unreported = [...shown].map(([project, used]) => {
      return [project, used - (demoBypass.includes(project) ? 0 : (reported.get(project) ?? 0))];
    });
    expect(Object.fromEntries(unreported)[demoBypass[0] ?? '']).toBeGreaterThan(0);

    const settled = '{bucket_width="1h", state="settled"}';
    const used = `sum by (project_id) (openai_usage_completions_input_tokens${settled})`;
    const live = `sum by (project_id) (openai_live_completions_input_tokens${settled})`;
    await vi.waitFor(
      async () => {
        const vector = await prometheus.vector(`${used} - (${live} or 0 * ${used})`);
        expect(Object.fromEntries(vector.map(({ labels, value }) => [labels['project_id'], value]))).toEqual(
          Object.fromEntries(unreported),
        );
      },
      { timeout: 40_000, interval: 500 },
    );
  });
});

test('the program takes reports of whoever has the token, and shows them beside the numbers of OpenAI', async ({
  onTestFinished,
}) => {
  const folder = mkdtempSync(join(tmpdir(), 'live-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'token');
  writeFileSync(file, 'a-token-of-some-length\n');
  const exporter = await exporterOf(await scriptedApi(), [
    '--live',
    `--live.token-file=${file}`,
    '--live.labels=team',
    '--counters.zero-hold=1s',
  ]);
  const report = (token: string) =>
    fetch(`http://127.0.0.1:${exporter.port}/api/live?team=search`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        id: 'chatcmpl-1',
        object: 'chat.completion',
        model: 'gpt-5',
        usage: { prompt_tokens: 7 },
      }),
    });
  expect((await report('another-token-of-some-length')).status).toBe(401);
  expect(await (await report('a-token-of-some-length')).json()).toMatchObject({ counted: 1 });
  expect(await (await report('a-token-of-some-length')).json()).toMatchObject({ duplicates: 1 });
  const labels = { project_id: 'none', user_id: 'none', api_key_id: 'none', service_tier: 'none', batch: 'none' };
  await vi.waitFor(
    async () => {
      const page = await exporter.metrics();
      const series = { ...labels, model: 'gpt-5', team: 'search' };
      expect(page.value('openai_live_completions_input_tokens_total', series)).toBe(7);
    },
    { timeout: 20_000, interval: 250 },
  );
});

test('no prompt and no token is ever logged, whatever becomes of a report', async () => {
  const exporter = await exporterOf(await scriptedApi(), ['--live', '--log.level=debug']);
  const post = async (
    path: string,
    body: string | Uint8Array<ArrayBuffer>,
    headers: Readonly<Record<string, string>> = {},
  ) => {
    const type = { 'content-type': 'application/json' };
    const url = `http://127.0.0.1:${exporter.port}${path}`;
    const { status } = await fetch(url, { method: 'POST', headers: { ...type, ...headers }, body });
    return status;
  };
  const messages = [{ role: 'user', content: 'CANARY' }];
  const record = (tokens: number) => ({ id: 'CANARY', messages, model: 'gpt-5', usage: { prompt_tokens: tokens } });
  const labelled = { labels: { CANARY: 'CANARY' }, record: record(1) };
  const routes = [
    [200, await post('/api/live', JSON.stringify([record(1), record(-1), labelled, 'CANARY']))],
    [400, await post('/api/live', '{"messages": "CANARY')],
    [400, await post('/api/live?api=CANARY', JSON.stringify(record(1)))],
    [400, await post('/api/live', 'CANARY', { 'content-encoding': 'gzip' })],
    [415, await post('/api/live', 'CANARY', { 'content-type': 'text/CANARY' })],
    [413, await post('/api/live', gzipSync('CANARY'.repeat(1_500_000)), { 'content-encoding': 'gzip' })],
    [400, await post('/api/live/otlp/v1/metrics', '{"resourceMetrics": "CANARY')],
    [400, await post('/api/live/otlp/v1/metrics', 'CANARY', { 'content-type': 'application/x-protobuf' })],
    [404, await post('/api/live/CANARY', 'CANARY', { authorization: 'Bearer CANARY' })],
  ];
  expect(routes.map(([, status]) => status)).toEqual(routes.map(([expected]) => expected));
  const counted = async () => {
    const page = await exporter.page();
    return page.includes('openai_live_completions_input_tokens_total{') ? page : undefined;
  };
  const page = await vi.waitFor(async () => (await counted()) ?? Promise.reject(new Error('not counted yet')), 20_000);
  const status = await (await exporter.get('/')).text();
  const { out, err } = await exporter.stop();
  expect(err).toMatch(/live/);
  expect([out, err, page, status].filter((text) => text.includes('CANARY'))).toEqual([]);
});

test.runIf(process.platform === 'linux')('the thread of live usage, alone, lets others go first', async () => {
  const exporter = await exporterOf(await scriptedApi(), ['--live']);
  const tasks = `/proc/${exporter.pid}/task`;
  const priorities = () =>
    readdirSync(tasks).map((task) => {
      // Behind the name, which is in parentheses; the first field there is the third of all.
      const [, fields = ''] = /\) (.*)/.exec(readFileSync(`${tasks}/${task}/stat`, 'utf8')) ?? [];
      return { isMain: Number(task) === exporter.pid, nice: Number(fields.split(' ')[16]) };
    });
  await vi.waitFor(() => expect(priorities().map(({ nice }) => nice)).toContain(10), { timeout: 20_000 });
  await vi.waitFor(async () => expect((await exporter.get('/-/ready')).status).toBe(200), { timeout: 20_000 });
  expect(priorities().filter(({ nice }) => nice !== 0)).toEqual([{ isMain: false, nice: 10 }]);
});

/** A machine that gives the program no time, or little memory: it goes on as soon as it can. */
import { readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import type { Exposition } from '../helpers/exposition-parser.ts';
import { reply } from '../helpers/http-server.ts';
import type { Exporter } from '../helpers/process.ts';
import { testKey } from '../helpers/scripted-api.ts';
import { apiNames } from './apis.ts';
import { exporterOf, scriptedApi } from './exporter.ts';

const rows = (name: string) =>
  name === 'costs'
    ? [{ amount: { value: '1.25', currency: 'usd' }, project_id: 'p' }]
    : [{ project_id: 'p', input_tokens: 7, num_model_requests: 1 }];
const everySecond = ['--poll.interval=1s', '--poll.idle-interval=1s'];
const total = 'openai_embeddings_input_tokens_total';
const labels = { project_id: 'p', user_id: 'none', api_key_id: 'none', model: 'none' };

async function until(exporter: Exporter, check: (page: Exposition) => void, timeout = 40_000): Promise<Exposition> {
  return await vi.waitFor(
    async () => {
      const page = await exporter.metrics();
      check(page);
      return page;
    },
    { timeout, interval: 200 },
  );
}

const polls = (page: Exposition) => page.value('openai_exporter_polls_total', { api: 'embeddings' }) ?? 0;

test('an event loop that stood still for six seconds goes on, and loses nothing', async () => {
  const api = await scriptedApi({ rows });
  const exporter = await exporterOf(api, ['--poll.apis=embeddings,costs', ...everySecond]);
  const before = await until(exporter, (page) => expect(page.value(total, labels)).toBeGreaterThan(0));
  process.kill(exporter.pid, 'SIGSTOP');
  const scraped = exporter.metrics();
  await wait(6_000);
  process.kill(exporter.pid, 'SIGCONT');
  // The scrape that came meanwhile is answered, too.
  expect((await scraped).value(total, labels)).toBeGreaterThanOrEqual(before.value(total, labels) ?? Number.NaN);
  const then = await exporter.metrics();
  const after = await until(exporter, (page) => expect(polls(page)).toBeGreaterThan(polls(then) + 2));
  expect(after.value(total, labels)).toBeGreaterThanOrEqual(then.value(total, labels) ?? Number.NaN);
  expect(after.value('openai_up', { api: 'embeddings' })).toBe(1);
  expect(after.value('openai_exporter_poll_failures_total', { api: 'embeddings', reason: 'malformed' })).toBe(0);
  expect(exporter.err()).not.toMatch(/"level":"error"/);
  expect((await exporter.stop()).code).toBe(0);
});

test('with little memory, bodies of 60 MiB and ten thousands of groups do not end it', async () => {
  const manyGroups = Array.from({ length: 8_000 }, (_, index) => ({ project_id: `p${index}`, input_tokens: 1 }));
  const api = await scriptedApi({
    // Others in each minute, so that all that is bounded reaches its bound.
    rows: (name, width, start) =>
      name === 'moderations' && width === '1m'
        ? manyGroups
            .slice(0, 500)
            .map((row) => ({ ...row, num_model_requests: 1, project_id: `${start} ${row.project_id}` }))
        : rows(name),
  });
  const padding = ' '.repeat(65 * 1_024 * 1_024);
  /** The honest answer, with so many rows of 120 KiB in its first bucket: as long as a row may be. */
  const withWideRows = (name: string, honest: object, wide: number) => {
    const row = `{${' '.repeat(120 * 1_024)}${JSON.stringify(rows(name)[0]).slice(1)},`;
    return JSON.stringify(honest).replace('"results":[', `"results":[${row.repeat(wide)}`);
  };
  const exporter = await exporterOf(api, [...everySecond, '--series.max-groups=2000'], {
    env: { OPENAI_ADMIN_KEY: testKey, NODE_OPTIONS: '--max-old-space-size=96' },
  });
  await until(exporter, (page) => expect(page.value(total, labels)).toBeGreaterThan(0));
  for (const name of ['images', 'costs']) {
    api.faults.set(name, (response, _request, honest) => reply(response, 200, withWideRows(name, honest, 510)));
  }
  for (const name of ['vector_stores', 'completions']) {
    api.faults.set(name, (response, _request, honest) => reply(response, 200, `${padding}${JSON.stringify(honest)}`));
  }
  await until(
    exporter,
    (page) => {
      for (const name of ['vector_stores', 'completions']) {
        const failures = page.value('openai_exporter_poll_failures_total', { api: name, reason: 'too_large' });
        expect([name, (failures ?? 0) >= 2]).toEqual([name, true]);
      }
      expect(page.value('openai_exporter_folded_rows_total', { api: 'moderations' })).toBeGreaterThan(0);
      // A busy machine needs long for so many bytes.
    },
    150_000,
  );
  const [, peak = ''] = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${exporter.pid}/status`, 'utf8')) ?? [];
  expect(Number(peak) / 1_024).toBeLessThan(640);
  api.faults.clear();
  await until(exporter, (page) => {
    expect(apiNames.filter((name) => page.value('openai_up', { api: name }) !== 1)).toEqual([]);
  });
  expect((await exporter.stop()).code).toBe(0);
}, 240_000);

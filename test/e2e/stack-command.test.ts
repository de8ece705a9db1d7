/**
 * `npm run stack`, as people run it: addresses, live data in Prometheus, a month of history, alerts, and nothing left
 * behind; and what the compose file has prepared for the same.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test, vi } from 'vitest';
import { findTool } from '../helpers/tools.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const installed =
  findTool('prometheus', 'prometheus') !== undefined &&
  findTool('prometheus-alertmanager', 'prometheus-alertmanager') !== undefined;

interface Result {
  readonly data: { readonly result: readonly { readonly value: readonly [number, string] }[] };
}

function start(temporary: string): { readonly child: ChildProcess; readonly out: () => string } {
  // A process group of its own, as a terminal would give it.
  const child = spawn('npm', ['run', '--silent', 'stack'], {
    cwd: root,
    env: { ...process.env, TMPDIR: temporary },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let out = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      out += text;
    });
  }
  onTestFinished(() => {
    if (child.exitCode === null && child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  });
  return { child, out: () => out };
}

/** Runs what the compose file runs before Prometheus starts. The past is there from an earlier time. */
function expectPrepared(target: string): void {
  const folder = mkdtempSync(join(tmpdir(), 'prepared-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'past.om'), '');
  execFileSync(process.execPath, ['.build/deploy/stack/prepare-compose.js', folder, target], { cwd: root });
  const checked = execFileSync('promtool', ['check', 'config', 'prometheus.yml'], { cwd: folder, encoding: 'utf8' });
  expect(checked).toContain('2 rule files found');
  expect(readFileSync(join(folder, 'rules/openai-alerts.yml'), 'utf8')).toContain('for: 30s');
  expect(readFileSync(join(folder, 'past.om'), 'utf8')).toBe('');
}

test.skipIf(!installed)(
  'it prints addresses, has live data, and leaves nothing behind',
  async () => {
    const temporary = mkdtempSync(join(tmpdir(), 'stack-command-'));
    onTestFinished(() => rmSync(temporary, { recursive: true, force: true }));
    const { child, out } = start(temporary);
    // Not `exit`: npm may be gone before what it started.
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    const address = async (name: string) =>
      await vi.waitFor(
        () => {
          const [, url] = new RegExp(`^${name} +(http://127\\.0\\.0\\.1:\\d+)/`, 'm').exec(out()) ?? [];
          if (url === undefined) throw new Error(`no address of ${name}: ${out()}`);
          return url;
        },
        // The history takes half a minute, and more on a busy machine.
        { timeout: 240_000, interval: 200 },
      );

    const [exporter, prometheus, alertmanager] = [
      await address('exporter'),
      await address('Prometheus'),
      await address('Alertmanager'),
    ];
    const ready = Date.now();
    const value = async (query: string) => {
      const answer = await fetch(`${prometheus}/api/v1/query?${new URLSearchParams({ query })}`);
      const { data }: Result = JSON.parse(await answer.text());
      return Number(data.result[0]?.value[1] ?? Number.NaN);
    };
    await vi.waitFor(
      async () => {
        expect(await value('count(up == 1)')).toBe(2);
        expect(await value('openai_exporter_series')).toBeGreaterThan(100);
        expect(await value('min(openai_up)')).toBe(1);
        expect(await value('count(job_api:openai_up:max)')).toBeGreaterThanOrEqual(11);
      },
      { timeout: 60_000, interval: 500 },
    );
    // A month of history is there at once: as the API's counters by the hour, and as the rules would have recorded it.
    for (const [metric, step] of [
      ['openai_completions_input_tokens_total', '3h'],
      ['job_project:openai_tokens_total:sum', '1h'],
      ['job_project:openai_costs_month_to_date_amount:sum', '1h'],
    ]) {
      for (const days of [1, 7, 14, 28]) {
        expect([metric, days, await value(`count(last_over_time(${metric}[${step}] offset ${days}d))`)]).toEqual([
          metric,
          days,
          expect.toSatisfy((count: number) => count >= 4),
        ]);
      }
    }
    // On any day of the month a project has spent its budget, or will have.
    await vi.waitFor(
      async () =>
        expect(
          await value(
            'count(ALERTS{alertname=~"OpenAI(Forecast.+|BudgetExceeded)", project_id="proj_search", alertstate="firing"})',
          ),
        ).toBeGreaterThan(0),
      { timeout: 120_000 - (Date.now() - ready), interval: 1_000 },
    );
    // What is counted goes on where the history ends: no fall that Prometheus would take for a reset.
    expect(await value('sum(resets(job_project:openai_tokens_total:sum[10m]))')).toBe(0);
    const found: { data: { activeAlertmanagers: unknown[] } } = JSON.parse(
      await (await fetch(`${prometheus}/api/v1/alertmanagers`)).text(),
    );
    expect(found.data.activeAlertmanagers).toEqual([{ url: `${alertmanager}/api/v2/alerts` }]);
    expect((await fetch(`${exporter}/-/ready`)).status).toBe(200);
    expectPrepared(exporter.replace('http://', ''));

    if (child.pid === undefined) throw new Error('not started');
    process.kill(-child.pid, 'SIGINT');
    await ended;
    expect(out()).toContain('SIGINT received: stopping');
    for (const url of [exporter, prometheus, alertmanager]) await expect(fetch(url)).rejects.toThrow();
    expect(readdirSync(temporary)).toEqual([]);
  },
  400_000,
);

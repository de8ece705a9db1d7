/**
 * Several organizations in one process: how long until all have their pages, what each costs, whether a scrape of
 * one waits for the polls of others, and whether the reload of one delays the others. Beside it, one process for each.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import type { OrganizationsStatus } from '../src/status.ts';
import { organizationsPage } from '../src/web/organizations-page.ts';
import type { Reading, Served } from './messages.ts';
import { type Exporter, startExporter, startHelper, startOrganization } from './processes.ts';
import { createScraper, median, quantile } from './scrape.ts';
import { megabytes, ms } from './table.ts';

const minute = 60_000;

/** @param count organizations of the demonstration's size */
export async function measureOrganizations(count: number): Promise<string> {
  const api = await startOrganization<Served>({ groups: 0, fields: 'ten', historyDays: 62, demo: true });
  const folder = mkdtempSync(join(tmpdir(), 'openai-usage-exporter-bench-'));
  const file = join(folder, 'organizations.yml');
  const lines: string[] = [];
  try {
    writeFileSync(file, fileOf(count));
    const flags = ['--openai.max-requests-per-minute=600', `--state.file=${join(folder, 'state')}`];
    const many = await startSeveral([`--openai.base-url=${api.url}`, `--organizations.file=${file}`, ...flags]);
    const [asked, complete] = await Promise.all([allAsked(many), allShown(many, count)]);
    const few = await many.ask();
    lines.push(
      `${count} organizations of the demonstration's size: every api asked once after ${(asked / 1_000).toFixed(1)} s, all counters on show after ${(complete / 1_000).toFixed(1)} s`,
      `resident then: ${megabytes(few.resident)}, at most ${megabytes(few.residentPeak)}`,
    );
    await sleep(minute);
    const settled = await many.ask();
    lines.push(`a minute later: ${megabytes(settled.resident)}`, await scrapes(many, folder));

    const late = await reloaded(many, file, count);
    lines.push(`reload of one: polls of the others were at most ${ms(late)} later than in the minute before`);
    await many.end();

    const single = await startSeveral([`--openai.base-url=${api.url}`, ...flags]);
    await shown(single, '/metrics');
    await sleep(minute);
    const { resident } = await single.ask();
    lines.push(
      `one process for each: ${megabytes(resident)}, so ${count} have ${megabytes(count * resident)}`,
      `each further organization in one process: ${megabytes((settled.resident - resident) / (count - 1))}`,
    );
    await single.end();
  } finally {
    rmSync(folder, { recursive: true });
    await api.end();
  }
  return [...lines, listPage(200), listPage(500)].join('\n');
}

function startSeveral(args: readonly string[]): Promise<Exporter<Reading>> {
  return startExporter<Reading>(args);
}

/** Organizations that differ in a header alone, so that one simulated API serves them all. */
function fileOf(count: number, ofFirst = ''): string {
  const entries = Array.from({ length: count }, (_, index) => {
    const more = index === 0 ? ofFirst : '';
    return `  - {name: team-${index}, key_env: OPENAI_ADMIN_KEY, openai: {organization: org-${index}}${more}}\n`;
  });
  return `organizations:\n${entries.join('')}`;
}

async function shown({ url }: Exporter<Reading>, path: string): Promise<void> {
  // One family alone: to send whole pages all the time would make them late.
  const scraper = createScraper(`${url}${path}?name[]=openai_completions_input_tokens_total`);
  while (!(await scraper.text()).includes('openai_completions_input_tokens_total{')) await sleep(50);
}

/** Resolves with the milliseconds from the start until every api of every organization was asked once. */
async function allAsked({ url, listeningAfter }: Exporter<Reading>): Promise<number> {
  const begun = performance.now() - listeningAfter;
  while (!(await fetch(`${url}/-/ready`)).ok) await sleep(50);
  return performance.now() - begun;
}

/** Resolves with the milliseconds from the start until every organization has its counters on show. */
async function allShown(exporter: Exporter<Reading>, count: number): Promise<number> {
  const begun = performance.now() - exporter.listeningAfter;
  for (let index = 0; index < count; index++) await shown(exporter, `/organizations/team-${index}/metrics`);
  return performance.now() - begun;
}

/** Scrapes each of them through a minute of polls, and a finished buffer of the same page beside it. */
async function scrapes(exporter: Exporter<Reading>, folder: string): Promise<string> {
  const scraper = createScraper(`${exporter.url}/organizations/team-1/metrics`);
  const page = join(folder, 'page.txt');
  writeFileSync(page, await scraper.text());
  const buffer = await startHelper<Reading>('rival', ['buffer', page], { probed: true });
  const rival = createScraper(buffer.url);
  const took: { readonly own: number[]; readonly rival: number[] } = { own: [], rival: [] };
  const until = performance.now() + minute;
  while (performance.now() < until) {
    // Each after the same pause: what follows another at once finds a processor that is awake.
    await sleep(10);
    took.own.push((await scraper.scrape('gzip')).took);
    await sleep(10);
    took.rival.push((await rival.scrape('gzip')).took);
  }
  await buffer.end();
  const [own, other] = [median(took.own), median(took.rival)];
  return `scrape of one while all poll: ${ms(own)}, p99 ${ms(quantile(took.own, 0.99))}; finished buffer: ${ms(other)}, p99 ${ms(quantile(took.rival, 0.99))}; ${(own / other).toFixed(1)}×`;
}

/**
 * Changes the first organization, and resolves with how much more than a minute the others took then from one poll to the
 * next. What is not polled each minute says nothing.
 */
async function reloaded(exporter: Exporter<Reading>, file: string, count: number): Promise<number> {
  const changedAt = Date.now();
  writeFileSync(file, fileOf(count, ', poll: {group_by: [project_id, model]}'));
  await sleep(minute + 5_000);
  const polls = new Map<string, number[]>();
  for (const { at, msg, api, organization } of exporter.log) {
    if (!msg.endsWith(': polled') || organization === 'team-0') continue;
    const poll = `${organization} ${api}`;
    polls.set(poll, [...(polls.get(poll) ?? []), at]);
  }
  const later = [...polls.values()].flatMap((times) => {
    const [earlier, last] = times.filter((at) => at < changedAt).slice(-2);
    const next = times.find((at) => at >= changedAt);
    if (earlier === undefined || last === undefined || next === undefined) return [];
    return last - earlier > 1.5 * minute ? [] : [next - last - minute];
  });
  return Math.max(...later);
}

/** The list page of so many organizations, made and compressed as for one reader. */
function listPage(count: number): string {
  const summary = {
    ...{ now: '2026-01-01T00:59:55.000Z', apis: 13, failing: [], message: null, whatToDo: null },
    ...{ tokens: 1_500_000, requests: 20, spend: [{ currency: 'usd', total: 90, budget: 100 }], nearest: null },
  };
  const status: OrganizationsStatus = {
    ...{ version: '0', revision: '0', startedAt: '2026-01-01T00:00:00.000Z', now: '2026-01-01T01:00:00.000Z' },
    simulated: false,
    reloadTrouble: null,
    organizations: Array.from({ length: count }, (_, index) => ({
      ...{ name: `team-${index}`, path: `/organizations/team-${index}/`, up: true, summary },
    })),
  };
  const took = Array.from({ length: 20 }, () => {
    const begun = performance.now();
    gzipSync(organizationsPage(status, { telemetryPath: '/metrics', root: '.' }, 'spend'));
    return performance.now() - begun;
  });
  return `list page of ${count} organizations: ${ms(median(took))}`;
}

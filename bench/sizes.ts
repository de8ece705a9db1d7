/**
 * One organization of a given size, and side by side: the exporter, prom-client rendering the same series, and a
 * finished buffer of the same page.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Reading, Served } from './messages.ts';
import type { OrganizationSize } from './organization.ts';
import { type Exporter, startExporter, startHelper, startOrganization } from './processes.ts';
import { createScraper, median, quantile, type Scraper } from './scrape.ts';

const minute = 60_000;
/** Ten fields, each as gauge of a minute, of an hour and of the hour in progress, and as counter. */
const seriesOfGroup = 40;

/** Times in milliseconds, sizes in bytes. */
export interface SizeResult {
  readonly groups: number;
  readonly series: number;
  readonly plainBytes: number;
  readonly gzipBytes: number;
  readonly exporter: Timings;
  readonly buffer: Timings;
  /** Undefined where it could not be run. */
  readonly promClient: { readonly plain: number; readonly resident: number } | undefined;
  /** The longest scrape around each poll, and that of the finished buffer in the same time. */
  readonly worst: readonly number[];
  readonly bufferWorst: readonly number[];
  /** The time from the last answer of each poll to the page that shows it. */
  readonly publish: readonly number[];
  /** The longest that the event loop was blocked in each minute; and that of an idle process. */
  readonly blocked: readonly number[];
  readonly idleBlocked: readonly number[];
  /** The same as `blocked`, without the time in which others on the machine had the processor. */
  readonly worked: readonly number[];
  /** The time of all threads in each minute; without that of the probe, which the idle process has, too. */
  readonly cpu: readonly number[];
  readonly resident: number;
  readonly residentPeak: number;
  /** The time from start to the first page with counters. */
  readonly complete: number;
}

export interface Timings {
  /** The fastest tenth, the median, and the slowest hundredth. */
  readonly gzip10: number;
  readonly gzip: number;
  readonly gzip99: number;
  readonly plain: number;
  readonly plain99: number;
}

export interface SizeOptions {
  readonly groups: number;
  /** Polls that are watched. */
  readonly polls: number;
  readonly fields?: OrganizationSize['fields'];
  readonly rivals: boolean;
  /** Runs the exporter on one core. */
  readonly pinned?: boolean;
}

export function groupsFor(series: number): number {
  return Math.max(1, Math.round(series / seriesOfGroup));
}

export async function measureSize(options: SizeOptions): Promise<SizeResult> {
  const { groups, polls, fields = 'ten', rivals, pinned = false } = options;
  const yesterday = new Date(Date.now() - 24 * 60 * minute);
  const organization = await startOrganization<Served>({ groups, fields, historyDays: 1 });
  const begun = performance.now();
  const exporter = await startExporter<Reading>(
    [
      `--openai.base-url=${organization.url}`,
      '--openai.max-requests-per-minute=600',
      '--poll.apis=completions,costs',
      `--counters.anchor=${yesterday.toISOString().slice(5, 10)}`,
      `--series.max-groups=${Math.max(10_000, groups)}`,
    ],
    { pinned },
  );
  const folder = mkdtempSync(join(tmpdir(), 'openai-usage-exporter-bench-'));
  try {
    const scraper = createScraper(`${exporter.url}/metrics`);
    await countersShown(scraper);
    const complete = performance.now() - begun;
    // What a start leaves behind is gone after the first quiet poll.
    await quiet(exporter);

    const text = await scraper.text();
    const gzipBytes = (await scraper.scrape('gzip')).bytes;
    const file = join(folder, 'page');
    writeFileSync(file, text);
    const buffer = await startHelper<Reading>('rival', ['buffer', file], { probed: true });
    const bufferScraper = createScraper(buffer.url);

    const [own, finished] = await timings(scraper, bufferScraper);
    const promClient = rivals ? await measurePromClient(file).catch(() => undefined) : undefined;

    const blocked: number[] = [];
    const idleBlocked: number[] = [];
    const worked: number[] = [];
    const cpu: number[] = [];
    for (let poll = 0; poll < polls; poll++) {
      await Promise.all([exporter.ask(), buffer.ask()]);
      await sleep(minute);
      const [reading, idle] = await Promise.all([exporter.ask(), buffer.ask()]);
      blocked.push(reading.longestDelay);
      idleBlocked.push(idle.longestDelay);
      worked.push(reading.longestWork);
      cpu.push(reading.cpu - idle.cpu);
    }

    const worst: number[] = [];
    const bufferWorst: number[] = [];
    for (let poll = 0; poll < polls; poll++) {
      const during = await scrapeThroughPoll(exporter, scraper, bufferScraper);
      worst.push(Math.max(...during.own));
      bufferWorst.push(Math.max(...during.buffer));
    }

    const { answers } = await organization.ask();
    const { resident, residentPeak } = await exporter.ask();
    await buffer.end();
    return {
      groups,
      series: seriesIn(text),
      plainBytes: Buffer.byteLength(text),
      gzipBytes,
      exporter: own,
      buffer: finished,
      promClient,
      worst,
      bufferWorst,
      publish: publishTimes(exporter, answers).slice(-2 * polls),
      blocked,
      idleBlocked,
      worked,
      cpu,
      resident,
      residentPeak,
      complete,
    };
  } finally {
    rmSync(folder, { recursive: true });
    await exporter.end();
    await organization.end();
  }
}

export function seriesIn(text: string): number {
  return (text.match(/^openai_(?:usage|completions|costs)_.*/gm) ?? []).length;
}

/** Waits until the page has counters. */
export async function countersShown(scraper: Scraper): Promise<void> {
  for (;;) {
    const status = JSON.parse(await scraper.text('/api/status'));
    if (status.counters.state === 'shown') {
      // Known is not yet shown: the page follows.
      if (/^openai_completions_\w+_total\{/m.test(await scraper.text())) return;
    }
    await sleep(500);
  }
}

/** Waits for the next page after a poll, and a little longer. */
async function quiet(exporter: Exporter<Reading>): Promise<void> {
  const { log } = exporter;
  const from = log.length;
  for (;;) {
    await sleep(100);
    const polled = log.findIndex((line, index) => index >= from && isPoll(line));
    if (polled !== -1 && log.slice(polled).some(isPublished)) break;
  }
  await sleep(3_000);
}

const isPoll = ({ msg }: { readonly msg: string }) => msg === 'completions: polled';
const isPublished = ({ msg }: { readonly msg: string }) => msg === 'page published';

async function timings(exporter: Scraper, buffer: Scraper): Promise<readonly [Timings, Timings]> {
  const times = {
    own: { gzip: [] as number[], plain: [] as number[] },
    buffer: { gzip: [] as number[], plain: [] as number[] },
  };
  const until = performance.now() + 15_000;
  for (let round = 0; round < 300 && performance.now() < until; round++) {
    times.own.gzip.push((await exporter.scrape('gzip')).took);
    times.buffer.gzip.push((await buffer.scrape('gzip')).took);
    if (round % 4 !== 0) continue;
    times.own.plain.push((await exporter.scrape('identity')).took);
    times.buffer.plain.push((await buffer.scrape('identity')).took);
  }
  const of = ({ gzip, plain }: { readonly gzip: number[]; readonly plain: number[] }): Timings => ({
    gzip10: quantile(gzip, 0.1),
    gzip: median(gzip),
    gzip99: quantile(gzip, 0.99),
    plain: median(plain),
    plain99: quantile(plain, 0.99),
  });
  return [of(times.own), of(times.buffer)];
}

async function measurePromClient(file: string): Promise<{ readonly plain: number; readonly resident: number }> {
  const rival = await startHelper<Reading>('rival', ['prom-client', file], { heapMb: 12_000, probed: true });
  try {
    const scraper = createScraper(rival.url);
    const took: number[] = [];
    for (let round = 0; round < 7; round++) took.push((await scraper.scrape('identity')).took);
    return { plain: median(took), resident: (await rival.ask()).resident };
  } finally {
    await rival.end();
  }
}

/** Scrapes, each after the same short pause, from before a poll until its page has been out for a second. */
async function scrapeThroughPoll(exporter: Exporter<Reading>, scraper: Scraper, buffer: Scraper) {
  const { log } = exporter;
  const from = log.length;
  const times = { own: [] as number[], buffer: [] as number[] };
  const untilPoll = minute - (Date.now() % minute) - 2_000;
  if (untilPoll > 0) await sleep(untilPoll);
  const published = () => {
    const polled = log.findIndex((line, index) => index >= from && isPoll(line));
    return polled === -1 ? undefined : log.slice(polled).find(isPublished);
  };
  for (;;) {
    await sleep(3);
    times.own.push((await scraper.scrape('gzip')).took);
    await sleep(3);
    times.buffer.push((await buffer.scrape('gzip')).took);
    const page = published();
    if (page !== undefined && Date.now() > page.at + 1_000) return times;
  }
}

/** Milliseconds by which the rounded times of a log can be off. */
const clockStep = 2;

/** Returns for each poll the milliseconds from its last answer to the page that shows it. */
function publishTimes({ log }: Exporter<Reading>, answers: readonly number[]): readonly number[] {
  return log.flatMap((line, index) => {
    if (!isPoll(line)) return [];
    // One that was being made when the poll ended has the minutes alone.
    const page = log
      .slice(index)
      .find((each) => isPublished(each) && each.at - 1_000 * (each.seconds ?? 0) >= line.at - clockStep);
    const last = answers.filter((at) => at <= line.at).at(-1);
    return page === undefined || last === undefined ? [] : [page.at - last];
  });
}

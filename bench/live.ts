/**
 * Live usage beside 100,000 series that are scraped: how much is taken, and what that adds to a scrape and to memory.
 * Beside the exporter, in the same minutes, there is a bare server of Node's that does nothing with the same reports and
 * answers scrapes with the finished page: what its scrapes take longer is the machine's share, not the exporter's.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LoadAsked, LoadDone, Reading, Served } from './messages.ts';
import { type Child, startExporter, startHelper, startOrganization } from './processes.ts';
import { createScraper, median, quantile, type Scraper } from './scrape.ts';
import { countersShown, groupsFor, seriesIn } from './sizes.ts';

/** Milliseconds between two scrapes. */
const scrapeEvery = 50;
const megabyte = 1_024 * 1_024;

interface Scrapes {
  readonly median: number;
  readonly p99: number;
  readonly worst: number;
  /** The longest stretch of work of the serving thread, in milliseconds. */
  readonly work: number;
}

/** A server that is measured: who is scraped, asked and reported to. */
interface Measured {
  readonly name: string;
  readonly process: Child<Reading>;
  readonly scraper: Scraper;
  readonly load: Child<LoadDone>;
}

/** @param seconds how long each load lasts */
export async function measureLive(seconds: number): Promise<string> {
  const yesterday = new Date(Date.now() - 86_400_000);
  const organization = await startOrganization<Served>({ groups: groupsFor(100_000), fields: 'ten', historyDays: 1 });
  const args = [
    `--openai.base-url=${organization.url}`,
    '--openai.max-requests-per-minute=600',
    '--poll.apis=completions,costs',
    `--counters.anchor=${yesterday.toISOString().slice(5, 10)}`,
    '--state.file=none',
    '--live',
  ];
  const folder = mkdtempSync(join(tmpdir(), 'openai-usage-exporter-bench-'));
  const exporter = await measured('exporter', await startExporter<Reading>(args), '/metrics');
  await countersShown(exporter.scraper);
  const text = await exporter.scraper.text();
  const file = join(folder, 'page');
  writeFileSync(file, text);
  const bareServer = await startHelper<Reading>('rival', ['buffer', file], { probed: true });
  const bare = await measured('bare server', bareServer, '');
  try {
    await sleep(5_000);
    const { resident: before } = await exporter.process.ask();
    const rows: string[] = [];
    const row = async (name: string, { name: whose, process, scraper, load }: Measured, asked?: LoadAsked) => {
      let done: LoadDone | undefined;
      const scrapes = await scrapesDuring(process, scraper, async () => {
        if (asked === undefined) await sleep(seconds * 1_000);
        else done = await load.ask(asked);
      });
      const times = [scrapes.median, scrapes.p99, scrapes.worst, scrapes.work].map((time) => `${time.toFixed(1)} ms`);
      rows.push(`| ${[name, whose, ...loadCells(asked, done), ...times].join(' | ')} |`);
    };
    for (const one of [exporter, bare]) await row('nothing reported', one);
    for (const [name, asked] of [
      ['one record a request', { batch: 1, perSecond: 5_000, seconds, groups: 1_000 }],
      ['100 records a request', { batch: 100, perSecond: 500, seconds, groups: 1_000 }],
      ['10,000 records a request', { batch: 10_000, perSecond: 1, seconds, groups: 1_000 }],
    ] as const satisfies readonly (readonly [string, LoadAsked])[]) {
      for (const one of [exporter, bare]) await row(name, one, asked);
    }
    const most = { batch: 1, perSecond: 2_000, seconds: 3 * seconds, groups: 10_000 };
    await row('one record a request, 10,000 groups', exporter, most);
    await sleep(1_500 * seconds);
    const { resident, residentPeak } = await exporter.process.ask();
    return `${seriesIn(text)} series of usage; at the end 10,000 groups of live usage and 100,000 ids

| load | server | records | answer: median, p99 | scrape: median | p99 | worst | longest work |
| --- | --- | --- | --- | --- | --- | --- | --- |
${rows.join('\n')}

resident before ${Math.round(before / megabyte)} MB, at the end ${Math.round(resident / megabyte)} MB, at most ${Math.round(residentPeak / megabyte)} MB
`;
  } finally {
    for (const { process, load } of [exporter, bare]) await Promise.all([load.end(), process.end()]);
    await organization.end();
    rmSync(folder, { recursive: true });
  }
}

async function measured(name: string, process: Child<Reading>, path: string): Promise<Measured> {
  const load = await startHelper<LoadDone>('live-load', [process.url]);
  return { name, process, scraper: createScraper(new URL(path, process.url).href), load };
}

/** The records a second, and how long the answers took. The bare server counts nothing. */
function loadCells(asked: LoadAsked | undefined, done: LoadDone | undefined): readonly string[] {
  if (asked === undefined || done === undefined) return ['', ''];
  const records = done.counted > 0 ? done.counted : done.took.length * asked.batch;
  const rate = Math.round(records / done.seconds).toLocaleString('en');
  return [`${rate}/s`, `${median(done.took).toFixed(1)} ms, ${quantile(done.took, 0.99).toFixed(1)} ms`];
}

async function scrapesDuring(
  process: Child<Reading>,
  scraper: Scraper,
  during: () => Promise<unknown>,
): Promise<Scrapes> {
  await process.ask();
  const took: number[] = [];
  let isOver = false;
  const over = during().then(() => {
    isOver = true;
  });
  while (!isOver) {
    took.push((await scraper.scrape('gzip')).took);
    await sleep(scrapeEvery);
  }
  await over;
  const { longestWork } = await process.ask();
  return { median: median(took), p99: quantile(took, 0.99), worst: Math.max(...took), work: longestWork };
}

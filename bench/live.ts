/**
 * Live usage beside 100,000 series that are scraped: how much is taken, and what that adds to a scrape and to memory.
 * Beside the exporter, in the same minutes, there is a bare server of Node's that does nothing with the same reports and
 * answers scrapes with the finished page: what its scrapes take longer is the machine's share, not the exporter's. The
 * loads take turns for some rounds, because a single worst scrape says more of the machine than of the exporter, and
 * each round has a connection of its own, because one whose receive buffer has once been too small can stay slow.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LoadAsked, LoadDone, Reading, Served } from './messages.ts';
import { type Child, startExporter, startHelper, startOrganization } from './processes.ts';
import { createScraper, median, quantile } from './scrape.ts';
import { countersShown, groupsFor, seriesIn } from './sizes.ts';

/** Milliseconds between two scrapes. */
const scrapeEvery = 25;
const rounds = 5;
const megabyte = 1_024 * 1_024;

type Load = Omit<LoadAsked, 'seconds'>;

const loads: readonly { readonly name: string; readonly load?: Load }[] = [
  { name: 'nothing reported' },
  { name: 'one record a request', load: { batch: 1, perSecond: 5_000, groups: 1_000 } },
  { name: '100 records a request', load: { batch: 100, perSecond: 500, groups: 1_000 } },
  { name: '10,000 records a request', load: { batch: 10_000, perSecond: 1, groups: 1_000 } },
];

/** What was seen while one load lasted. */
interface Round {
  /** Milliseconds of each scrape. */
  readonly scrapes: readonly number[];
  /** The longest stretch of work of the serving thread, in milliseconds. */
  readonly work: number;
  readonly done?: LoadDone;
}

/** A server that is measured: who is scraped, asked and reported to. */
interface Measured {
  readonly name: string;
  readonly process: Child<Reading>;
  /** The URL that is scraped. */
  readonly page: string;
  readonly reporter: Child<LoadDone>;
}

/** @param seconds how long each load lasts in a round */
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
  const text = await textOf(exporter);
  const file = join(folder, 'page');
  writeFileSync(file, text);
  const bareServer = await startHelper<Reading>('rival', ['buffer', file], { probed: true });
  const bare = await measured('bare server', bareServer, '');
  const servers = [exporter, bare];
  try {
    await sleep(5_000);
    const { resident: before } = await exporter.process.ask();
    const beginning = await roundOf(exporter, seconds, loads[1]?.load);
    const seen = new Map<string, Round[]>();
    for (let round = 0; round < rounds; round++) {
      for (const { name, load } of loads) {
        for (const server of servers) {
          const key = `${name} | ${server.name}`;
          seen.set(key, [...(seen.get(key) ?? []), await roundOf(server, seconds, load)]);
        }
      }
    }
    const most = await roundOf(exporter, 6 * seconds, { batch: 1, perSecond: 2_000, groups: 10_000 });
    await sleep(2_000 * seconds);
    const { resident, residentPeak } = await exporter.process.ask();
    const rows = loads.flatMap(({ name, load }) =>
      servers.map((server) => {
        const idle = seen.get(`nothing reported | ${server.name}`) ?? [];
        return row(name, server.name, seen.get(`${name} | ${server.name}`) ?? [], idle, load);
      }),
    );
    return `${seriesIn(text)} series of usage; ${rounds} rounds of ${seconds} s; of the worst scrapes and works of the rounds the median, and the most

| load | server | records | answer: median, p99 | scrape: median | p99 | worst | added to the worst | work |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
${rows.join('\n')}
${row('one record a request, at first', exporter.name, [beginning], [], loads[1]?.load)}
${row('one record a request, 10,000 groups, 100,000 ids', exporter.name, [most], [], { batch: 1, perSecond: 2_000, groups: 10_000 })}

resident before ${Math.round(before / megabyte)} MB, at the end ${Math.round(resident / megabyte)} MB, at most ${Math.round(residentPeak / megabyte)} MB
`;
  } finally {
    for (const { process, reporter } of servers) await Promise.all([reporter.end(), process.end()]);
    await organization.end();
    rmSync(folder, { recursive: true });
  }
}

async function measured(name: string, process: Child<Reading>, path: string): Promise<Measured> {
  const reporter = await startHelper<LoadDone>('live-load', [process.url]);
  return { name, process, page: new URL(path, process.url).href, reporter };
}

/** The page as soon as it has all counters. */
async function textOf({ page }: Measured): Promise<string> {
  const scraper = createScraper(page);
  await countersShown(scraper);
  const text = await scraper.text();
  scraper.end();
  return text;
}

/** Scrapes a server while the load lasts, if there is one. */
async function roundOf({ process, page, reporter }: Measured, seconds: number, load?: Load): Promise<Round> {
  const scraper = createScraper(page);
  await process.ask();
  const scrapes: number[] = [];
  let isOver = false;
  const reported = load === undefined ? sleep(seconds * 1_000) : reporter.ask({ ...load, seconds });
  const over = reported.finally(() => {
    isOver = true;
  });
  while (!isOver) {
    scrapes.push((await scraper.scrape('gzip')).took);
    await sleep(scrapeEvery);
  }
  const done = await over;
  scraper.end();
  const { longestWork: work } = await process.ask();
  return done === undefined ? { scrapes, work } : { scrapes, work, done };
}

/** A line of the table. What is added is told against the same round without reports. */
function row(name: string, server: string, seen: readonly Round[], idle: readonly Round[], load?: Load): string {
  const worstOf = ({ scrapes }: Round) => Math.max(...scrapes);
  const added = idle.map((quiet, index) => worstOf(seen[index] ?? quiet) - worstOf(quiet));
  const scrapes = seen.flatMap((round) => round.scrapes);
  return `| ${[
    name,
    server,
    ...loadCells(seen, load),
    `${median(scrapes).toFixed(1)} ms`,
    `${quantile(scrapes, 0.99).toFixed(1)} ms`,
    usualAndMost(seen.map(worstOf)),
    load === undefined || idle.length === 0 ? '' : usualAndMost(added),
    usualAndMost(seen.map((round) => round.work)),
  ].join(' | ')} |`;
}

const usualAndMost = (values: readonly number[]): string =>
  `${median(values).toFixed(1)} ms, ${Math.max(...values).toFixed(1)} ms`;

/** The records a second, and how long the answers took. The bare server counts nothing. */
function loadCells(seen: readonly Round[], load?: Load): readonly string[] {
  const done = seen.flatMap((round) => round.done ?? []);
  if (load === undefined || done.length === 0) return ['', ''];
  const took = done.flatMap((one) => one.took);
  const counted = done.reduce((sum, one) => sum + one.counted, 0) || took.length * load.batch;
  const rate = counted / done.reduce((sum, one) => sum + one.seconds, 0);
  return [
    `${Math.round(rate).toLocaleString('en')}/s`,
    `${median(took).toFixed(1)} ms, ${quantile(took, 0.99).toFixed(1)} ms`,
  ];
}

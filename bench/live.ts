/** Live usage beside 100,000 series that are scraped: how much is taken, and what that adds to a scrape and to memory. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { LoadAsked, LoadDone, Reading, Served } from './messages.ts';
import { type Exporter, startExporter, startHelper, startOrganization } from './processes.ts';
import { createScraper, median, quantile, type Scraper } from './scrape.ts';
import { countersShown, groupsFor, seriesIn } from './sizes.ts';

const seconds = 10;
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

export async function measureLive(): Promise<string> {
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
  const exporter = await startExporter<Reading>(args);
  const load = await startHelper<LoadDone>('live-load', [exporter.url]);
  try {
    const scraper = createScraper(`${exporter.url}/metrics`);
    await countersShown(scraper);
    await sleep(5_000);
    const series = seriesIn(await scraper.text());
    const { resident: before } = await exporter.ask();
    const rows: string[] = [];
    const row = (name: string, rate: string, answer: string, scrapes: Scrapes) => {
      const times = [scrapes.median, scrapes.p99, scrapes.worst, scrapes.work].map((time) => `${time.toFixed(1)} ms`);
      rows.push(`| ${[name, rate, answer, ...times].join(' | ')} |`);
    };
    row('nothing reported', '', '', await scrapesDuring(exporter, scraper, () => sleep(seconds * 1_000)));
    for (const [name, asked] of [
      ['one record a request', { batch: 1, perSecond: 5_000, seconds, groups: 1_000 }],
      ['100 records a request', { batch: 100, perSecond: 500, seconds, groups: 1_000 }],
      ['10,000 records a request', { batch: 10_000, perSecond: 1, seconds, groups: 1_000 }],
      ['one record a request, 10,000 groups', { batch: 1, perSecond: 2_000, seconds: 3 * seconds, groups: 10_000 }],
    ] as const satisfies readonly (readonly [string, LoadAsked])[]) {
      let done: LoadDone | undefined;
      const scrapes = await scrapesDuring(exporter, scraper, async () => {
        done = await load.ask(asked);
      });
      if (done === undefined) continue;
      const rate = Math.round(done.counted / done.seconds).toLocaleString('en');
      row(name, `${rate}/s`, `${median(done.took).toFixed(1)} ms, ${quantile(done.took, 0.99).toFixed(1)} ms`, scrapes);
    }
    await sleep(15_000);
    const { resident, residentPeak } = await exporter.ask();
    return `${series} series of usage; at the end 10,000 groups of live usage and 100,000 ids

| load | records | answer: median, p99 | scrape: median | p99 | worst | longest work |
| --- | --- | --- | --- | --- | --- | --- |
${rows.join('\n')}

resident before ${Math.round(before / megabyte)} MB, at the end ${Math.round(resident / megabyte)} MB, at most ${Math.round(residentPeak / megabyte)} MB
`;
  } finally {
    await load.end();
    await exporter.end();
    await organization.end();
  }
}

async function scrapesDuring(
  exporter: Exporter<Reading>,
  scraper: Scraper,
  during: () => Promise<unknown>,
): Promise<Scrapes> {
  await exporter.ask();
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
  const { longestWork } = await exporter.ask();
  return { median: median(took), p99: quantile(took, 0.99), worst: Math.max(...took), work: longestWork };
}

/** One question each: how long a start takes, how large many groups are, what a replay costs, how much is asked. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Reading, Served } from './messages.ts';
import { startExporter, startOrganization } from './processes.ts';
import { createScraper } from './scrape.ts';
import { countersShown, measureSize, seriesIn } from './sizes.ts';
import { megabytes, ms } from './table.ts';

const dayMs = 86_400_000;

/** `demo`: from its start until every api was tried and the gauges and counters of each are on the page. */
export async function measureStart(): Promise<string> {
  const took: number[] = [];
  let resident = 0;
  for (let run = 0; run < 3; run++) {
    const begun = performance.now();
    const exporter = await startExporter<Reading>(['demo']);
    const scraper = createScraper(`${exporter.url}/metrics`);
    for (;;) {
      const { apis, counters } = JSON.parse(await scraper.text('/api/status'));
      if (counters.state === 'shown' && apis.every((api: { readonly up: boolean | null }) => api.up === true)) {
        if (/^openai_completions_\w+_total\{/m.test(await scraper.text())) break;
      }
      await sleep(20);
    }
    took.push(performance.now() - begun);
    resident = (await exporter.ask()).resident;
    await exporter.end();
  }
  return `start of demo to the first complete page: ${took.map(ms).join(', ')}; resident ${megabytes(resident)}`;
}

/** 5,000 groups in completions, each with some of all the fields. */
export async function measureGroups(polls: number): Promise<string> {
  const { series, blocked, idleBlocked, worked, resident, residentPeak, worst, publish } = await measureSize({
    groups: 5_000,
    fields: 'mixed',
    polls,
    rivals: false,
  });
  return [
    `5,000 groups: ${series} series`,
    `longest block of the event loop in each minute: ${blocked.map(ms).join(', ')}; own work alone: ${worked.map(ms).join(', ')}; of an idle process: ${idleBlocked.map(ms).join(', ')}`,
    `resident: ${megabytes(resident)}, at most ${megabytes(residentPeak)}`,
    `worst gzip scrape through each poll: ${worst.map(ms).join(', ')}; last answer to page: ${publish.map(ms).join(', ')}`,
  ].join('\n');
}

/** A month of days of 2,000 groups, all fields of completions, from start to counters. */
export async function measureReplay(): Promise<string> {
  const organization = await startOrganization<Served>({ groups: 2_000, fields: 'all', historyDays: 62 });
  const begun = performance.now();
  const exporter = await startExporter<Reading>([
    `--openai.base-url=${organization.url}`,
    '--openai.max-requests-per-minute=600',
    '--poll.apis=completions',
    `--counters.anchor=${new Date(Date.now() - 31 * dayMs).toISOString().slice(5, 10)}`,
  ]);
  await sleep(300);
  // What importing the program's modules took is not the replay's.
  const { cpu: imports } = await exporter.ask();
  const scraper = createScraper(`${exporter.url}/metrics`);
  await countersShown(scraper);
  const took = performance.now() - begun;
  const { cpu, residentPeak, longestDelay, longestWork } = await exporter.ask();
  const series = seriesIn(await scraper.text());
  await exporter.end();
  await organization.end();
  return [
    `replay of 31 days of 2,000 groups: ${ms(took)} until the counters were shown (${series} series)`,
    `processing: ${ms(cpu)} of all threads, after ${ms(imports)} for the start`,
    `longest block of the event loop: ${ms(longestDelay)}, own work alone: ${ms(longestWork)}; resident at most ${megabytes(residentPeak)}`,
  ].join('\n');
}

/** Requests that the API gets in a minute, once the history is read: with the organization of the demonstration. */
export async function measureRequests(): Promise<string> {
  const organization = await startOrganization<Served>({ groups: 0, fields: 'ten', historyDays: 62, demo: true });
  const exporter = await startExporter<Reading>([`--openai.base-url=${organization.url}`]);
  await countersShown(createScraper(`${exporter.url}/metrics`));
  // The first minutes may still be those of the replay and of names and limits.
  await sleep(2 * 60_000);
  const minutes = 5;
  const before = (await organization.ask()).answers.length;
  await sleep(minutes * 60_000);
  const after = (await organization.ask()).answers.length;
  await exporter.end();
  await organization.end();
  return `steady state of a small organization, all apis: ${((after - before) / minutes).toFixed(1)} requests a minute over ${minutes} minutes`;
}

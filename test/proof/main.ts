/**
 * `npm run prove`: lives simulated days with the real exporter and its real polling, everything going wrong that may,
 * and shows that Prometheus ends with what the API recorded. Exit code 1 if it does not.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { compare, type Row } from './judge.ts';
import type { Proven } from './prove.ts';
import { legend, shares, table } from './report.ts';
import { createScenario, leastDays, mostDays, type ReplicaPlan, type Scenario } from './scenario.ts';

const { values } = parseArgs({
  options: {
    days: { type: 'string', default: '40' },
    seed: { type: 'string', default: '1' },
    'refused-rows': { type: 'boolean', default: false },
  },
});
const days = Number(values.days);
const seed = Number(values.seed);
const refusedRows = values['refused-rows'];
if (!Number.isInteger(days) || days < leastDays || days > mostDays || !Number.isInteger(seed)) {
  console.error(`usage: npm run prove -- [--days ${leastDays}…${mostDays}] [--seed <number>] [--refused-rows]`);
  process.exit(2);
}

const begun = performance.now();
const scenario = createScenario(seed, days, refusedRows);
console.log(storyOf(scenario));
const proven = await proveAll(scenario.replicas);
const faults = proven.flatMap(({ replica, faults }) => faults.map((fault) => `${replica}: ${fault}`));
const agreement = compare(proven);
faults.push(...agreement.faults);

for (const { replica, rows, requests, restarts } of proven) {
  const plan = scenario.replicas.find(({ name }) => name === replica);
  console.log(`\n${plan === undefined ? replica : describe(plan)}; ${requests} requests, ${restarts} restarts`);
  for (const every of new Set(rows.map((row) => row.every))) {
    const own = rows.filter((row) => row.every === every);
    // Every scrape interval has the same exceptions but for what was not scraped before a stop.
    console.log(`\nscraped every ${every} s: ${shares(own)}`);
    console.log(table(own));
  }
}
console.log(`\n${legend}\n`);
const rows: readonly Row[] = proven.flatMap((each) => each.rows);
const unexplained = rows.filter((row) => row.unexplained !== 0);
console.log(`replicas compared while both were well: ${agreement.compared} sums, ${agreement.faults.length} differ`);
for (const fault of faults) console.log(`FAULT ${fault}`);
const seconds = Math.round((performance.now() - begun) / 1_000);
const failed = unexplained.length > 0 || faults.length > 0 || rows.length === 0;
console.log(
  `${failed ? 'NOT PROVEN' : 'proven'}: ${rows.length} sums, ${unexplained.length} with an unexplained difference, ${faults.length} faults; ${days} days in ${seconds} s`,
);
process.exitCode = failed ? 1 : 0;

/** Proves all plans, two at a time: most of the work is done by the first two. */
async function proveAll(plans: readonly ReplicaPlan[]): Promise<Proven[]> {
  const left = [...plans];
  const done: Proven[] = [];
  const work = async () => {
    for (let plan = left.shift(); plan !== undefined; plan = left.shift()) {
      done.push(await proveOne(plan.name));
      console.error(`replica ${plan.name} has lived its ${days} days`);
    }
  };
  await Promise.all(Array.from({ length: Math.min(plans.length, Math.max(2, availableParallelism())) }, work));
  return done.sort((a, b) => a.replica.localeCompare(b.replica));
}

function proveOne(replica: string): Promise<Proven> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(`./worker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url), {
      workerData: { seed, days, refusedRows, replica },
    });
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', (code) => reject(new Error(`The thread of replica ${replica} ended with ${code}.`)));
  });
}

function storyOf({ start, end, monthEnds, outages, faults, closedAt }: Scenario): string {
  const hours = (spells: readonly { from: number; to: number }[]) =>
    Math.round(spells.reduce((sum, { from, to }) => sum + to - from, 0) / 3_600_000);
  return [
    `seed ${seed}: ${days} simulated days, ${new Date(start).toISOString()} to ${new Date(end).toISOString()}`,
    `month's ends: ${monthEnds.map((at) => new Date(at).toISOString().slice(0, 10)).join(', ')}; nothing is used or restated after ${new Date(closedAt).toISOString()}`,
    `the API is down for ${hours(outages)} hours and fails now and then in ${hours(faults)} more`,
  ].join('\n');
}

function describe({ name, remembers, flags, apis, downtimes, clockErrors }: ReplicaPlan): string {
  const down = Math.round(downtimes.reduce((sum, { from, to }) => sum + to - from, 0) / 3_600_000);
  const about = [
    remembers ? 'with a state file' : 'without a state file',
    ...flags.filter((flag) => flag.includes('max-groups')),
    ...(apis === undefined ? [] : [apis.join(' ')]),
    `down for ${down} hours in all`,
    `its clock set wrong ${clockErrors.length} times`,
  ];
  return `replica ${name}, ${about.join(', ')}`;
}

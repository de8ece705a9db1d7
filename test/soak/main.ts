/** `npm run soak`: seven simulated days with faults at random. Exit code 1 if anything grows, falls or is not exact. */
import { parseArgs } from 'node:util';
import { soak } from './soak.ts';

const { values } = parseArgs({
  options: { days: { type: 'string', default: '7' }, seed: { type: 'string', default: '1' } },
});
const days = Number(values.days);
const seed = Number(values.seed);
const collect = globalThis.gc;
if (!Number.isInteger(days) || days < 2 || days > 15 || !Number.isInteger(seed) || collect === undefined) {
  console.error('usage: npm run soak -- [--days 2…15] [--seed <number>]');
  process.exit(2);
}

const begun = performance.now();
console.log(
  '| Day | Requests | Failed | Scrapes | Series | Heap, MB | Compiled code, MB | Outside both, MB | Handles |',
);
console.log('| --- | --- | --- | --- | --- | --- | --- | --- | --- |');
const { faults, compared } = await soak({
  days,
  seed,
  collect: () => void collect(),
  report: ({ day, requests, failures, scrapes, series, heap, code, external, handles }) => {
    const cells = [
      day,
      requests,
      failures,
      scrapes,
      series,
      heap.toFixed(2),
      code.toFixed(2),
      external.toFixed(1),
      handles,
    ];
    console.log(`| ${cells.join(' | ')} |`);
  },
});
for (const fault of faults) console.log(`FAULT ${fault}`);
const seconds = Math.round((performance.now() - begun) / 1_000);
const verdict = faults.length === 0 && compared > 0 ? 'soaked' : 'NOT SOAKED';
console.log(`${verdict}: ${days} days in ${seconds} s, ${compared} counters compared, ${faults.length} faults`);
process.exit(verdict === 'soaked' ? 0 : 1);

/**
 * Measures the built program: `npm run bench` for the table of sizes, `npm run bench -- --series=1000,10000` for some
 * of them (`--fields=all` for groups with every field, `--pinned` for an exporter on one core), and `npm run bench --
 * start|groups|replay|requests|rules|live|estimate|organizations` for one question each; `--keys=5000` are those of
 * rules, `--organizations=50` those of organizations, `--seconds=3` is how long each load of live lasts in a round.
 */
import { parseArgs } from 'node:util';
import { measureGroups, measureReplay, measureRequests, measureStart } from './cases.ts';
import { measureEstimate } from './estimate.ts';
import { measureLive } from './live.ts';
import { measureOrganizations } from './organizations.ts';
import { measureRules } from './rules.ts';
import { groupsFor, measureSize, type SizeResult } from './sizes.ts';
import { tableOf } from './table.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    series: { type: 'string', default: '1000,10000,100000,1000000' },
    polls: { type: 'string', default: '3' },
    keys: { type: 'string', default: '200' },
    organizations: { type: 'string', default: '20' },
    seconds: { type: 'string', default: '5' },
    rivals: { type: 'boolean', default: true },
    fields: { type: 'string', default: 'ten' },
    pinned: { type: 'boolean', default: false },
  },
  allowNegative: true,
});

const cases: Readonly<Record<string, () => Promise<string>>> = {
  start: measureStart,
  groups: () => measureGroups(Number(values.polls)),
  replay: measureReplay,
  requests: measureRequests,
  rules: () => measureRules(Number(values.keys)),
  live: () => measureLive(Number(values.seconds)),
  estimate: measureEstimate,
  organizations: () => measureOrganizations(Number(values.organizations)),
};

for (const name of positionals) {
  const measure = cases[name];
  if (measure === undefined) throw new Error(`${name}: there is ${Object.keys(cases).join(', ')}`);
  console.log(await measure());
}
if (positionals.length === 0) {
  const fields = values.fields === 'all' ? 'all' : 'ten';
  const results: SizeResult[] = [];
  for (const series of values.series.split(',')) {
    console.error(`${series} series …`);
    const groups = groupsFor(Number(series));
    results.push(
      await measureSize({ groups, polls: Number(values.polls), fields, rivals: values.rivals, pinned: values.pinned }),
    );
    console.error(JSON.stringify(results.at(-1)));
  }
  console.log(tableOf(results));
}

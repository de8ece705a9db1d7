/** Writes what the mixin imports; run by `npm run dashboards`, from the folder of the package. */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { mixinFiles } from './mixin.ts';

const rules = 'deploy/prometheus/rules';
const files = readdirSync(rules)
  .sort()
  .map((name) => `${rules}/${name}`);
const directory = 'deploy/mixin/generated';
mkdirSync(directory, { recursive: true });
for (const [name, text] of mixinFiles(files)) writeFileSync(`${directory}/${name}`, text);

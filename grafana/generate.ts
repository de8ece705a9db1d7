/** Writes the dashboards: `npm run dashboards`. Run from the folder of the package. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dashboardFiles } from './boards.ts';

const directory = 'grafana/dashboards';
mkdirSync(directory, { recursive: true });
for (const [name, json] of dashboardFiles()) writeFileSync(`${directory}/${name}`, json);

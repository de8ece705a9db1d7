/** Writes the PrometheusRule and the boards; run by `npm run dashboards`, from the folder of the package. */
import { readdirSync, writeFileSync } from 'node:fs';
import { dashboardConfigMaps } from './dashboards.ts';
import { prometheusRule } from './prometheus-rule.ts';

const rules = 'deploy/prometheus/rules';
const files = readdirSync(rules)
  .sort()
  .map((name) => `${rules}/${name}`);
writeFileSync('deploy/kubernetes/prometheusrule.yaml', prometheusRule(files));
for (const [name, text] of dashboardConfigMaps()) writeFileSync(`deploy/kubernetes/${name}`, text);

/** Writes rules, boards and the routes of alerts as a cluster takes them; run by `npm run dashboards`, from the folder of the package. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { inhibitions, messages } from './alertmanager-config.ts';
import { dashboardConfigMaps } from './dashboards.ts';
import { prometheusRule } from './prometheus-rule.ts';

const rules = 'deploy/prometheus/rules';
const files = readdirSync(rules)
  .sort()
  .map((name) => `${rules}/${name}`);
writeFileSync('deploy/kubernetes/prometheusrule.yaml', prometheusRule(files));
for (const [name, text] of dashboardConfigMaps()) writeFileSync(`deploy/kubernetes/${name}`, text);

const alertmanager = readFileSync('deploy/alertmanager/alertmanager.yml', 'utf8');
const templates = readFileSync('deploy/alertmanager/templates/openai.tmpl', 'utf8');
writeFileSync('deploy/kubernetes/alertmanagerconfig.yaml', inhibitions(alertmanager));
writeFileSync('deploy/kubernetes/messages/alertmanagerconfig.yaml', messages(alertmanager, templates));

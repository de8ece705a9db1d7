/** Writes the generated files of the chart, and its version elsewhere; run by `npm run dashboards`, from the folder of the package. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { chartFiles, withImageVersion } from './chart.ts';

const { version, repository } = JSON.parse(readFileSync('package.json', 'utf8'));
const files = chartFiles({
  version,
  repository: repository.url,
  alertmanager: readFileSync('deploy/alertmanager/alertmanager.yml', 'utf8'),
  messageTemplates: readFileSync('deploy/alertmanager/templates/openai.tmpl', 'utf8'),
});
for (const [name, text] of files) {
  const path = `deploy/helm/openai-usage-exporter/${name}`;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}
const kustomization = 'deploy/kubernetes/kustomization.yaml';
writeFileSync(kustomization, withImageVersion(readFileSync(kustomization, 'utf8'), version));

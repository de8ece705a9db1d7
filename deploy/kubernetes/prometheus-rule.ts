/** The rules of deploy/prometheus as the Prometheus operator takes them: the same ones, not a second version. */
import { readFileSync } from 'node:fs';
import { parse, stringify } from 'yaml';

/** @param files of rules, in the order in which their groups appear */
export function prometheusRule(files: readonly string[]): string {
  const groups = files.flatMap((file) => groupsIn(parse(readFileSync(file, 'utf8'), { merge: true })));
  const resource = {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PrometheusRule',
    metadata: { name: 'openai-usage-exporter' },
    spec: { groups },
  };
  const text = stringify(resource, { lineWidth: 0, aliasDuplicateObjects: false });
  return `# Generated from deploy/prometheus/rules: change those and run \`npm run dashboards\`.\n${text}`;
}

function groupsIn(document: unknown): readonly unknown[] {
  const groups = typeof document === 'object' && document !== null ? Object.entries(document) : [];
  const found = groups.find(([key]) => key === 'groups')?.[1];
  if (!Array.isArray(found)) throw new Error('a file of rules without groups');
  return found;
}

/** The rules of deploy/prometheus as the Prometheus operator takes them: the same ones, not a second version. */
import { stringify } from 'yaml';
import { ruleGroupsOf } from '../prometheus/rule-groups.ts';

/** @param files of rules, in the order in which their groups appear */
export function prometheusRule(files: readonly string[]): string {
  const resource = {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PrometheusRule',
    metadata: { name: 'openai-usage-exporter' },
    spec: { groups: ruleGroupsOf(files) },
  };
  const text = stringify(resource, { lineWidth: 0, aliasDuplicateObjects: false });
  return `# Generated from deploy/prometheus/rules: change those and run \`npm run dashboards\`.\n${text}`;
}

/**
 * The recording rules as Grafana's own alerting provisions them, for those who cannot give rules to their Prometheus: the
 * same ones, not a second version. Grafana evaluates them and writes the results back.
 */
import { stringify } from 'yaml';
import type { Group, Rule } from '../prometheus/recording.ts';

/** The data source that is read and written; it must take remote write. */
const source = 'prometheus';

function managedRule({ record, expr, labels }: Rule, index: number, group: string) {
  const own = Object.entries(labels ?? {}).map(([label, value]) => `${label}=${value}`);
  return {
    uid: `${group.replaceAll('_', '-')}-${index + 1}`,
    title: [record, ...own].join(' '),
    condition: 'A',
    data: [
      {
        refId: 'A',
        relativeTimeRange: { from: 600, to: 0 },
        datasourceUid: source,
        model: { refId: 'A', expr, instant: true, range: false },
      },
    ],
    ...(labels === undefined ? {} : { labels }),
    record: { metric: record, from: 'A', target_datasource_uid: source },
  };
}

/** A file for Grafana's folder provisioning/alerting. */
export function managedRules(groups: readonly Group[]): string {
  const content = {
    apiVersion: 1,
    groups: groups.map(({ name, interval = '1m', rules }) => ({
      orgId: 1,
      name,
      folder: 'OpenAI',
      interval,
      rules: rules.map((rule, index) => managedRule(rule, index, name)),
    })),
  };
  return `# Generated from deploy/prometheus/recording.ts: change that and run \`npm run dashboards\`.
# For Grafana 12 or later whose Prometheus has no rules: put it into provisioning/alerting. The data source has the uid
# "prometheus" and takes remote write; Grafana has recording rules turned on ([recording_rules] enabled = true).
${stringify(content, { lineWidth: 0, aliasDuplicateObjects: false })}`;
}

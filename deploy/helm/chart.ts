/** The parts of the chart that are made from elsewhere: its version, its schema, rules, boards and routes. */
import { parse, stringify } from 'yaml';
import { dashboardFiles } from '../../grafana/boards.ts';
import { inhibitionsSpec, messagesSpec } from '../kubernetes/alertmanager-config.ts';
import { alertingRules } from '../prometheus/alerts.ts';
import type { Links } from '../prometheus/links.ts';
import { recordingRules } from '../prometheus/recording.ts';
import { ruleGroupsIn } from '../prometheus/rule-groups.ts';
import { valuesSchemaFile } from './values-schema.ts';

/** The templates put addresses from the values in their place. */
const links: Links = { grafana: 'https://grafana.invalid', runbooks: 'https://runbooks.invalid' };

export interface ChartSources {
  readonly version: string;
  /** The address as package.json has it: `git+https://….git`. */
  readonly repository: string;
  /** The texts of alertmanager.yml and of its templates. */
  readonly alertmanager: string;
  readonly messageTemplates: string;
}

/** Returns the generated files of the chart, by path in it. */
export function chartFiles({
  version,
  repository,
  alertmanager,
  messageTemplates,
}: ChartSources): ReadonlyMap<string, string> {
  const groups = [alertingRules(links), recordingRules()].flatMap((text) => ruleGroupsIn(text));
  return new Map([
    ['Chart.yaml', chartFile(version, repository)],
    ['values.schema.json', valuesSchemaFile()],
    ['files/rules.yaml', generated('deploy/prometheus', { groups })],
    ['files/inhibitions.yaml', generated('deploy/alertmanager', inhibitionsSpec(alertmanager))],
    ['files/messages.yaml', generated('deploy/alertmanager', messagesSpec(alertmanager, messageTemplates))],
    // On one line: nobody reads them here, and a release of Helm is bounded in size.
    ...[...dashboardFiles()].map(
      ([name, json]) => [`files/dashboards/${name}`, `${JSON.stringify(JSON.parse(json))}\n`] as const,
    ),
  ]);
}

function chartFile(version: string, repository: string): string {
  const home = repository.replace(/^git\+/, '').replace(/\.git$/, '');
  return generated('package.json and deploy/helm/chart.ts', {
    apiVersion: 'v2',
    name: 'openai-usage-exporter',
    description: 'Prometheus exporter for the usage and costs of an OpenAI organization',
    type: 'application',
    version,
    appVersion: version,
    kubeVersion: '>=1.25.0-0',
    home,
    sources: [home],
    keywords: ['openai', 'prometheus', 'exporter', 'usage', 'costs', 'finops', 'llm'],
    annotations: { 'artifacthub.io/license': 'MIT', 'artifacthub.io/category': 'monitoring-logging' },
  });
}

function generated(from: string, content: object): string {
  const text = stringify(content, { lineWidth: 0, aliasDuplicateObjects: false });
  return `# Generated from ${from}: change that and run \`npm run dashboards\`.\n${text}`;
}

/** Sets the version of the image in a kustomization. */
export function withImageVersion(kustomization: string, version: string): string {
  const text = kustomization.replace(/^( +newTag: ).*$/m, `$1${version}`);
  const { images } = parse(text);
  if (images?.[0]?.newTag !== version) throw new Error('kustomization.yaml has no newTag');
  return text;
}

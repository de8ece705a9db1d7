/** The boards as ConfigMaps: the sidecar of Grafana's Helm chart looks for their label and hands them to Grafana. */
import { stringify } from 'yaml';
import { dashboardFiles } from '../../grafana/boards.ts';

/** Returns the manifests by file name. Each board has one of its own, which stays below what `kubectl apply` can take. */
export function dashboardConfigMaps(): ReadonlyMap<string, string> {
  return new Map(
    [...dashboardFiles()].map(([file, json]) => {
      const name = `dashboard-${file.replace('.json', '')}`;
      const resource = {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name, labels: { grafana_dashboard: '1' }, annotations: { grafana_folder: 'OpenAI' } },
        data: { [file]: json },
      };
      const text = stringify(resource, { lineWidth: 0 });
      return [`${name}.yaml`, `# Generated from grafana/boards: change those and run \`npm run dashboards\`.\n${text}`];
    }),
  );
}

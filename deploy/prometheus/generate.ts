/** Writes the recording rules, for Prometheus and for Grafana; run by `npm run dashboards`, from the folder of the package. */
import { writeFileSync } from 'node:fs';
import { managedRules } from '../grafana/managed-rules.ts';
import { recordingGroups, recordingRules } from './recording.ts';

writeFileSync('deploy/prometheus/rules/openai-recording.yml', recordingRules());
writeFileSync('deploy/grafana/openai-recording.yaml', managedRules(recordingGroups));

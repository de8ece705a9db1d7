/** Writes the rules, the recording ones for Grafana, too; run by `npm run dashboards`, from the folder of the package. */
import { writeFileSync } from 'node:fs';
import { managedRules } from '../grafana/managed-rules.ts';
import { alertingRules } from './alerts.ts';
import { linksFrom } from './links.ts';
import { recordingGroups, recordingRules } from './recording.ts';

writeFileSync('deploy/prometheus/rules/openai-recording.yml', recordingRules());
writeFileSync('deploy/prometheus/rules/openai-alerts.yml', alertingRules(linksFrom(process.env)));
writeFileSync('deploy/grafana/openai-recording.yaml', managedRules(recordingGroups));

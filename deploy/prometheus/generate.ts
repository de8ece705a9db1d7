/** Writes the recording rules; run by `npm run dashboards`, from the folder of the package. */
import { writeFileSync } from 'node:fs';
import { recordingRules } from './recording.ts';

writeFileSync('deploy/prometheus/rules/openai-recording.yml', recordingRules());

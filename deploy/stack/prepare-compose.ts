/**
 * What compose.yaml runs before Prometheus starts: `node prepare-compose.ts FOLDER TARGET`, in the exporter's image, whose
 * Node takes this file as it is. Writes to the folder the configuration and the rules of the demonstration, which looks
 * more often than one would for good, and the past of the target, unless that was written at an earlier start.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hurriedConfiguration, hurriedRules } from './configuration.ts';
import { writePast } from './past-file.ts';

const [folder, target] = process.argv.slice(2);
if (folder === undefined || target === undefined) {
  throw new Error('give the folder to write to, and the target as Prometheus scrapes it');
}
/** The folder of the package, in which the image works. */
const source = 'deploy/prometheus';
const configuration = readFileSync(join(source, 'prometheus.yml'), 'utf8');
writeFileSync(join(folder, 'prometheus.yml'), hurriedConfiguration(configuration));
mkdirSync(join(folder, 'rules'), { recursive: true });
for (const name of readdirSync(join(source, 'rules'))) {
  writeFileSync(join(folder, 'rules', name), hurriedRules(readFileSync(join(source, 'rules', name), 'utf8')));
}
const file = join(folder, 'past.om');
// It is empty once it has been made into blocks.
if (!existsSync(file)) {
  await writePast({ url: `http://${target}/metrics`, file, job: 'openai-usage-exporter', instance: target });
}

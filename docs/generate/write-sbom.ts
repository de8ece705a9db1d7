/** `npm run sbom`: prints what runs in production as CycloneDX, from the lockfile. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { productionSbom } from './sbom.ts';

const top = fileURLToPath(new URL('../../../', import.meta.url));
const asked = ['sbom', '--sbom-format=cyclonedx', '--sbom-type=application', '--package-lock-only'];
const whole = execFileSync('npm', asked, { cwd: top, encoding: 'utf8', maxBuffer: 2 ** 26 });
process.stdout.write(productionSbom(whole, readFileSync(`${top}package-lock.json`, 'utf8')));

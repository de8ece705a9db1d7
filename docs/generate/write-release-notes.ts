/** `npm run --silent release-notes -- 0.2.0`: prints the notes of a release. */
import { readFileSync } from 'node:fs';
import { releaseNotes } from './release-notes.ts';

const [version = ''] = process.argv.slice(2);
process.stdout.write(releaseNotes(readFileSync(new URL('../../../CHANGELOG.md', import.meta.url), 'utf8'), version));

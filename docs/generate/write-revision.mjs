/** A step of the build: leaves the commit beside the program, from $REVISION or from git. Without either, nothing. */
import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { revisionFile } from '../../dist/build-info.js';

const directory = fileURLToPath(new URL('../../', import.meta.url));
const revision = (process.env['REVISION'] ?? '').trim() || fromGit();

if (/^[\w.+-]{1,100}$/.test(revision)) writeFileSync(revisionFile, `${revision}\n`);
else rmSync(revisionFile, { force: true });

function fromGit() {
  const git = (...words) =>
    execFileSync('git', words, { cwd: directory, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    // Unpacked inside somebody else's repository, its commit says nothing about this program.
    return git('rev-parse', '--show-prefix') === '' ? git('rev-parse', '--short=12', 'HEAD') : '';
  } catch {
    return '';
  }
}

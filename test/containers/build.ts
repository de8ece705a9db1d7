/** Builds the image from the Dockerfile, once for all tests. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { docker, engineAnswers, image, top } from './docker.ts';

export const { version }: { version: string } = JSON.parse(readFileSync(join(top, 'package.json'), 'utf8'));
export const revision = 'e2e0revision';
export const buildArguments = ['--network=host', `--build-arg=REVISION=${revision}`, `--build-arg=VERSION=${version}`];

export default async function build(): Promise<void> {
  if (!engineAnswers) return;
  const begun = performance.now();
  await docker('build', ...buildArguments, '--tag', image, '.');
  process.stdout.write(`the image was built in ${((performance.now() - begun) / 1_000).toFixed(0)} s\n`);
}

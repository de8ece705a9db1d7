import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { buildInfo } from '../src/build-info.ts';

test('the version is that of the package; before a build nobody knows the revision', () => {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  expect(buildInfo).toEqual({ version, revision: 'unknown' });
});

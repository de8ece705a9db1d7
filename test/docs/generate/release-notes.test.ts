import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { releaseNotes } from '../../../docs/generate/release-notes.ts';

const changelog = `# Changelog

What changes.

## 0.3.0, not released yet

- New.

## 0.2.0, 2027-01-15

Numbers:

- Better.

## 0.1.0, 2026-12-01
`;

test('the notes of a release are the section of its version', () => {
  expect(releaseNotes(changelog, '0.2.0')).toBe('Numbers:\n\n- Better.\n');
});

test.each([
  ['0.3.0', 'write the day of release as "## 0.3.0, 2027-01-15"; it says "## 0.3.0, not released yet"'],
  ['0.1.0', 'nothing stands under "## 0.1.0, 2026-12-01"'],
  ['0.4.0', 'there is no section "## 0.4.0, …"'],
  ['', 'there is no section "## , …"'],
])('without a section that can be released for %s it says what is missing', (version, message) => {
  expect(() => releaseNotes(changelog, version)).toThrow(message);
});

test('the newest section of the changelog is of the version of the package', () => {
  const top = new URL('../../../', import.meta.url);
  const { version } = JSON.parse(readFileSync(new URL('package.json', top), 'utf8'));
  const [, newest = ''] = readFileSync(new URL('CHANGELOG.md', top), 'utf8').split(/^## /m);
  expect(newest.split(', ')[0]).toBe(version);
});

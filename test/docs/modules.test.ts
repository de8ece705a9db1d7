/** docs/how-it-works.md names the parts there are. */
import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { codeIn, documentAt } from '../helpers/documents.ts';

const source = new URL('../../src/', import.meta.url);
const words = codeIn(documentAt('docs/how-it-works.md'));

test('every folder of src is told of', () => {
  const folders = readdirSync(source, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const text = words.join('\n');
  expect(folders.map(({ name }) => `src/${name}`).filter((folder) => !text.includes(folder))).toEqual([]);
});

test('every file that it tells of is in src', () => {
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).map((path) => path.split('/').at(-1));
  const named = words.filter((word) => /^[a-z-]+\.ts$/.test(word));
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter((name) => !files.includes(name))).toEqual([]);
});

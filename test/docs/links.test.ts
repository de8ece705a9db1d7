/** Links within the repository lead somewhere. */
import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { anchorsIn, type Document, documents, linksIn } from '../helpers/documents.ts';

const all = documents();

function isThere(from: Document, target: string): boolean {
  const url = new URL(target, from.url);
  const anchor = decodeURIComponent(url.hash.slice(1));
  url.hash = '';
  if (!existsSync(url)) return false;
  if (anchor === '') return true;
  const document = all.find((each) => each.url.href === url.href);
  return document !== undefined && anchorsIn(document).includes(anchor);
}

test.each(all.map((document) => [document.path, document] as const))('the links of %s resolve', (_path, document) => {
  expect(linksIn(document).filter((target) => !isThere(document, target))).toEqual([]);
});

test('there are links, and a wrong one is found', () => {
  const readme = all.find(({ path }) => path === 'README.md');
  if (readme === undefined) throw new Error('there is no README.md');
  expect(linksIn(readme).length).toBeGreaterThan(5);
  expect(isThere(readme, 'docs/settings.md#all-settings')).toBe(true);
  expect(isThere(readme, 'docs/settings.md#no-settings')).toBe(false);
  expect(isThere(readme, 'docs/nothing.md')).toBe(false);
});

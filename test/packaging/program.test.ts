/** Whatever is in src is part of the program: what only tests and builds need is elsewhere, so it is not in the package. */
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const source = new URL('../../src/', import.meta.url);

/** Returns the files that a file imports, and those that it starts as threads. */
function leadsTo(url: string): readonly string[] {
  const text = readFileSync(new URL(url), 'utf8');
  const imports = [...text.matchAll(/\b(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map(([, path = '']) => path);
  const threads = [...text.matchAll(/new URL\('(\.[^']+\.js)'/g)].map(([, path = '']) => path.replace(/js$/, 'ts'));
  return [...imports, ...threads].map((path) => new URL(path, url).href);
}

test('every file in src is needed to run the program', () => {
  const found = new Set<string>();
  const waiting = [new URL('main.ts', source).href];
  for (let url = waiting.pop(); url !== undefined; url = waiting.pop()) {
    if (found.has(url)) continue;
    found.add(url);
    waiting.push(...leadsTo(url));
  }
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts'));
  expect(files.length).toBeGreaterThan(100);
  expect(files.filter((path) => !found.has(new URL(path, source).href))).toEqual([]);
});

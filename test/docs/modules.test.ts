/** docs/how-it-works.md names the parts there are, and who may import whom. */
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { codeIn, documentAt } from '../helpers/documents.ts';

const source = new URL('../../src/', import.meta.url);
const document = documentAt('docs/how-it-works.md');
const words = codeIn(document);
const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts'));

test('every folder of src is told of', () => {
  const folders = readdirSync(source, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const text = words.join('\n');
  expect(folders.map(({ name }) => `src/${name}`).filter((folder) => !text.includes(folder))).toEqual([]);
});

test('every file that it tells of is in src', () => {
  const names = files.map((path) => path.split('/').at(-1));
  const named = words.filter((word) => /^[a-z-]+\.ts$/.test(word));
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter((name) => !names.includes(name))).toEqual([]);
});

/** Folders of src, and files beside them, line by line. */
const order = (document.fences.find(({ text }) => text.startsWith('units.ts'))?.text ?? '')
  .trimEnd()
  .split('\n')
  .map((line) => line.split(', '));
const lines = new Map(order.flatMap((names, line) => names.map((name) => [name, line])));

/** The folder in src, or the file where it is in none. */
function partOf(path: string): string {
  return path.split('/')[0] ?? '';
}

/** Returns what a file imports from elsewhere in src, as paths in there. */
function importsOf(path: string): readonly string[] {
  const url = new URL(path, source);
  const found = readFileSync(url, 'utf8').matchAll(/\b(?:from|import)\s*\(?\s*'(\.[^']+)'/g);
  return [...found].map(([, target = '']) => new URL(target, url).href.slice(source.href.length));
}

test('everything in src has a place in the order, once', () => {
  expect(order.flat().sort()).toEqual([...new Set(files.map(partOf))].sort());
});

test('nothing imports from its own line or from further down', () => {
  const imports = files.flatMap((path) => importsOf(path).map((target) => ({ path, target })));
  const across = imports.filter(({ path, target }) => partOf(path) !== partOf(target));
  expect(across.length).toBeGreaterThan(100);
  const lineOf = (path: string) => lines.get(partOf(path)) ?? Number.NaN;
  const against = across.filter(({ path, target }) => !(lineOf(target) < lineOf(path)));
  expect(against.map(({ path, target }) => `${path} imports ${target}`)).toEqual([]);
});

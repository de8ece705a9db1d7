/** Flags, variables, metrics, scripts and files that the documents name are there. */
import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { servedFamilies } from '../../docs/generate/served-families.ts';
import { endpoints } from '../../src/openai/catalogue.ts';
import { allFlags, variableOf } from '../../src/settings/flags.ts';
import { codeIn, type Document, documentAt, documents } from '../helpers/documents.ts';

const all = documents().map((document) => [document.path, document] as const);
const top = new URL('../../', import.meta.url);

/** Returns what of the document's code matches and is not known. */
function unknownIn(document: Document, pattern: RegExp, known: ReadonlySet<string>): readonly string[] {
  const found = codeIn(document).flatMap((text) => [...text.matchAll(pattern)].map(([, name = '']) => name));
  return [...new Set(found)].filter((name) => !known.has(name));
}

// Flags of other programs have no point in them.
const flag = /(?<![\w-])--(?:no-)?([a-z]+\.[a-z][a-z.-]*[a-z])/g;
const flags = new Set(allFlags.map(({ name }) => name));

test.each(all)('flags in %s are flags of the program', (_path, document) => {
  expect(unknownIn(document, flag, flags)).toEqual([]);
});

const variable = /\b(OPENAI_EXPORTER_[A-Z_]*[A-Z])\b/g;
const variables = new Set(allFlags.map(variableOf));

test.each(all)('variables in %s are variables of the program', (_path, document) => {
  expect(unknownIn(document, variable, variables)).toEqual([]);
});

// Followed by more than a name it is a pattern, like openai_<api>_…
const metric = /\b(openai_[a-z0-9_]*[a-z0-9])(?![a-z0-9_<…*.])/g;

async function servedMetrics(): Promise<ReadonlySet<string>> {
  return new Set((await servedFamilies()).map(({ name }) => name));
}

test.each(all)('metrics in %s are metrics of the program', async (_path, document) => {
  const served = await servedMetrics();
  expect(served.size).toBeGreaterThan(80);
  expect(unknownIn(document, metric, served)).toEqual([]);
});

test('docs/metrics.md has every metric, by its name or by its api and field', async () => {
  const { text } = documentAt('docs/metrics.md');
  const has = (name: string) => new RegExp(`\`${name}[\`{]`).test(text);
  const hasField = (name: string) =>
    endpoints.some(({ api }) => {
      const [, field = ''] = new RegExp(`^openai_(?:usage_|live_)?${api}_(\\w+?)(?:_total)?$`).exec(name) ?? [];
      return has(api) && has(field);
    });
  const missing = [...(await servedMetrics())].filter((name) => !has(name) && !hasField(name));
  expect(missing).toEqual([]);
});

const script = /\bnpm (?:run )?(test|start|(?<=run )[a-z][a-z0-9:]*)/g;

test.each(all)('scripts in %s are scripts of package.json', (_path, document) => {
  const { scripts } = JSON.parse(readFileSync(new URL('package.json', top), 'utf8'));
  expect(unknownIn(document, script, new Set(Object.keys(scripts)))).toEqual([]);
});

const file = /^((?:src|test|docs|deploy|grafana|bench)\/[\w./-]+)$/g;

test.each(all)('files in %s are there', (_path, document) => {
  const missing = unknownIn(document, file, new Set()).filter((path) => !existsSync(new URL(path, top)));
  expect(missing).toEqual([]);
});

test('a wrong name is found', async () => {
  const [, readme] = all.find(([path]) => path === 'README.md') ?? [];
  if (readme === undefined) throw new Error('there is no README.md');
  const wrong = {
    ...readme,
    prose: 'Set `--poll.intervall` for `openai_completions_tokens_total`: `npm run exact`.',
    fences: [],
  };
  expect(unknownIn(wrong, flag, flags)).toEqual(['poll.intervall']);
  expect(unknownIn(wrong, metric, await servedMetrics())).toEqual(['openai_completions_tokens_total']);
  expect(unknownIn(wrong, script, new Set())).toEqual(['exact']);
});

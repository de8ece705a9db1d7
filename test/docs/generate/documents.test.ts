import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { generatedParts } from '../../../docs/generate/documents.ts';
import { fillPart } from '../../../docs/generate/markers.ts';

test.each(generatedParts)('$file has the current $part; if not: npm run docs', async ({ file, part, text }) => {
  const document = readFileSync(new URL(`../../../${file}`, import.meta.url), 'utf8');
  expect(document).toBe(fillPart(document, part, await text()));
});

test('a part is filled again and again, and the rest is left alone', () => {
  const document = 'a\n<!-- npm run docs: x -->\n<!-- end: x -->\nb\n';
  const filled = fillPart(document, 'x', 'text\n');
  expect(filled).toMatch(/^a\n<!-- npm run docs: x -->\n\ntext\n\n<!-- end: x -->\nb\n$/);
  expect(fillPart(filled, 'x', 'text\n')).toBe(filled);
  expect(() => fillPart(document, 'y', '')).toThrow(/exactly once/);
});

/** `npm run docs`: writes the generated parts of the documents. */
import { readFileSync, writeFileSync } from 'node:fs';
import { generatedParts } from './documents.ts';
import { fillPart } from './markers.ts';

for (const { file, part, text } of generatedParts) {
  const url = new URL(`../../../${file}`, import.meta.url);
  writeFileSync(url, fillPart(readFileSync(url, 'utf8'), part, await text()));
}

/** The table of values in the chart's README, from values.yaml and its comments. */
import { readFileSync } from 'node:fs';
import { isMap, isScalar, type Pair, parseDocument, type YAMLMap } from 'yaml';
import { markdownTable } from './markers.ts';

/** Run in the folder of the package. */
export function chartValuesTable(): string {
  return valuesTable(readFileSync('deploy/helm/openai-usage-exporter/values.yaml', 'utf8'));
}

/** Returns a row for each value that has a comment. @throws if a value has none, nor is in one that has */
export function valuesTable(values: string): string {
  const { contents } = parseDocument(values);
  if (!isMap(contents)) throw new Error('values.yaml is no map');
  return markdownTable(['Value', 'Default', 'Meaning'], rowsOf(contents, ''));
}

function rowsOf(map: YAMLMap, within: string): readonly (readonly string[])[] {
  return map.items.flatMap((pair, index) => {
    if (!isScalar(pair.key)) throw new Error(`${within} has a key that is none`);
    const name = `${within}${pair.key.value}`;
    const meaning = commentOf(map, pair, index);
    if (meaning !== undefined) return [[`\`${name}\``, defaultOf(pair.value), meaning]];
    if (!isMap(pair.value)) throw new Error(`values.yaml: write a comment above ${name}`);
    return rowsOf(pair.value, `${name}.`);
  });
}

/** The paragraph right above a value. To the parser it belongs to the map where the value is the first. */
function commentOf(map: YAMLMap, { key }: Pair, index: number): string | undefined {
  const own = isScalar(key) ? key.commentBefore : undefined;
  const text = own ?? (index === 0 ? map.commentBefore : undefined);
  return text?.split('\n\n').at(-1)?.trim().replaceAll(/\n\s*/g, ' ');
}

function defaultOf(value: unknown): string {
  const plain: unknown = JSON.parse(JSON.stringify(value));
  return plain === '' ? '' : `\`${typeof plain === 'string' ? plain : JSON.stringify(plain)}\``;
}

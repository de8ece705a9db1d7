/** Every shape in which a response tells its usage, with what it counts. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { allLabels } from '../../src/live/labels.ts';
import { type Reading, readRecord } from '../../src/live/read-record.ts';

interface Case {
  readonly name: string;
  readonly record: object;
  readonly envelope?: object;
  readonly right: 'skipped' | 'refused' | Readonly<Record<string, unknown>>;
}

const { cases }: { readonly cases: readonly Case[] } = JSON.parse(
  readFileSync(new URL('../fixtures/live/shapes.json', import.meta.url), 'utf8'),
);

const labels = allLabels([]);
const read = (record: unknown): Reading => readRecord(record, labels, { api: undefined, labels: new Map() });

/** Returns the counts of a record, by api. */
function countsOf(reading: Reading): Readonly<Record<string, Readonly<Record<string, number>>>> {
  const found: Record<string, Record<string, number>> = {};
  if (!('usage' in reading)) return found;
  for (const [{ api, name }, value] of reading.usage.counts) found[api] = { ...found[api], [name]: value };
  return found;
}

test.each(cases)('$name', ({ record, envelope, right }) => {
  const reading = read(envelope === undefined ? record : { ...envelope, record });
  expect(JSON.stringify(reading)).not.toContain('CANARY');
  if (right === 'skipped') return expect(reading).toHaveProperty('skipped', true);
  if (right === 'refused') return expect(reading).toHaveProperty('reason');
  const { api = 'completions', ...counts } = right;
  const expected = Object.values(right).some((value) => typeof value === 'object') ? right : { [String(api)]: counts };
  expect(countsOf(reading)).toMatchObject(expected);
});

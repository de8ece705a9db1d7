import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, test } from 'vitest';
import {
  allDimensions,
  dimensionsOfPath,
  endpointOf,
  endpoints,
  unitLabelsOf,
  userCosts,
} from '../../src/openai/catalogue.ts';

const root = join(import.meta.dirname, '../..');
const run = promisify(execFile);
const places: string[] = [];

afterEach(async () => {
  await Promise.all(places.splice(0).map((place) => rm(place, { recursive: true, force: true })));
});

/** Returns what the compiler says about a catalogue in which `from` reads `to`; empty if it is content. */
async function compile(from: string, to: string): Promise<string> {
  const place = await mkdtemp(join(tmpdir(), 'catalogue-'));
  places.push(place);
  await symlink(join(root, 'node_modules'), join(place, 'node_modules'));
  const sources = ['src/units.ts', 'src/openai/catalogue.ts', 'test/openai/catalogue.test-d.ts'];
  for (const file of ['tsconfig.json', 'package.json', ...sources]) {
    await cp(join(root, file), join(place, file));
  }
  const file = join(place, 'src/openai/catalogue.ts');
  const text = await readFile(file, 'utf8');
  expect(text).toContain(from);
  await writeFile(file, text.replace(from, to));
  const compiler = join(root, 'node_modules/typescript/bin/tsc');
  try {
    await run(process.execPath, [compiler, '--noEmit', '-p', place]);
    return '';
  } catch (error) {
    return error instanceof Error && 'stdout' in error ? String(error.stdout) : String(error);
  }
}

describe('the catalogue', () => {
  test('has each api once, with fields of different names', () => {
    const apis = endpoints.map((endpoint) => endpoint.api);
    expect(new Set(apis).size).toBe(12);
    for (const endpoint of endpoints) {
      const names = endpoint.fields.map((field) => field.name);
      expect(new Set(names).size).toBe(names.length);
      for (const field of endpoint.fields) expect(field.path.join('_')).toBe(field.name);
      expect(endpointOf(endpoint.api)).toBe(endpoint);
    }
    expect(allDimensions).toContain('service_tier');
  });

  test('groups costs by project, and by user in a second read that no setting names', () => {
    expect(endpointOf('costs')?.dimensions).toEqual(['project_id', 'line_item', 'api_key_id', 'api_source']);
    expect(userCosts).toMatchObject({
      path: '/organization/costs',
      dimensions: ['user_id'],
      summedOver: ['line_item'],
    });
    expect(endpoints).not.toContain(userCosts);
    expect([...dimensionsOfPath(userCosts.path)].sort()).toEqual(
      ['project_id', 'line_item', 'api_key_id', 'api_source', 'user_id'].sort(),
    );
  });

  test('knows where usage has a source', () => {
    const withSource = endpoints.filter(({ dimensions }) => dimensions.includes('api_source')).map(({ api }) => api);
    expect(withSource).toEqual(['completions', 'decisions', 'web_search_calls', 'costs']);
  });

  test('labels amounts and quantities, and nothing else, with a unit', () => {
    const labelled = endpoints.filter((endpoint) => unitLabelsOf(endpoint).length > 0);
    expect(labelled.map((endpoint) => endpoint.api)).toEqual(['costs']);
  });

  // What the check is worth: it must fail for each kind of thing that the client knows and the catalogue does not.
  test.each([
    ["flow('input_image_tokens', 'tokens', false, 'Uncached image input.'),", '', 'input_image_tokens'],
    [
      "flow('input_cache_write_12h_tokens', 'tokens', false, 'Part of input_cache_write_tokens that is kept for 12 hours.'),",
      '',
      'input_cache_write_12h_tokens',
    ],
    [
      "requests,\n  flow('input_cached_tokens'",
      "requests,\n  flow('input_lost_tokens', 'tokens', false), flow('input_cached_tokens'",
      'input_lost_tokens',
    ],
    ["'service_tier', 'api_source']", "'service_tier']", 'api_source'],
    [
      "dimensions: [...byModel, 'batch', 'service_tier', 'api_source']",
      "dimensions: [...byModel, 'batch', 'api_source']",
      'service_tier',
    ],
    ["'context_level', 'api_source'", "'context_level'", 'api_source'],
    ["filters: [...filtersByModel, 'batch']", 'filters: filtersByModel', 'batch'],
    ["'api_key_ids', 'line_items'", "'api_key_ids'", 'line_items'],
    ["'line_item', 'api_key_id'", "'line_item'", 'api_key_id'],
    ["dimensions: ['user_id']", 'dimensions: []', 'user_id'],
    ["usage('decisions', {", "usage('choices', {", 'decisions'],
    ["usage('moderations', {", "usage('moderation', {", 'moderations'],
  ])('disagrees with the official client when %s is amiss', { timeout: 30_000 }, async (from, to, named) => {
    expect(await compile(from, to)).toContain(named);
  });

  test('agrees with the official client as it is', { timeout: 30_000 }, async () => {
    expect(await compile('export', 'export')).toBe('');
  });
});

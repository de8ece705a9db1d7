/** The queries, rules and scrape configurations in the documents are such to Prometheus's own tools. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { documents, type Fence } from '../helpers/documents.ts';
import { findTool } from '../helpers/tools.ts';

const promtool = findTool('promtool', 'prometheus');
const directory = mkdtempSync(join(tmpdir(), 'documents-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Expressions of a block, which an empty line parts; comments are PromQL's. */
function expressionsIn({ text }: Fence): readonly string[] {
  return text.split(/\n\s*\n/).filter((part) => part.replaceAll(/^\s*#.*$/gm, '').trim() !== '');
}

function promtoolCheck(what: 'rules' | 'config', content: string): { code: number | null; output: string } {
  const path = join(directory, `${what}.yml`);
  writeFileSync(path, content);
  const { status, stdout, stderr } = spawnSync(promtool ?? '', ['check', what, path], { encoding: 'utf8' });
  return { code: status, output: `${stdout}${stderr}` };
}

/** Whatever is JSON is YAML. */
function rulesOf(expressions: readonly string[]): string {
  const rules = expressions.map((expr, index) => ({ record: `documents:${index}`, expr }));
  return JSON.stringify({ groups: [{ name: 'documents', rules }] });
}

const blocks = documents().flatMap(({ path, fences }) => fences.map((fence) => ({ path, fence })));

describe.skipIf(promtool === undefined)('as promtool sees it', () => {
  const queries = blocks.filter(({ fence }) => fence.language === 'promql');
  const expressions = queries.flatMap(({ path, fence }) => expressionsIn(fence).map((expr) => [path, expr] as const));

  test('there are queries', () => {
    expect(expressions.length).toBeGreaterThan(10);
  });

  test('each is PromQL', () => {
    const { code, output } = promtoolCheck('rules', rulesOf(expressions.map(([, expr]) => expr)));
    expect(output).toContain(`SUCCESS: ${expressions.length} rules found`);
    expect(code).toBe(0);
  });

  test('a query that is no PromQL is found', () => {
    expect(promtoolCheck('rules', rulesOf(['sum(a) by', 'a'])).code).not.toBe(0);
  });

  test.each(
    blocks.filter(({ fence }) => /^groups:/m.test(fence.text)).map(({ path, fence }) => [path, fence.text] as const),
  )('rules in %s', (_path, text) => {
    expect(promtoolCheck('rules', text)).toMatchObject({ code: 0 });
  });

  test.each(
    blocks
      .filter(({ fence }) => /^scrape_configs:/m.test(fence.text))
      .map(({ path, fence }) => [path, fence.text] as const),
  )('scrape configuration in %s', (_path, text) => {
    expect(promtoolCheck('config', text)).toMatchObject({ code: 0 });
  });
});

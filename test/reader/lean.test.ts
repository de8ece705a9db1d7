/** The threads of an organization are started for each of several, so whatever their code loads is in memory as often. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const source = new URL('../../src/', import.meta.url);

/** Returns what a module loads when it is imported: files in src and packages, those of its imports included. */
function loadedBy(entry: string): { readonly files: readonly string[]; readonly packages: readonly string[] } {
  const files = new Set<string>();
  const packages = new Set<string>();
  const visit = (url: URL) => {
    const path = url.href.slice(source.href.length);
    if (files.has(path)) return;
    files.add(path);
    const text = readFileSync(url, 'utf8');
    const imports = text.matchAll(
      /^(?:import|export)\s(?!type\b)[^;]*?\bfrom '([^']+)';|^[^*\n]*= require\('([^']+)'\);/gm,
    );
    for (const [line, from = '', required = ''] of imports) {
      if (from.startsWith('.')) visit(new URL(from, url));
      // What stands deeper than a module's first level is loaded when it is needed.
      else if (!line.startsWith(' ') && !from.startsWith('node:')) packages.add(from || required);
    }
  };
  visit(new URL(entry, source));
  return { files: [...files], packages: [...packages].sort() };
}

const { files, packages } = loadedBy('reader/thread.ts');

test('a reading thread loads no package but these, and of the large ones only parts', () => {
  expect(packages).toEqual([
    'big.js',
    'lru-cache',
    'pino',
    'prom-client/lib/counter.js',
    'prom-client/lib/gauge.js',
    'prom-client/lib/histogram.js',
    'prom-client/lib/registry.js',
    'undici/lib/api/api-request.js',
    'undici/lib/dispatcher/pool.js',
  ]);
});

test('a reading thread loads neither the parser of settings nor the simulation nor the web server nor a command', () => {
  expect(files).toContain('openai/client.ts');
  const others = files.filter((path) => /^(?:settings|simulation|web|commands|backfill)\//.test(path));
  expect(others).toEqual(['settings/polled-apis.ts']);
});

test('a thread of live usage loads no package but these, and not the parser of settings', () => {
  const live = loadedBy('live/thread.ts');
  expect(live.packages).toEqual(['@bufbuild/protobuf/wire', 'big.js', 'lru-cache', 'pino']);
  expect(live.files.filter((path) => /^(?:settings|web|commands|backfill)\//.test(path))).toEqual([
    'settings/live-dimensions.ts',
  ]);
});

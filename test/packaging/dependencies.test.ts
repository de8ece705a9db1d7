/** Few dependencies, each justified; pinned, hashed, and without anything that runs at installation. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import * as z from 'zod';
import { productionSbom } from '../../docs/generate/sbom.ts';
import { documentAt } from '../helpers/documents.ts';

const top = new URL('../../', import.meta.url);
const json = (path: string): unknown => JSON.parse(readFileSync(new URL(path, top), 'utf8'));

const { dependencies, devDependencies } = z
  .object({ dependencies: z.record(z.string(), z.string()), devDependencies: z.record(z.string(), z.string()) })
  .parse(json('package.json'));

const entry = z.object({
  version: z.string().optional(),
  integrity: z.string().optional(),
  dev: z.boolean().optional(),
  hasInstallScript: z.boolean().optional(),
  optionalDependencies: z.record(z.string(), z.string()).optional(),
});
const { packages } = z.object({ packages: z.record(z.string(), entry) }).parse(json('package-lock.json'));
const locked = Object.entries(packages).filter(([path]) => path !== '');
const inProduction = locked.filter(([, { dev }]) => dev !== true);

test('docs/dependencies.md has each dependency, and no other', () => {
  const rows = [...documentAt('docs/dependencies.md').text.matchAll(/^- `([^`]+)`: (.+); (.+)$/gm)];
  expect(rows.map(([, name]) => name)).toEqual(Object.keys(dependencies).sort());
  for (const [, , what = '', instead = ''] of rows) {
    expect(what.length).toBeGreaterThan(20);
    expect(instead.length).toBeGreaterThan(20);
  }
});

test.each(Object.entries({ ...dependencies, ...devDependencies }))('%s %s is pinned to one version', (_, version) => {
  expect(version).toMatch(/^\d+\.\d+\.\d+(?:-[\w.]+)?$/);
});

test('everything in the lockfile has its hash', () => {
  expect(locked.filter(([, { integrity }]) => !integrity?.startsWith('sha512-')).map(([path]) => path)).toEqual([]);
});

test('nothing in production runs at installation, or is there for some platforms alone', () => {
  expect(inProduction.length).toBeGreaterThan(20);
  expect(inProduction.filter(([, { hasInstallScript }]) => hasInstallScript).map(([path]) => path)).toEqual([]);
  expect(inProduction.filter(([, { optionalDependencies }]) => optionalDependencies).map(([path]) => path)).toEqual([]);
});

test('the list of what runs in production is CycloneDX, and whole', { timeout: 60_000 }, () => {
  const cwd = fileURLToPath(top);
  const asked = ['sbom', '--sbom-format=cyclonedx', '--package-lock-only'];
  const whole = execFileSync('npm', asked, { cwd, encoding: 'utf8', stdio: 'pipe', maxBuffer: 2 ** 26 });
  const sbom = z
    .object({
      bomFormat: z.literal('CycloneDX'),
      specVersion: z.string(),
      components: z.array(
        z.object({ name: z.string(), version: z.string(), purl: z.string(), hashes: z.array(z.unknown()).min(1) }),
      ),
      dependencies: z.array(z.object({ ref: z.string(), dependsOn: z.array(z.string()) })),
    })
    .parse(JSON.parse(productionSbom(whole, readFileSync(new URL('package-lock.json', top), 'utf8'))));
  const listed = sbom.components.map(({ name, version }) => `${name} ${version}`).sort();
  const expected = inProduction.map(([path, { version }]) => `${path.replace(/^.*node_modules\//, '')} ${version}`);
  expect(listed).toEqual([...new Set(expected)].sort());
  const own = sbom.dependencies.find(({ ref }) => ref.startsWith('openai-usage-exporter@'));
  expect(own?.dependsOn).toHaveLength(Object.keys(dependencies).length);
});

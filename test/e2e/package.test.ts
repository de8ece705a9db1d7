/** The package holds the program and its documents, and nothing that only tests and builds need. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import * as z from 'zod';

const top = fileURLToPath(new URL('../../', import.meta.url));

const packed = z.array(z.object({ files: z.array(z.object({ path: z.string() })) })).length(1);

test('npm packs what src is compiled to, the documents, and nothing else', { timeout: 180_000 }, ({
  onTestFinished,
}) => {
  // A copy, because packing builds anew and other tests run what is built here.
  const copy = mkdtempSync(join(tmpdir(), 'package-'));
  onTestFinished(() => rmSync(copy, { recursive: true, force: true }));
  for (const name of readdirSync(top)) {
    if (/^(?:\.git|\.build|dist|node_modules)$/.test(name)) continue;
    cpSync(join(top, name), join(copy, name), { recursive: true });
  }
  symlinkSync(join(top, 'node_modules'), join(copy, 'node_modules'));
  const out = execFileSync('npm', ['pack', '--dry-run', '--json', '--foreground-scripts=false'], {
    cwd: copy,
    encoding: 'utf8',
    env: { ...process.env, REVISION: 'packed' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [{ files } = { files: [] }] = packed.parse(JSON.parse(out.slice(out.indexOf('[\n'))));
  const under = (folder: string) =>
    readdirSync(join(top, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(top.length));
  // Generators and pictures are not for those who only run it.
  const documents = under('docs').filter((path) => /^docs\/[^/]+$/.test(path));
  const program = under('src').map((path) => path.replace(/^src/, 'dist').replace(/ts$/, 'js'));
  expect(files.map(({ path }) => path).sort()).toEqual(
    [...program, ...documents, 'dist/revision', 'CHANGELOG.md', 'LICENSE', 'README.md', 'package.json'].sort(),
  );
  expect(program).toContain('dist/main.js');
  expect(files.filter(({ path }) => /fault|sbom|generate|test/.test(path))).toEqual([]);
});

/** The package as people get it: what is in it, and that `npx` starts it on every Node that it is for. */
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import * as z from 'zod';
import { freePort } from '../../deploy/stack/programs.ts';
import { documentAt, fenceWith } from '../helpers/documents.ts';

const top = fileURLToPath(new URL('../../', import.meta.url));
const documented = fenceWith(documentAt('docs/deploy.md'), 'npx ');
const packed = z
  .array(z.object({ filename: z.string(), version: z.string(), files: z.array(z.object({ path: z.string() })) }))
  .length(1);

const work = mkdtempSync(join(tmpdir(), 'package-'));
let tarball = '';
let version = '';
let files: readonly string[] = [];

beforeAll(() => {
  // A copy, because packing builds anew and other tests run what is built here.
  const copy = join(work, 'copy');
  mkdirSync(copy);
  for (const name of readdirSync(top)) {
    if (/^(?:\.git|\.build|dist|node_modules)$/.test(name)) continue;
    cpSync(join(top, name), join(copy, name), { recursive: true });
  }
  symlinkSync(join(top, 'node_modules'), join(copy, 'node_modules'));
  const out = execFileSync('npm', ['pack', '--json', '--foreground-scripts=false', `--pack-destination=${work}`], {
    cwd: copy,
    encoding: 'utf8',
    env: { ...process.env, REVISION: 'packed' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [made] = packed.parse(JSON.parse(out.slice(out.indexOf('[\n'))));
  tarball = join(work, made?.filename ?? '');
  version = made?.version ?? '';
  files = made?.files.map(({ path }) => path) ?? [];
}, 180_000);

afterAll(() => rmSync(work, { recursive: true, force: true }));

/** Modules that a file of the program loads from beside or above it. */
const loadedBy = (path: string) =>
  [...readFileSync(join(work, 'copy', path), 'utf8').matchAll(/(?:from|import\() ?["'](\.[^"']+)["']/g)].map(
    ([, to]) => to,
  );

test('a reading thread is one file, with a part for the network, and one for the demonstration alone', () => {
  expect(loadedBy('dist/reader/thread.js')).toEqual(['./thread-transport.js', './thread-demo.js']);
  expect(loadedBy('dist/reader/thread-transport.js')).toEqual([]);
  expect(loadedBy('dist/reader/thread-demo.js')).toEqual(['./thread-transport.js']);
});

const under = (folder: string) =>
  readdirSync(join(top, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(top.length));

test('it holds what src is compiled to, documents, boards and rules, and nothing that only tests and builds need', () => {
  // Generators and pictures are not for those who only run it.
  const documents = under('docs').filter((path) => /^docs\/[^/]+$/.test(path));
  const program = under('src').map((path) => path.replace(/^src/, 'dist').replace(/ts$/, 'js'));
  const queries = [...under('grafana/dashboards'), ...under('deploy/prometheus/rules')];
  const threadParts = ['demo', 'transport'].map((name) => `dist/reader/thread-${name}.js`);
  const others = [...threadParts, 'dist/revision', 'CHANGELOG.md', 'LICENSE', 'README.md', 'package.json'];
  expect([...files].sort()).toEqual([...program, ...documents, ...queries, ...others].sort());
  expect(program).toContain('dist/main.js');
  expect(queries.length).toBeGreaterThan(5);
  expect(files.filter((path) => /fault|sbom|generate|test|\.png$/.test(path))).toEqual([]);
});

/** Every line of Node that is maintained, and the one that is the least; .ci/run installs them in the folder $NODES. */
const lines = [20, 22, 24, 26];

/** Returns the folder with the program `node` of a line; undefined if it is missing. */
function nodeOf(line: number): string | undefined {
  const folder = join(process.env['NODES'] ?? '/nonexistent', String(line), 'node_modules/node/bin');
  if (existsSync(join(folder, 'node'))) return folder;
  const missing = `Node ${line} is not in the folder that NODES names, see .ci/run`;
  if (process.env['REQUIRE_TOOLS'] === '1') throw new Error(missing);
  process.stderr.write(`${missing}; its test is skipped\n`);
  return undefined;
}

describe.each(lines)('on Node %i', (line) => {
  const folder = nodeOf(line);

  test.skipIf(folder === undefined)('the command starts the demonstration from an empty folder', async () => {
    const empty = join(work, `empty-${line}`);
    mkdirSync(empty);
    const port = await freePort();
    const environment = {
      ...process.env,
      PATH: `${folder}${delimiter}${process.env['PATH']}`,
      npm_config_cache: join(work, `cache-${line}`),
      OPENAI_EXPORTER_WEB_LISTEN_ADDRESS: `127.0.0.1:${port}`,
    };
    expect(execFileSync('node', ['--version'], { env: environment, encoding: 'utf8' })).toMatch(`v${line}.`);
    const [program, ...words] = documented.trim().split(' ');
    expect(program).toBe('npx');
    // The package is this one, not that of the registry.
    const args = ['--yes', `--package=${tarball}`, ...words];
    const demo = spawn('npx', args, {
      cwd: empty,
      env: environment,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const endAll = (signal: NodeJS.Signals) => {
      // Npm may be gone before what it has started.
      if (demo.pid !== undefined && demo.exitCode === null) process.kill(-demo.pid, signal);
    };
    onTestFinished(() => endAll('SIGKILL'));
    let said = '';
    for (const stream of [demo.stdout, demo.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        said += text;
      });
    }
    const ended = new Promise<number | null>((resolve) => demo.once('close', resolve));
    const page = async () => {
      const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
      expect(text).toContain(`openai_exporter_build_info{version="${version}",revision="packed"} 1`);
      expect(text).toContain('openai_up{api="completions"} 1');
    };
    const gone = ended.then((code) => {
      throw new Error(`it ended with ${code}: ${said}`);
    });
    await Promise.race([vi.waitFor(page, { timeout: 90_000, interval: 300 }), gone]);
    gone.catch(() => {});
    endAll('SIGTERM');
    await ended;
    expect(said).toContain(`http://127.0.0.1:${port}/`);
    // V8 says so where it does not know a flag that is set for memory.
    expect(said).not.toMatch(/unrecognized flag/i);
    expect(readdirSync(empty)).toEqual([]);
  });
});

/** Tests what a process leaves to the next, with real files, real signals and real locks. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { Exposition } from '../helpers/exposition-parser.ts';
import { reply } from '../helpers/http-server.ts';
import { type Exporter, startExporter } from '../helpers/process.ts';
import { refuse, type ScriptedApi, secondsIn, testKey } from '../helpers/scripted-api.ts';
import { exporterOf, scriptedApi } from './exporter.ts';

const total = 'openai_embeddings_input_tokens_total';
const errors = 'openai_exporter_state_file_errors_total';
const quick = ['--poll.apis=embeddings', '--poll.interval=1s', '--poll.idle-interval=1s'];

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'state-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** An API whose only usage a test sets: two hours ago, so that it has settled. */
async function api(): Promise<{ readonly api: ScriptedApi; readonly usage: { tokens: number } }> {
  const usage = { tokens: 1_000 };
  const scripted = await scriptedApi();
  const at = Math.floor(scripted.clock.now() / 3_600_000 - 2) * 3_600;
  scripted.rows = (_, width, start) =>
    at >= start && at < start + secondsIn[width] ? [{ project_id: 'proj_a', input_tokens: usage.tokens }] : [];
  return { api: scripted, usage };
}

const shown = (page: Exposition) => page.value(total, { project_id: 'proj_a' });
const grouped = '--poll.group-by=project_id';

async function untilShown(exporter: Exporter, value: number): Promise<void> {
  await vi.waitFor(async () => expect(shown(await exporter.metrics())).toBe(value), { timeout: 20_000, interval: 200 });
}

test('without the setting it is in the folder of this user, and nobody loses it by settings that were wrong once', async () => {
  const { api: scripted, usage } = await api();
  const env = { OPENAI_ADMIN_KEY: testKey, HOME: newFolder() };
  const folder = join(env.HOME, '.local', 'state', 'openai-usage-exporter');
  const first = await exporterOf(scripted, [...quick, grouped], { env });
  await untilShown(first, 1_000);
  expect((await first.metrics()).value(errors)).toBe(0);
  expect((await first.stop()).code).toBe(0);
  expect(existsSync(join(folder, 'state'))).toBe(true);

  // OpenAI takes usage back, and somebody starts with other flags, twice.
  usage.tokens = 400;
  for (const wrong of [['--poll.group-by=model'], [grouped, '--series.max-groups=7']]) {
    const other = await exporterOf(scripted, [...quick, ...wrong], { env });
    await other.logged(/no state of these settings/);
    await vi.waitFor(async () => expect((await other.page()).includes(`${total}{`)).toBe(true), { timeout: 20_000 });
    await other.stop();
  }

  const again = await exporterOf(scripted, [...quick, grouped], { env });
  await vi.waitFor(async () => expect(shown(await again.metrics())).toBeDefined(), { timeout: 20_000 });
  expect(shown(await again.metrics())).toBe(1_000);
  // The exporter's own metrics follow the page within a moment.
  const held = { api: 'embeddings', field: 'input_tokens' };
  await vi.waitFor(async () => expect((await again.metrics()).value('openai_exporter_held_back', held)).toBe(600), {
    timeout: 5_000,
  });
  expect((await again.stop()).code).toBe(0);
});

test('a demonstration leaves the file of the variable alone', async () => {
  const { api: scripted } = await api();
  const path = join(newFolder(), 'state');
  const env = { OPENAI_ADMIN_KEY: testKey, OPENAI_EXPORTER_STATE_FILE: path };
  const first = await exporterOf(scripted, quick, { env });
  await vi.waitFor(() => expect(existsSync(path)).toBe(true), { timeout: 20_000 });
  await first.stop();
  const before = readFileSync(path);
  const demo = await startExporter(['demo', '--names.refresh=0'], { env });
  await vi.waitFor(async () => expect((await demo.page()).includes('_total{project_id=')).toBe(true), {
    timeout: 30_000,
  });
  expect((await demo.stop()).code).toBe(0);
  expect(readFileSync(path).equals(before)).toBe(true);
});

test('two processes with one file: the second says so, and takes over when the first has ended', async () => {
  const { api: scripted, usage } = await api();
  const path = join(newFolder(), 'state');
  const args = [...quick, grouped, `--state.file=${path}`];
  const first = await exporterOf(scripted, args);
  await untilShown(first, 1_000);
  // As in a rolling update: the new process knows what the old one shows.
  usage.tokens = 400;
  const second = await exporterOf(scripted, args);
  await second.logged(new RegExp(`process ${first.pid} on .* uses it`));
  await untilShown(second, 1_000);
  await vi.waitFor(async () => expect((await second.metrics()).value(errors)).toBeGreaterThan(0), { timeout: 20_000 });
  expect((await first.metrics()).value(errors)).toBe(0);
  expect((await first.stop()).code).toBe(0);
  await second.logged(/can be written again/);
  expect(JSON.parse(readFileSync(`${path}.lock`, 'utf8')).pid).toBe(second.pid);

  // Killed, it leaves a lock that is nobody's, and what it has shown.
  await second.stop('SIGKILL');
  const third = await exporterOf(scripted, args);
  await untilShown(third, 1_000);
  expect(third.err()).not.toMatch(/uses it/);
  expect((await third.metrics()).value(errors)).toBe(0);
  expect((await third.stop()).code).toBe(0);
  expect(existsSync(`${path}.lock`)).toBe(false);
});

test('a disk that hangs: the page goes on, it is said and counted, and SIGTERM ends the process within 5 s', async () => {
  const { api: scripted } = await api();
  const path = join(newFolder(), 'state');
  scripted.faults.set('embeddings', (response) => refuse(response, 500, 'The server had an error.'));
  const exporter = await exporterOf(scripted, [...quick, grouped, `--state.file=${path}`]);
  await vi.waitFor(() => expect(existsSync(`${path}.lock`)).toBe(true), { timeout: 20_000 });
  // A named pipe in place of the lock: whoever opens it waits in the system, as on a file system that is frozen.
  renameSync(`${path}.lock`, `${path}.kept`);
  execFileSync('mkfifo', [`${path}.lock`]);
  scripted.faults.clear();
  await untilShown(exporter, 1_000);
  await exporter.logged(/the disk does not answer/);
  const failed = async () => (await exporter.metrics()).value(errors) ?? 0;
  const before = await failed();
  await vi.waitFor(async () => expect(await failed()).toBeGreaterThan(before + 1), { timeout: 20_000 });
  // Compression and DNS need threads of the pool that hangs with the disk; several polls and pages have them.
  const polls = (page: Exposition) => page.value('openai_exporter_polls_total', { api: 'embeddings' }) ?? 0;
  const then = polls(await exporter.metrics());
  await vi.waitFor(async () => expect(polls(await exporter.metrics())).toBeGreaterThan(then + 3), { timeout: 20_000 });
  expect((await exporter.get('/')).status).toBe(200);
  const { code, took } = await exporter.stop();
  // Before Node can replace a process by one that ends, this one ends by the signal.
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  expect(code).toBe(major > 22 || (major === 22 && minor >= 15) ? 0 : null);
  expect(took).toBeLessThan(5_000);
});

test('names of keys and projects that were deleted outlive the process', async () => {
  const { api: scripted } = await api();
  const path = join(newFolder(), 'state');
  const list = (data: readonly object[]) => ({ object: 'list', data, has_more: false });
  const project = { object: 'organization.project', id: 'proj_a', name: 'Search', created_at: 1, status: 'active' };
  scripted.faults.set('projects', (response) => reply(response, 200, list([project])));
  const args = [...quick, grouped, `--state.file=${path}`];
  const name = (page: Exposition) =>
    page.families.get('openai_project_info')?.samples.find(({ labels }) => labels['project_id'] === 'proj_a')?.labels[
      'project_name'
    ];
  const first = await exporterOf(scripted, args, { names: true });
  await vi.waitFor(async () => expect(name(await first.metrics())).toBe('Search'), { timeout: 20_000 });
  await first.stop();

  scripted.faults.delete('projects');
  const second = await exporterOf(scripted, args, { names: true });
  await untilShown(second, 1_000);
  const read = (page: Exposition) => page.value('openai_up', { api: 'projects' });
  await vi.waitFor(async () => expect(read(await second.metrics())).toBe(1), { timeout: 20_000 });
  expect(name(await second.metrics())).toBe('Search');
  await second.stop();
});

test('a folder that cannot be made is a warning', async () => {
  const { api: scripted } = await api();
  const home = newFolder();
  mkdirSync(join(home, '.local'));
  execFileSync('touch', [join(home, '.local', 'state')]);
  const exporter = await exporterOf(scripted, [...quick, grouped], { env: { OPENAI_ADMIN_KEY: testKey, HOME: home } });
  await exporter.logged(/"level":"warn".*state file .* cannot be written: .*ENOTDIR/);
  await untilShown(exporter, 1_000);
  const trouble = expect.stringMatching(/cannot be written: .*ENOTDIR/);
  expect(await (await exporter.get('/api/status')).json()).toMatchObject({ stateFileTrouble: trouble });
  expect(await (await exporter.get('/')).text()).toContain('The state file needs a look.');
  expect((await exporter.stop()).code).toBe(0);
});

/** The commands as a person or a container engine uses them. */
import { describe, expect, test } from 'vitest';
import { runProgram, startExporter } from '../helpers/process.ts';
import { refuse, testKey } from '../helpers/scripted-api.ts';
import { shiftedClock } from '../helpers/test-clock.ts';
import { apiNames } from './apis.ts';
import { exporterOf, scriptedApi } from './exporter.ts';

const env = { OPENAI_ADMIN_KEY: testKey };

describe('check', () => {
  async function check(prepare: (api: Awaited<ReturnType<typeof scriptedApi>>) => void, args: readonly string[] = []) {
    const api = await scriptedApi();
    prepare(api);
    const ended = await runProgram(['check', `--openai.base-url=${api.url}`, ...args], { env });
    const rows = ended.out.split('\n').map((line) => line.split(/ {2,}/));
    return { ...ended, api, row: (name: string) => rows.find(([first]) => first === name) };
  }

  test('when all answer, it prints a table of them and ends with 0', async () => {
    const { code, out, err, row, api } = await check(() => {});
    expect([code, err]).toEqual([0, '']);
    expect(out).toMatch(/^API +STATUS +WHAT TO DO\n/);
    for (const name of apiNames) expect(row(name)).toEqual([name, 'ok']);
    expect(row('names and limits')).toEqual(['names and limits', 'ok']);
    expect(out).toContain('13 of 13 apis answered.');
    // Each once, and costs by user besides.
    const costs = '/v1/organization/costs';
    const paths = new Set(api.requests.map(({ path }) => path));
    expect(api.requests.map(({ path }) => path).sort()).toEqual([...paths, costs].sort());
    expect(api.requests).toHaveLength(14);
  });

  test('when the key is refused, each says what to do, and it ends with 1', async () => {
    const { code, out, row } = await check((api) => {
      api.keys = new Set(['another']);
    });
    expect(code).toBe(1);
    for (const name of apiNames) expect(row(name)?.[1]).toBe('failed (auth)');
    expect(out).toContain('0 of 13 apis answered.');
    expect(out).toContain('OPENAI_ADMIN_KEY');
    expect(out).not.toContain(testKey);
  });

  test('when a scope is missing, it is named, with where to create a key, and it ends with 1', async () => {
    const { code, row } = await check((api) => {
      api.faults.set('*', (response, _request) => refuse(response, 403, 'Missing scopes: api.usage.read.'));
    });
    expect(code).toBe(1);
    for (const name of apiNames) {
      expect(row(name)?.slice(1).join(' ')).toMatch(
        /^failed \(permission\).*api\.usage\.read.*settings\/organization\/admin-keys/,
      );
    }
  });

  test('when the second scope is missing, it warns and ends with 0', async () => {
    const { code, out, row } = await check((api) => {
      api.faults.set('projects', (response) => refuse(response, 403, 'Missing scopes: api.management.read.'));
    });
    expect(code).toBe(0);
    expect(row('names and limits')?.slice(1).join(' ')).toMatch(/^warning \(permission\).*api\.management\.read/);
    expect(out).toContain('13 of 13 apis answered.');
  });

  test('when there is no folder for the state file, it warns and ends with 0', async () => {
    const { code, row } = await check(() => {}, ['--state.file=/no/such/folder/state']);
    expect(code).toBe(0);
    expect(row('state file')?.slice(1).join(' ')).toMatch(/^warning \(ENOENT\).*\/no\/such\/folder/);
  });

  test('when one does not answer, it alone fails, and it ends with 1', async () => {
    const { code, out, row } = await check(
      (api) => api.faults.set('images', (response) => refuse(response, 400, 'no such thing')),
      ['--poll.apis=completions,images'],
    );
    expect(code).toBe(1);
    expect(row('completions')).toEqual(['completions', 'ok']);
    expect(row('images')?.slice(1).join(' ')).toMatch(/^failed \(rejected\).*no such thing/);
    expect(row('costs')).toBeUndefined();
    expect(out).toContain('1 of 2 apis answered.');
  });
});

test('health: 0 while it serves, 1 when it does not', async () => {
  const exporter = await exporterOf(await scriptedApi());
  const there = [`--web.listen-address=127.0.0.1:${exporter.port}`];
  expect(await runProgram(['health', ...there])).toMatchObject({ code: 0, out: '', err: '' });
  await exporter.stop();
  const { code, out, err } = await runProgram(['health', ...there]);
  expect([code, out]).toEqual([1, '']);
  expect(err).toContain(`127.0.0.1:${exporter.port}`);
});

test('--help tells every command and flag on stdout; --version tells the version', async () => {
  const help = await runProgram(['--help']);
  expect([help.code, help.err]).toEqual([0, '']);
  for (const word of [
    'serve',
    'check',
    'demo',
    'health',
    '--poll.interval',
    '--web.listen-address',
    'OPENAI_ADMIN_KEY',
  ]) {
    expect(help.out).toContain(word);
  }
  // A terminal of 100 columns is enough.
  expect(help.out.split('\n').filter((line) => line.length > 100)).toEqual([]);
  const version = await runProgram(['--version']);
  expect([version.code, version.err]).toEqual([0, '']);
  expect(version.out).toMatch(/^openai-usage-exporter \d+\.\d+\.\d+ \(.+\)\n$/);
});

test('demo: the first complete page comes soon, without a key', async ({ onTestFinished }) => {
  const begun = performance.now();
  // At noon of a working day, when the organization uses every api.
  const demo = await startExporter(['demo'], { clock: shiftedClock(Date.parse('2026-05-14T12:05:00Z')) });
  onTestFinished(async () => {
    await demo.stop('SIGKILL');
  });
  for (;;) {
    const page = await demo.metrics();
    const up = apiNames.every((api) => page.value('openai_up', { api }) === 1);
    // The demonstration's organization uses every api.
    const counting = apiNames.every(
      (api) =>
        api === 'costs' ||
        api === 'vector_stores' ||
        [...page.families.keys()].some((name) => new RegExp(`^openai_${api}_.*_total$`).test(name)),
    );
    const shown = apiNames.every((api) =>
      [...page.families.keys()].some((name) => name.startsWith(`openai_usage_${api}_`)),
    );
    if (up && counting && shown) break;
    expect(performance.now() - begun).toBeLessThan(10_000);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const took = performance.now() - begun;
  process.stderr.write(`from start to the first complete page of the demonstration: ${(took / 1_000).toFixed(2)} s\n`);
  expect((await demo.get('/-/ready')).status).toBe(200);
  expect(await (await demo.get('/')).text()).toMatch(/simulated/i);
  expect(await (await demo.get('/api/status')).json()).toMatchObject({ simulated: true });
  expect(demo.err()).toContain('simulated');
  expect(demo.out()).toContain(`the status page   ${demo.url}/\n`);
});

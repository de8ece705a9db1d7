/** Tests how a real process starts, is refused a start, keeps its key to itself, and ends. */
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { reply, startHttpServer } from '../helpers/http-server.ts';
import { runProgram, startProgram } from '../helpers/process.ts';
import { refuse, testKey } from '../helpers/scripted-api.ts';
import { apiNames, polledNames } from './apis.ts';
import { exporterOf, scriptedApi } from './exporter.ts';

const directory = mkdtempSync(join(tmpdir(), 'start-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const env = { OPENAI_ADMIN_KEY: testKey };
const lines = (text: string) => text.split('\n').filter((line) => line !== '');

describe('mistakes', () => {
  test('without a key it says what to set and where keys are made', async () => {
    const { code, out, err } = await runProgram([]);
    expect([code, out]).toEqual([2, '']);
    expect(lines(err)).toHaveLength(1);
    expect(err).toMatch(/OPENAI_ADMIN_KEY.*OPENAI_ADMIN_KEY_FILE.*https:\/\/platform\.openai\.com\/settings/);
  });

  const missing = join(directory, 'missing');
  const empty = join(directory, 'empty');
  writeFileSync(empty, '\n');
  test.each([
    [{ OPENAI_ADMIN_KEY_FILE: missing }, /^OPENAI_ADMIN_KEY_FILE: .*missing.*ENOENT/],
    [{ OPENAI_ADMIN_KEY_FILE: directory }, /^OPENAI_ADMIN_KEY_FILE: .*EISDIR/],
    [{ OPENAI_ADMIN_KEY_FILE: empty }, /^OPENAI_ADMIN_KEY_FILE: .*empty/],
    [{ OPENAI_ADMIN_KEY: testKey, OPENAI_ADMIN_KEY_FILE: empty }, /^OPENAI_ADMIN_KEY: .*keep one/],
    [{ OPENAI_ADMIN_KEY: `${testKey} ${testKey}` }, /^OPENAI_ADMIN_KEY: .*white space/],
  ])('a key that cannot be used: %o', async (environment, message) => {
    const { code, out, err } = await runProgram([], { env: environment });
    expect([code, out]).toEqual([2, '']);
    expect(lines(err)).toHaveLength(1);
    expect(err).toMatch(message);
    expect(err).not.toContain(testKey);
  });

  test('all that is wrong is told at once, each with its flag or variable', async () => {
    const args = [
      '--poll.interval=soon',
      '--poll.settle-delay=90',
      '--openai.timeout=0s',
      '--poll.apis=completions,completion',
      '--poll.group-by=project_id,projects',
      '--openai.base-url=http://api.example.com/v1',
      '--openai.max-requests-per-minute=many',
      '--counters.anchor=02-30',
      '--web.listen-address=nowhere',
      '--web.telemetry-path=/',
      '--log.level=loud',
      '--no-poll.interval',
      '--pol.apis=images',
      '--config=exporter.yml',
    ];
    const environment = { OPENAI_EXPORTER_COUNTERS_ZERO_HOLD: '-2m', OPENAI_EXPORTER_POLL_INTERVALS: '1m' };
    const { code, out, err } = await runProgram(args, { env: environment });
    expect([code, out]).toEqual([2, '']);
    const said = lines(err);
    const named = [...args.map((arg) => arg.replace(/=.*/, '')), ...Object.keys(environment), 'OPENAI_ADMIN_KEY'];
    for (const name of named)
      expect([
        name,
        said.filter((line) => /^\S+(?: \(\S+\))?: ./.test(line) && line.split(/[ :]/, 1)[0] === name).length,
      ]).toEqual([name, 1]);
    expect(said).toHaveLength(named.length);
    // Help with what was meant.
    expect(err).toMatch(/--pol\.apis: .*--poll\.apis/);
    expect(err).toMatch(/--poll\.apis: unknown api "completion"; known are completions, /);
    expect(err).toMatch(/--poll\.group-by: unknown dimension "projects"; known are project_id, /);
  });

  test('a proxy that cannot be used, as one mistake among others and without its password', async () => {
    const environment = { HTTPS_PROXY: 'socks5://user:hidden@127.0.0.1:1080', NO_PROXY: '[,%' };
    const { code, out, err } = await runProgram(['--log.level=loud'], { env: environment });
    expect([code, out]).toEqual([2, '']);
    expect(lines(err).map((line) => line.split(':')[0])).toEqual(['--log.level', 'HTTPS_PROXY', 'OPENAI_ADMIN_KEY']);
    expect(err).not.toContain('hidden');
  });

  test('a command that does not exist, and a flag of another command', async () => {
    expect(await runProgram(['server'], { env })).toMatchObject({ code: 2, err: expect.stringContaining('serve') });
    const { code, err } = await runProgram(['serve', '--demo.speed=2'], { env });
    expect([code, err]).toEqual([2, expect.stringMatching(/^--demo\.speed: /)]);
  });

  test('a key in the place of anything else is not repeated', async () => {
    for (const args of [[testKey], [`--key=${testKey}`], ['--poll.apis', testKey], [`--openai.base-url=${testKey}`]]) {
      const { code, out, err } = await runProgram(args, { env });
      expect(code).toBe(2);
      expect(out + err).not.toContain(testKey);
    }
  });

  test('a port in use: one line that says so, and 1', async () => {
    const other = await startHttpServer(() => {});
    const { code, out, err } = await runProgram([`--web.listen-address=127.0.0.1:${other.port}`], { env });
    await other.close();
    expect([code, out]).toEqual([1, '']);
    expect(lines(err)).toHaveLength(1);
    expect(err).toMatch(new RegExp(`127\\.0\\.0\\.1:${other.port}: the port is in use.*--web\\.listen-address`));
  });
});

describe('told to stop, it ends with 0 within 5 s', () => {
  const requests = (api: { requests: readonly unknown[] }, least: number) =>
    vi.waitFor(() => expect(api.requests.length).toBeGreaterThanOrEqual(least), { timeout: 30_000 });

  async function stops(exporter: { stop(signal?: NodeJS.Signals): Promise<{ code: number | null; took: number }> }) {
    const { code, took } = await exporter.stop();
    expect(code).toBe(0);
    expect(took).toBeLessThan(5_000);
  }

  test('while the API hangs', async () => {
    const api = await scriptedApi();
    api.faults.set('*', () => {});
    const exporter = await exporterOf(api);
    await requests(api, 2);
    await stops(exporter);
  });

  test('while it waits to try again', async () => {
    const api = await scriptedApi();
    api.faults.set('*', (response) => refuse(response, 503, 'later'));
    const exporter = await exporterOf(api);
    // More come late: an API that does not answer is asked twice a minute at most.
    await requests(api, 4);
    await stops(exporter);
  });

  test('while it reads history, slowly', async () => {
    const api = await scriptedApi();
    api.faults.set('*', async (response, _request, honest) => {
      await wait(200);
      reply(response, 200, honest);
    });
    const exporter = await exporterOf(api);
    await requests(api, 25);
    await stops(exporter);
  });

  test('at rest, by the other signal, too', async () => {
    const exporter = await exporterOf(await scriptedApi());
    await vi.waitFor(async () => expect((await exporter.get('/-/ready')).status).toBe(200), { timeout: 30_000 });
    const { code, took } = await exporter.stop('SIGINT');
    expect(code).toBe(0);
    expect(took).toBeLessThan(5_000);
  });

  test('with a client that has sent half a request, and one that keeps its connection', async () => {
    const exporter = await exporterOf(await scriptedApi());
    const half = connect(exporter.port, '127.0.0.1', () => half.write('GET /metrics HTTP/1.1\r\nHost: x\r\n'));
    const kept = connect(exporter.port, '127.0.0.1', () => kept.write('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n'));
    for (const socket of [half, kept]) socket.on('error', () => {});
    await new Promise((resolve) => kept.once('data', resolve));
    await stops(exporter);
    half.destroy();
    kept.destroy();
  });

  test('twice told', async () => {
    const api = await scriptedApi();
    api.faults.set('*', () => {});
    const exporter = await exporterOf(api);
    void exporter.stop();
    await stops(exporter);
  });

  test('the demonstration', async () => {
    const demo = startProgram(['demo', '--web.listen-address=127.0.0.1:0', '--demo.speed=600']);
    await demo.logged(/listening/);
    await wait(300);
    await stops(demo);
  });
});

describe('the key', () => {
  /** A key of none of the forms by which a key could be known, so that only care can hide it. */
  const plain = 'Hd8s_plainSecret.0451+xyz/==';

  test.each([testKey, plain])('%s appears nowhere, however the API repeats it', async (key) => {
    const api = await scriptedApi({ key });
    const elsewhere = await startHttpServer((_request, response) => reply(response, 200, {}));
    api.faults.set('embeddings', (response) => refuse(response, 401, `Incorrect API key provided: ${key}`, key));
    api.faults.set('moderations', (response, { headers }) => {
      const error = { message: `You sent ${headers.authorization}`, code: key };
      reply(response, 403, { error }, { 'x-request-id': key });
    });
    api.faults.set('images', (response) =>
      reply(response, 400, `<html>${key}</html>`, { 'content-type': `text/${key}` }),
    );
    api.faults.set('costs', (response) =>
      reply(response, 302, key, { location: `http://127.0.0.1:${elsewhere.port}/?key=${encodeURIComponent(key)}` }),
    );
    api.faults.set('vector_stores', (response) => reply(response, 200, `{"data": "${key}`));
    const args = ['--log.level=debug', '--poll.interval=1s', '--poll.idle-interval=1s'];
    const exporter = await exporterOf(api, args, { env: { OPENAI_ADMIN_KEY: key }, names: true });
    await vi.waitFor(
      async () => {
        const page = await exporter.metrics();
        for (const name of apiNames) {
          expect(page.value('openai_exporter_polls_total', { api: name })).toBeGreaterThanOrEqual(3);
        }
      },
      { timeout: 30_000, interval: 200 },
    );
    const pages = await Promise.all(
      ['/metrics', '/', '/api/status', '/-/ready', '/-/healthy', '/nowhere'].map(async (path) => {
        const answer = await exporter.get(path);
        return JSON.stringify([...answer.headers]) + (await answer.text());
      }),
    );
    const told = ['cmdline', 'comm', 'stat'].map((name) => readFileSync(`/proc/${exporter.pid}/${name}`, 'latin1'));
    const { out, err } = await exporter.stop();
    await elsewhere.close();
    expect(err).toContain('"level":"debug"');
    expect(api.requests[0]?.headers.authorization).toBe(`Bearer ${key}`);
    for (const text of [...pages, ...told, out, err]) {
      expect(text).not.toContain(key);
      // Nor its end, which some like to show.
      expect(text).not.toContain(key.slice(-12));
    }
    expect(elsewhere.requests).toEqual([]);
  });

  test('in a file is read again when it is refused, so that it can be exchanged under a running process', async () => {
    const file = join(directory, 'key');
    const [first, second] = ['sk-admin-first-000111', 'sk-admin-second-222333'];
    writeFileSync(file, `${first}\n`);
    chmodSync(file, 0o400);
    const api = await scriptedApi({ key: first });
    const exporter = await exporterOf(api, ['--poll.interval=1s', '--poll.idle-interval=1s'], {
      env: { OPENAI_ADMIN_KEY_FILE: file },
    });
    const up = (value: number) =>
      vi.waitFor(
        async () => {
          const page = await exporter.metrics();
          expect(polledNames.map((name) => page.value('openai_up', { api: name }))).toEqual(
            polledNames.map(() => value),
          );
        },
        { timeout: 30_000, interval: 100 },
      );
    await up(1);
    api.keys = new Set([second]);
    await up(0);
    rmSync(file);
    await vi.waitFor(
      async () => {
        const message = expect.stringContaining('cannot be read again: there is no such file');
        expect(await (await exporter.get('/api/status')).json()).toMatchObject({
          apis: polledNames.map((api) => ({ api, message })),
        });
      },
      { timeout: 30_000, interval: 100 },
    );
    writeFileSync(file, second);
    await up(1);
    const { err } = await exporter.stop();
    expect(err).not.toContain(first);
    expect(err).not.toContain(second);
  });

  test('exchanged before the old one ends, no poll fails', async () => {
    const file = join(directory, 'rolling');
    const [first, second] = ['sk-admin-first-000111', 'sk-admin-second-222333'];
    writeFileSync(file, first);
    const api = await scriptedApi({ key: first });
    const exporter = await exporterOf(api, ['--poll.interval=1s', '--poll.idle-interval=1s'], {
      env: { OPENAI_ADMIN_KEY_FILE: file },
    });
    await vi.waitFor(async () => expect((await exporter.get('/-/ready')).status).toBe(200), { timeout: 30_000 });
    writeFileSync(file, second);
    api.keys = new Set([second]);
    const sent = api.requests.length;
    await vi.waitFor(() => expect(api.requests.length).toBeGreaterThan(sent + 30), { timeout: 30_000 });
    const page = await exporter.metrics();
    for (const name of apiNames) {
      expect(page.value('openai_exporter_poll_failures_total', { api: name, reason: 'auth' })).toBe(0);
    }
  });
});

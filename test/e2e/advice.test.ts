/** Tests what the program advises when it is refused: in `check`, in the log and on the status page of a real process. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { reply, startHttpServer } from '../helpers/http-server.ts';
import { runProgram } from '../helpers/process.ts';
import { type Fault, refuse, testKey } from '../helpers/scripted-api.ts';
import { exporterOf, scriptedApi } from './exporter.ts';

const regional: Fault = (response) =>
  refuse(
    response,
    401,
    'You are attempting to access a regional organization. Please make your request to eu.api.openai.com',
    'incorrect_hostname',
  );

const cases: readonly (readonly [string, Fault, RegExp])[] = [
  ['the wrong host of a region', regional, /set --openai\.base-url=https:\/\/eu\.api\.openai\.com\/v1\./],
  [
    'another organization',
    (response) =>
      refuse(
        response,
        401,
        'OpenAI-Organization header should match organization for API key',
        'mismatched_organization',
      ),
    /--openai\.organization \(or OPENAI_ORG_ID\)/,
  ],
  [
    'an address that is not allowed',
    (response) => refuse(response, 401, 'Your IP is not authorized for this project', 'ip_not_authorized'),
    /IP allowlist/,
  ],
  [
    'a country',
    (response) =>
      refuse(response, 403, 'Country, region, or territory not supported', 'unsupported_country_region_territory'),
    /OpenAI does not answer in this country/,
  ],
  [
    'a page of a CDN',
    (response) =>
      reply(response, 403, '<!DOCTYPE html><title>Just a moment...</title>', { 'content-type': 'text/html' }),
    /A proxy, firewall or CDN answered in the place of OpenAI/,
  ],
  [
    'a quota that is used up',
    (response) => refuse(response, 429, 'You exceeded your current quota.', 'insufficient_quota'),
    /Neither waiting nor sending less helps/,
  ],
  [
    'a redirect',
    (response) => reply(response, 307, '', { location: 'https://gateway.example/login?token=abc' }),
    /sends the exporter on to https:\/\/gateway\.example\/login\./,
  ],
  [
    'a long Retry-After',
    (response) => reply(response, 429, { error: { message: 'Rate limit reached' } }, { 'retry-after': '7200' }),
    /OpenAI wants no such request before \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC/,
  ],
];

test.each(cases)('%s: `check`, the log and the status page say what to do', async (_, fault, advice) => {
  const api = await scriptedApi();
  api.faults.set('*', fault);
  const env = { OPENAI_ADMIN_KEY: testKey };
  const only = '--poll.apis=completions';
  const { code, out } = await runProgram(['check', `--openai.base-url=${api.url}`, only], { env });
  expect(code).toBe(1);
  expect(out).toMatch(advice);

  const exporter = await exporterOf(api, [only]);
  await exporter.logged(advice);
  await vi.waitFor(
    async () => {
      const page = await (await exporter.get('/')).text();
      expect(page).toMatch(advice);
      expect(page).not.toMatch(/token=abc|sk-admin/);
    },
    { timeout: 10_000 },
  );
  expect(out + exporter.err()).not.toMatch(/token=abc|sk-admin/);
});

test('a redirect is not followed, and the key goes nowhere', async () => {
  const elsewhere = await startHttpServer((_, response) => reply(response, 200, '{}'));
  onTestFinished(() => elsewhere.close());
  const api = await scriptedApi();
  api.faults.set('*', (response) => reply(response, 302, '', { location: `${elsewhere.url}stolen` }));
  const args = ['check', `--openai.base-url=${api.url}`];
  const { out } = await runProgram(args, { env: { OPENAI_ADMIN_KEY: testKey } });
  expect(out).toContain(`${elsewhere.url}stolen`);
  expect(elsewhere.requests).toEqual([]);
});

test('a base URL without /v1 is named', async () => {
  const api = await scriptedApi();
  const { origin } = new URL(api.url);
  const args = ['check', `--openai.base-url=${origin}`, '--poll.apis=completions'];
  const { out } = await runProgram(args, { env: { OPENAI_ADMIN_KEY: testKey } });
  expect(out).toContain(`set --openai.base-url=${origin}/v1.`);
});

describe('a key file', () => {
  async function fileWith(text: string): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'key-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const file = join(folder, 'key');
    await writeFile(file, text);
    return file;
  }

  test.each([
    [`"${testKey}"`, 'there are quotes around it'],
    [`OPENAI_ADMIN_KEY=${testKey}\n`, 'there is a name with an equals sign before it'],
  ])('that says %s is a mistake that is named at the start', async (text, why) => {
    const { code, err, out } = await runProgram([], { env: { OPENAI_ADMIN_KEY_FILE: await fileWith(text) } });
    expect(code).toBe(2);
    expect(err).toContain(why);
    expect(err + out).not.toContain(testKey.slice(9));
  });

  test('and when it is read again', async () => {
    const api = await scriptedApi();
    const file = await fileWith(testKey);
    const exporter = await exporterOf(
      api,
      ['--poll.apis=completions', '--poll.interval=1s', '--poll.idle-interval=1s'],
      {
        env: { OPENAI_ADMIN_KEY_FILE: file },
      },
    );
    await vi.waitFor(
      async () => expect((await exporter.metrics()).value('openai_up', { api: 'completions' })).toBe(1),
      { timeout: 30_000 },
    );
    await writeFile(file, `OPENAI_ADMIN_KEY="${testKey}-2"\n`);
    api.keys = new Set([`${testKey}-2`]);
    await exporter.logged(/there is a name with an equals sign before it, as in NAME=…; remove both/);
    expect(exporter.err()).not.toContain(testKey.slice(9));
  });
});

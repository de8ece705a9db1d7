/** The table of what to do, and that every row of it is reached by an answer over the wire. */
import { readFileSync } from 'node:fs';
import { Pool } from 'undici';
import { describe, expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { fixedKey } from '../../src/openai/admin-key.ts';
import { adviceOn, advices, earliestDayIn, type Facts } from '../../src/openai/advice.ts';
import { createClient } from '../../src/openai/client.ts';
import { ApiError, inFull, reasons } from '../../src/openai/errors.ts';
import { createBudget } from '../../src/openai/request-budget.ts';
import { reply, startHttpServer } from '../helpers/http-server.ts';

const secret = 'sk-admin-Zy9_x-w8vUt';

describe('the table', () => {
  test.each(advices)('"$seen" holds for its example, in whole sentences', (advice) => {
    expect(advices.find(({ fits }) => fits(advice.example))).toBe(advice);
    expect(advice.says(advice.example)).toMatch(/^[A-Z].*\.$/s);
    expect(reasons).toContain(advice.example.reason);
  });

  test('is the one that the documentation has', () => {
    const document = readFileSync(new URL('../../docs/troubleshooting.md', import.meta.url), 'utf8');
    for (const { seen, example } of advices) {
      expect(document).toContain(`- **${seen}** (\`${example.reason}\`): ${adviceOn(example).whatToDo}\n`);
    }
  });

  test('has something to say of everything', () => {
    expect(adviceOn({ reason: 'rejected', path: '/x', detail: '' }).whatToDo).not.toBe('');
  });
});

const regional = (detail: string): string =>
  adviceOn({ reason: 'auth', path: '/x', status: 401, code: 'incorrect_hostname', detail }).whatToDo;

test.each([
  ['Please make your request to eu.api.openai.com', 'https://eu.api.openai.com/v1'],
  ['Please make your request to https://AU.api.openai.com/v1.', 'https://au.api.openai.com/v1'],
  ['Please use us.api.openai.com.', 'https://us.api.openai.com/v1'],
])('%s: that host is named', (detail, url) => {
  expect(regional(detail)).toContain(`set --openai.base-url=${url}. `);
});

test.each([
  'Please make your request to eu.api.openai.com.evil.example',
  'Please make your request to notopenai.com',
  'Please make your request to api-openai.com',
  'regional',
])('%s: no host but one of OpenAI is named', (detail) => {
  expect(regional(detail)).toContain('like --openai.base-url=https://eu.api.openai.com/v1.');
  expect(regional(detail)).not.toMatch(/evil|notopenai|api-openai/);
});

test.each([
  ['start_time must be on or after 2025-11-29', '2025-11-29'],
  ['must be after 2025-11-29T00:00:00Z.', '2025-11-29'],
  ['must be after 2025-11-29T08:30:00Z.', '2025-11-30'],
  ['Try a start_time on or after 1764979200.', '2025-12-06'],
  ['start_time is beyond the reporting lookback', undefined],
  ['2025-99-99', undefined],
])('%s: the earliest day is %s', (detail, day) => {
  expect(earliestDayIn(detail)).toBe(day);
});

/** The code that a client ends with that this is answered to. */
async function failureOf(
  answer: { readonly status: number; readonly body: unknown; readonly headers?: Readonly<Record<string, string>> },
  prefix = '/v1',
): Promise<ApiError> {
  const server = await startHttpServer((_, response) => reply(response, answer.status, answer.body, answer.headers));
  const dispatcher = new Pool(server.url.origin);
  onTestFinished(async () => {
    await dispatcher.destroy();
    await server.close();
  });
  const client = createClient({
    baseUrl: new URL(prefix, server.url),
    key: fixedKey(secret),
    dispatcher,
    budget: createBudget({ clock: systemClock, maxPerMinute: 100 }),
    clock: systemClock,
    random: () => 0,
    timeoutMs: 5_000,
    userAgent: 'test',
    observer: { attempt: () => {}, retry: () => {} },
  });
  const request = { api: 'costs', path: '/organization/costs', query: [], priority: 'poll', attempts: 1 } as const;
  const failure = await client
    .get({ ...request, deadline: systemClock.monotonic() + 10_000 }, (body) => body)
    .catch((error: unknown) => error);
  if (!(failure instanceof ApiError)) throw new Error('no ApiError');
  expect(server.requests).toHaveLength(1);
  expect(inFull(failure)).not.toContain(secret);
  return failure;
}

const said = (message: string, code: string | null = null, param: string | null = null) => ({
  error: { message, code, type: 'invalid_request_error', param },
});
const html = { 'content-type': 'text/html; charset=utf-8' };

/** Bodies that people posted. */
const answers: readonly (readonly [
  string,
  { readonly status: number; readonly body: unknown; readonly headers?: Readonly<Record<string, string>> },
  Facts['reason'],
  RegExp,
])[] = [
  [
    'the wrong host of a region',
    {
      status: 401,
      body: said(
        'You are attempting to access a regional organization. Please make your request to eu.api.openai.com',
        'incorrect_hostname',
      ),
    },
    'auth',
    /lives at eu\.api\.openai\.com: set --openai\.base-url=https:\/\/eu\.api\.openai\.com\/v1\./,
  ],
  [
    'a header of another organization',
    {
      status: 401,
      body: said('OpenAI-Organization header should match organization for API key', 'mismatched_organization'),
    },
    'auth',
    /--openai\.organization/,
  ],
  [
    'an address that is not allowed',
    { status: 401, body: said('Your IP is not authorized for this project', 'ip_not_authorized') },
    'auth',
    /IP allowlist.*The key is not at fault/,
  ],
  [
    'a country',
    { status: 403, body: said('Country, region, or territory not supported', 'unsupported_country_region_territory') },
    'permission',
    /country.*The key is not at fault/,
  ],
  [
    'a page of a CDN',
    { status: 403, body: '<!DOCTYPE html><title>Just a moment...</title>', headers: html },
    'permission',
    /^A proxy, firewall or CDN answered in the place of OpenAI/,
  ],
  [
    'a quota that is used up',
    {
      status: 429,
      body: said('You exceeded your current quota, please check your plan and billing details.', 'insufficient_quota'),
    },
    'rate_limited',
    /billing.*Neither waiting nor sending less helps/,
  ],
  [
    'a missing scope',
    { status: 403, body: said('You have insufficient permissions. Missing scopes: api.usage.read.') },
    'permission',
    /^Give the key the scope api\.usage\.read/,
  ],
  [
    'a lookback limit',
    {
      status: 400,
      body: said('start_time must be on or after 2025-11-29', 'reporting_lookback_exceeded', 'start_time'),
    },
    'rejected',
    /since 2025-11-29/,
  ],
  [
    'a dimension that is not granted',
    { status: 400, body: said("Invalid value: 'api_key_id'.", 'invalid_value', 'group_by[2]') },
    'rejected',
    /--poll\.group-by=all/,
  ],
];

test.each(answers)('%s: over the wire', async (_, answer, reason, advice) => {
  const failure = await failureOf(answer);
  expect([failure.reason, failure.whatToDo]).toEqual([reason, expect.stringMatching(advice)]);
});

test('404 where the base URL lacks /v1 says what to set, and elsewhere does not', async () => {
  const answer = { status: 404, body: said('Invalid URL (GET /organization/costs)') };
  const { whatToDo } = await failureOf(answer, '/');
  expect(whatToDo).toMatch(/set --openai\.base-url=http:\/\/127\.0\.0\.1:\d+\/v1\.$/);
  expect((await failureOf(answer, '/gateway')).whatToDo).toMatch(/base-url=http:\/\/127\.0\.0\.1:\d+\/gateway\/v1\.$/);
  expect((await failureOf(answer, '/v1')).whatToDo).toBe('Check --openai.base-url.');
});

test.each([
  ['https://gateway.example/login?token=abc', 'https://gateway.example/login'],
  ['https://user:word@gateway.example/', 'https://gateway.example/'],
])('a redirect says where to, without what is private in it: %s', async (location, to) => {
  const failure = await failureOf({ status: 307, body: '', headers: { location } });
  expect(failure.reason).toBe('rejected');
  expect(failure.detail).toBe(`redirected to ${to}; redirects are not followed`);
  expect(failure.whatToDo).toContain(`it sends the exporter on to ${to}.`);
});

test('a redirect to what is no address is one all the same', async () => {
  const { detail } = await failureOf({ status: 302, body: '', headers: { location: 'javascript:alert(1)' } });
  expect(detail).toBe('redirected; redirects are not followed');
});

test('a long Retry-After says until when, in UTC', async () => {
  const before = Math.floor(Date.now() / 1_000) * 1_000;
  const { whatToDo } = await failureOf({
    status: 429,
    body: said('Rate limit reached'),
    headers: { 'retry-after': '7200' },
  });
  const [, until = ''] = /before (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC/.exec(whatToDo) ?? [];
  const at = Date.parse(`${until.replace(' ', 'T')}Z`);
  expect(at - before).toBeGreaterThanOrEqual(7_200_000);
  expect(at - before).toBeLessThan(7_230_000);
});

test('words of others in advice are bounded', async () => {
  const failure = await failureOf({
    status: 307,
    body: '',
    headers: { location: `https://gateway.example/${'x'.repeat(5_000)}` },
  });
  expect(inFull(failure).length).toBeLessThan(900);
});

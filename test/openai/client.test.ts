import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { gzipSync } from 'node:zlib';
import { type Dispatcher, Pool } from 'undici';
import { afterEach, describe, expect, it, test } from 'vitest';
import { type Clock, systemClock } from '../../src/clock.ts';
import { fixedKey, type KeySource, keyFile, keyFileInTime } from '../../src/openai/admin-key.ts';
import type { ApiLabel } from '../../src/openai/catalogue.ts';
import { createClient, type GetRequest } from '../../src/openai/client.ts';
import { ApiError } from '../../src/openai/errors.ts';
import { type Budget, createBudget } from '../../src/openai/request-budget.ts';
import { pageShape } from '../../src/openai/scan.ts';
import recordedErrors from '../fixtures/openai/errors.json' with { type: 'json' };
import { type Handler, reply, startHttpServer, until } from '../helpers/http-server.ts';
import { createVirtualClock } from '../helpers/virtual-clock.ts';

const secret = 'sk-admin-Zy9_x-w8vUt';
const path = '/organization/usage/completions';

/** A jitter that takes every other try past the deadline. */
const neverAgain = () => 1e9;

const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

interface SetUp {
  clock?: Clock;
  key?: KeySource;
  budget?: Budget;
  timeoutMs?: number;
  organization?: string;
  random?: () => number;
  scheme?: 'https';
}

async function setUp(handler: Handler, options: SetUp = {}) {
  const server = await startHttpServer(handler);
  cleanUps.push(() => server.close());
  const { clock = systemClock, random = () => 0, timeoutMs = 1_000 } = options;
  const baseUrl = new URL('/v1/', server.url);
  if (options.scheme) baseUrl.protocol = options.scheme;
  const dispatcher: Dispatcher = new Pool(baseUrl.origin, { connections: 2 });
  cleanUps.push(() => dispatcher.destroy());
  const budget = options.budget ?? createBudget({ clock, maxPerMinute: 100, sparing: false });
  const attempts: string[] = [];
  let retries = 0;
  const client = createClient({
    baseUrl,
    key: options.key ?? fixedKey(secret),
    dispatcher,
    budget,
    clock,
    random,
    organization: options.organization,
    timeoutMs,
    userAgent: 'openai-usage-exporter/test',
    observer: {
      attempt: (_, code, seconds) => {
        expect(seconds).toBeGreaterThanOrEqual(0);
        attempts.push(code);
      },
      retry: () => {
        retries += 1;
      },
    },
  });
  const get = (request: Partial<GetRequest> = {}, decode: (body: Buffer) => unknown = (body) => body.toString()) =>
    client.get(
      { api: 'completions', path, query: [], priority: 'poll', deadline: clock.monotonic() + 60_000, ...request },
      decode,
    );
  /** The error that a request ends with. */
  const failure = async (...given: Parameters<typeof get>): Promise<ApiError> => {
    const error = await get(...given).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof ApiError)) throw new Error(`no ApiError but ${inspect(error)}`);
    expect(inspect(error, { depth: 20, showHidden: true })).not.toContain(secret);
    expect(JSON.stringify(error)).not.toContain(secret);
    return error;
  };
  return { server, dispatcher, get, failure, attempts, retries: () => retries, budget };
}

describe('a request', () => {
  it('is a GET below the base URL, with the key in one header alone', async () => {
    const { get, server, attempts, retries } = await setUp((_, response) => reply(response, 200, '{"a":1}'), {
      organization: 'org-1',
    });
    const query = [
      ['group_by[]', 'model'],
      ['group_by[]', 'user_id'],
      ['models[]', 'ft:a b&c+d'],
    ] as const;
    const answer = await get({ query });
    expect(answer).toMatchObject({ value: '{"a":1}', bytes: 7 });
    const [request] = server.requests;
    expect(request).toMatchObject({ method: 'GET', path: `/v1${path}` });
    expect([...(request?.query ?? [])]).toEqual(query);
    expect(request?.headers).toMatchObject({
      authorization: `Bearer ${secret}`,
      accept: 'application/json',
      'accept-encoding': 'gzip',
      'user-agent': 'openai-usage-exporter/test',
      'openai-organization': 'org-1',
    });
    expect(attempts).toEqual(['200']);
    expect(retries()).toBe(0);
  });

  it('says when it began and ended', async () => {
    const clock = createVirtualClock();
    const begun = clock.now();
    const { get, server, budget } = await setUp((_, response) => reply(response, 200, 'x'), { clock });
    budget.holdUntil(clock.monotonic() + 5_000);
    const answer = get();
    await clock.advance(5_000);
    await until(() => server.requests.length === 1);
    expect(await answer).toMatchObject({ startedAt: begun + 5_000, endedAt: clock.monotonic() });
  });

  it('takes gzip, and counts the bytes behind it', async () => {
    const body = 'y'.repeat(500_000);
    const { get } = await setUp((_, response) => reply(response, 200, gzipSync(body), { 'content-encoding': 'gzip' }));
    const answer = await get();
    expect(answer.bytes).toBe(500_000);
    expect(answer.value).toBe(body);
  });

  it('does not trust the content type', async () => {
    const { get } = await setUp((_, response) => reply(response, 200, '[]', { 'content-type': 'text/html' }));
    expect((await get()).value).toBe('[]');
  });
});

describe('an answer that is worth another try', () => {
  test.each([408, 409, 429, 500, 502, 503, 504, 529])('%i', async (status) => {
    const { get, attempts, retries } = await setUp((_, response, index) =>
      index < 2 ? reply(response, status, {}) : reply(response, 200, 'ok'),
    );
    expect((await get()).value).toBe('ok');
    expect(attempts).toEqual([String(status), String(status), '200']);
    expect(retries()).toBe(2);
  });

  const faults: [string, string, Handler][] = [
    ['a connection that breaks', 'none', (_, response) => response.destroy()],
    [
      'a body shorter than its length',
      '200',
      (_, response) => {
        response.writeHead(200, { 'content-length': '100' });
        response.write('{"data":', () => response.destroy());
      },
    ],
    [
      'a chunked body cut off',
      '200',
      (_, response) => {
        response.writeHead(200);
        response.write('{"data":', () => response.destroy());
      },
    ],
    [
      'gzip cut short in a whole answer',
      '200',
      (_, response) => reply(response, 200, gzipSync('z'.repeat(999)).subarray(0, -9), { 'content-encoding': 'gzip' }),
    ],
    ['headers that do not come', 'none', () => {}],
    [
      'a body that stops coming',
      '200',
      (_, response) => {
        response.writeHead(200, { 'content-encoding': 'gzip' });
        response.write(gzipSync('z'.repeat(999)).subarray(0, 12));
      },
    ],
  ];
  test.each(faults)('%s', async (_name, code, fault) => {
    const { get, attempts } = await setUp(
      (request, response, index) => (index === 0 ? fault(request, response, index) : reply(response, 200, 'ok')),
      { timeoutMs: 300 },
    );
    expect((await get()).value).toBe('ok');
    expect(attempts).toEqual([code, '200']);
  });

  test.each(faults)('%s: named when it stays so', async (name, _code, fault) => {
    const stalls = /stop|come/.test(name);
    const { failure } = await setUp(fault, { timeoutMs: stalls ? 60 : 5_000, random: neverAgain });
    expect((await failure()).reason).toBe(stalls ? 'timeout' : 'network');
  });

  it('is waited for with full jitter, as long as the deadline allows', async () => {
    const clock = createVirtualClock();
    const { failure, server, attempts } = await setUp((_, response) => reply(response, 503, {}), {
      clock,
      random: () => 0.5,
    });
    const begin = clock.monotonic();
    const ended = failure({ deadline: begin + 2_000 });
    const waits: number[] = [];
    for (let count = 1; count <= 3; count++) {
      await until(() => attempts.length === count);
      await clock.drain();
      waits.push(clock.monotonic() - begin);
      if (count < 3) await clock.advance(250 * 2 ** (count - 1));
    }
    // 250, 500, then 1000 would pass the deadline.
    await clock.advance(1_000);
    await until(() => attempts.length === 4);
    expect(waits).toEqual([0, 250, 750]);
    expect((await ended).status).toBe(503);
    expect(server.requests).toHaveLength(4);
  });
});

describe('Retry-After', () => {
  test.each([
    ['20', 20_000],
    ['Fri, 15 May 2026 12:00:07 GMT', 7_000],
    ['0.4', 400],
  ])('%s is kept to the millisecond, by all that ask the same', async (header, ms) => {
    const clock = createVirtualClock({ start: Date.UTC(2026, 4, 15, 12) });
    const { get, server, attempts } = await setUp(
      (_, response, index) =>
        index === 0 ? reply(response, 429, {}, { 'retry-after': header }) : reply(response, 200, 'ok'),
      { clock },
    );
    const first = get();
    await until(() => attempts.length === 1);
    await clock.drain();
    const second = get({ priority: 'replay' });
    await clock.advance(ms - 1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(server.requests).toHaveLength(1);
    await clock.advance(1);
    expect([(await first).value, (await second).value]).toEqual(['ok', 'ok']);
  });

  test.each<[string, ApiLabel, string | null, ApiLabel[], ApiLabel[]]>([
    ['of a list holds lists, and nothing else', 'users', 'rate_limit_exceeded', ['projects'], ['completions', 'costs']],
    ['of an api holds this api, and nothing else', 'costs', null, ['costs'], ['completions', 'users']],
    [
      'for the whole organization holds everything',
      'costs',
      'organization_rate_limit_exceeded',
      ['costs', 'completions', 'users'],
      [],
    ],
    ['after the quota is used up holds everything', 'images', 'insufficient_quota', ['images', 'users'], []],
  ])('%s', async (_, api, code, held, free) => {
    const clock = createVirtualClock();
    const { get, failure, server, attempts } = await setUp(
      (_, response, index) =>
        index === 0
          ? reply(response, 429, { error: { message: 'Slow down', code } }, { 'retry-after': '90' })
          : reply(response, 200, 'ok'),
      { clock },
    );
    await failure({ api });
    for (const each of held) expect((await failure({ api: each })).message).toContain('another 90 s');
    expect(server.requests).toHaveLength(1);
    for (const each of free) expect((await get({ api: each })).value).toBe('ok');
    expect(attempts).toHaveLength(1 + free.length);
    await clock.advance(90_000);
    for (const each of held) expect((await get({ api: each })).value).toBe('ok');
  });

  it('past the deadline ends the poll at once, and holds the next one', async () => {
    const clock = createVirtualClock();
    const { failure, server, attempts } = await setUp(
      (_, response) => reply(response, 503, {}, { 'retry-after': '90' }),
      { clock },
    );
    expect(await failure()).toMatchObject({ reason: 'server', status: 503, retryAfterMs: 90_000 });
    const held = await failure();
    expect(held).toMatchObject({ reason: 'rate_limited', status: undefined, retryAfterMs: 90_000 });
    expect(held.message).toContain('send nothing for another 90 s');
    expect(server.requests).toHaveLength(1);
    expect(attempts).toEqual(['503']);
  });

  it('on an answer that is not worth another try holds nothing', async () => {
    const { failure, budget } = await setUp((_, response) => reply(response, 400, {}, { 'retry-after': '90' }));
    expect((await failure()).retryAfterMs).toBeUndefined();
    expect(budget.heldUntil('completions')).toBe(Number.NEGATIVE_INFINITY);
  });

  it('of 0 does not make a hot loop', async () => {
    const clock = createVirtualClock();
    const { get, attempts } = await setUp(
      (_, response, index) =>
        index === 0 ? reply(response, 429, {}, { 'retry-after': '0' }) : reply(response, 200, 'ok'),
      { clock, random: () => 0.5 },
    );
    const answer = get();
    await until(() => attempts.length === 1);
    await clock.drain();
    expect(clock.nextDue).toBe(clock.monotonic() + 250);
    await clock.advance(250);
    expect((await answer).value).toBe('ok');
  });
});

describe('the deadline', () => {
  it('ends a wait for the budget with timeout', async () => {
    const clock = createVirtualClock();
    const budget = createBudget({ clock, maxPerMinute: 1 });
    const { get, failure, server } = await setUp((_, response) => reply(response, 200, 'ok'), { clock, budget });
    await get();
    const late = failure({ deadline: clock.monotonic() + 30_000 });
    await clock.advance(30_000);
    const whatToDo = expect.stringContaining('raise --openai.max-requests-per-minute');
    expect(await late).toMatchObject({ reason: 'timeout', status: undefined, whatToDo });
    expect(await failure({ deadline: clock.monotonic() })).toMatchObject({ reason: 'timeout' });
    expect(server.requests).toHaveLength(1);
    await clock.drain();
    expect(clock.sleepers).toBe(0);
  });

  it('moves by the time that a patient request waits for the budget', async () => {
    const clock = createVirtualClock();
    const budget = createBudget({ clock, maxPerMinute: 1 });
    const { get } = await setUp((_, response) => reply(response, 200, 'ok'), { clock, budget });
    await get();
    const patience = { waited: 0 };
    const late = get({ deadline: clock.monotonic() + 30_000, patience });
    await clock.advance(61_000);
    expect((await late).value).toBe('ok');
    expect(patience.waited).toBe(60_250);
  });

  it('does not move by the time in which OpenAI does not answer: a poll ends, and says why', async () => {
    const clock = createVirtualClock();
    const budget = createBudget({ clock, maxPerMinute: 60 });
    const { failure, server } = await setUp((_, response) => reply(response, 500, {}), { clock, budget });
    for (let i = 0; i < 3; i++) await failure({ attempts: 1 });
    const waiting = failure({ deadline: clock.monotonic() + 30_000, patience: { waited: 0 } });
    await clock.advance(30_000);
    const error = await waiting;
    expect(error.reason).toBe('server');
    expect(error.message).toContain(
      'not asked, because OpenAI does not answer: GET /organization/usage/completions, status 500',
    );
    expect(server.requests).toHaveLength(3);
  });

  it('cuts an attempt', async () => {
    const { failure } = await setUp(() => {}, { timeoutMs: 60_000 });
    const error = await failure({ deadline: systemClock.monotonic() + 50 });
    expect(error.reason).toBe('timeout');
    expect(error.message).toMatch(/no answer within 0\.0\d+ s/);
  });

  it('leaves no timer behind', async () => {
    const clock = createVirtualClock();
    const { get } = await setUp((_, response) => reply(response, 200, 'ok'), { clock });
    await get();
    await clock.drain();
    expect(clock.sleepers).toBe(0);
  });
});

describe('a refusal', () => {
  test.each(recordedErrors)('as recorded: $status', async ({ status, headers, body, text }) => {
    const sent: Record<string, string> = { 'x-request-id': 'req_7' };
    for (const [name, value] of Object.entries(headers ?? {})) sent[name] = value;
    const { failure } = await setUp((_, response) => reply(response, status, text ?? body ?? '', sent), {
      random: neverAgain,
    });
    const error = await failure({ deadline: systemClock.monotonic() + 10_000 });
    expect(error.status).toBe(status);
    expect(error.requestId).toBe('req_7');
    expect(error.message).toMatch(/^GET \/organization\/usage\/completions, status \d+, request req_7: /);
    expect({ reason: error.reason, code: error.code, detail: error.detail }).toMatchSnapshot();
  });

  test.each([400, 404, 405, 410, 422, 300, 301, 302, 304, 307])('%i is final', async (status) => {
    const { failure, server } = await setUp((_, response) =>
      reply(response, status, status === 304 ? '' : {}, { location: '/v1/elsewhere' }),
    );
    expect(await failure()).toMatchObject({ reason: 'rejected', status });
    expect(server.requests).toHaveLength(1);
  });

  it('that repeats the key, in any place, does not make it known', async () => {
    const { failure } = await setUp((_, response) =>
      reply(
        response,
        400,
        { error: { message: `no ${secret}`, code: `c-${secret}` } },
        { 'x-request-id': `r-${secret}`, 'content-type': secret },
      ),
    );
    expect(await failure()).toMatchObject({ detail: 'no [key]', code: 'c-[key]', requestId: 'r-[key]' });
  });

  it('is read up to a bound', async () => {
    const { failure } = await setUp((_, response) => {
      response.writeHead(404);
      const more = () => {
        while (response.write('x'.repeat(65_536)));
        response.once('drain', more);
      };
      more();
    });
    expect((await failure()).reason).toBe('rejected');
  });
});

describe('a refused key', () => {
  function rotating(...keys: string[]): KeySource {
    let index = 0;
    return {
      current: () => keys[index] ?? '',
      refused: async () => {
        if (index + 1 >= keys.length) return false;
        index += 1;
        return true;
      },
      trouble: () => undefined,
    };
  }
  const onlyNew: Handler = ({ headers }, response) =>
    headers.authorization === 'Bearer key-2' ? reply(response, 200, 'ok') : reply(response, 401, {});

  it('is an error when there is no other', async () => {
    const { failure, server } = await setUp(onlyNew);
    expect(await failure()).toMatchObject({ reason: 'auth', status: 401 });
    expect(server.requests).toHaveLength(1);
  });

  it('is followed by one try with the new one', async () => {
    const { get, attempts, retries } = await setUp(onlyNew, { key: rotating('key-1', 'key-2') });
    expect((await get()).value).toBe('ok');
    expect(attempts).toEqual(['401', '200']);
    expect(retries()).toBe(1);
  });

  it('that there is not yet is an error that says why, of which nothing is sent, until there is one', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'client-key-'));
    cleanUps.push(() => rm(folder, { recursive: true }));
    const file = join(folder, 'key');
    const { get, failure, attempts } = await setUp((_, response) => reply(response, 200, 'ok'), {
      key: await keyFileInTime(file),
    });
    const error = await failure();
    expect(error.reason).toBe('auth');
    expect(error.message).toMatch(/: The key file \S+\/key cannot be read: there is no such file\.$/);
    expect(error.whatToDo).toMatch(/^Put a current admin key alone into the key file/);
    expect(attempts).toEqual([]);
    await writeFile(file, secret);
    expect((await get()).value).toBe('ok');
    expect(attempts).toEqual(['200']);
  });

  it('whose file cannot be read again is an error that says so, until it can be read', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'client-key-'));
    cleanUps.push(() => rm(folder, { recursive: true }));
    const file = join(folder, 'key');
    await writeFile(file, secret);
    const { get, failure } = await setUp(
      ({ headers }, response) =>
        headers.authorization === 'Bearer key-2'
          ? reply(response, 200, 'ok')
          : reply(response, 401, { error: { message: `Incorrect API key provided: ${secret}.` } }),
      { key: await keyFile(file) },
    );
    expect((await failure()).message).toMatch(/status 401: Incorrect API key provided: \[key\]\.$/);
    await rm(file);
    const error = await failure();
    expect(error).toMatchObject({ reason: 'auth', status: 401 });
    expect(error.message).toMatch(
      /: Incorrect API key provided: \[key\]\. The key file \S+\/key cannot be read again: there is no such file\.$/,
    );
    expect(error.whatToDo).toMatch(/^Put a current admin key alone into the key file, and let this user read it/);
    await writeFile(file, `${secret} key-2`);
    expect((await failure()).message).toMatch(
      /\. The key file \S+\/key holds no key: there is white space inside it\.$/,
    );
    await writeFile(file, secret);
    expect((await failure()).message).not.toContain('key file');
    await writeFile(file, 'key-2');
    expect((await get()).value).toBe('ok');
  });

  it('is found by two requests at once', async () => {
    const { get, attempts } = await setUp(onlyNew, { key: rotating('key-1', 'key-2') });
    const answers = await Promise.all([get(), get()]);
    expect(answers.map(({ value }) => value)).toEqual(['ok', 'ok']);
    expect(attempts.toSorted()).toEqual(['200', '200', '401', '401']);
  });

  it('is not told of when it has been replaced meanwhile', async () => {
    const key = rotating('first-key', 'second-key');
    const { failure } = await setUp(
      async ({ headers }, response) => {
        await key.refused();
        reply(response, 400, { error: { message: `no ${headers.authorization?.slice(7)}` } });
      },
      { key },
    );
    expect((await failure()).detail).toBe('no [key]');
    expect((await failure()).detail).toBe('no [key]');
  });

  it('is not tried more than twice', async () => {
    const { failure, server } = await setUp((_, response) => reply(response, 401, {}), {
      key: rotating('key-1', 'key-2', 'key-3'),
    });
    expect((await failure()).reason).toBe('auth');
    expect(server.requests).toHaveLength(2);
  });
});

describe('bounds', () => {
  it('refuses a body that is too long', async () => {
    const { failure, server } = await setUp(
      (_, response) => {
        response.writeHead(200);
        const more = () => {
          while (response.write('x'.repeat(1_048_576)));
          response.once('drain', more);
        };
        more();
      },
      { timeoutMs: 10_000 },
    );
    expect(await failure()).toMatchObject({ reason: 'too_large' });
    expect(server.requests).toHaveLength(1);
  });

  it('refuses what would take long to parse while it comes, and reads no further', async () => {
    let sent = 0;
    const { failure, server } = await setUp(
      (_, response) => {
        response.writeHead(200);
        response.write('{"data":');
        const more = () => {
          while (response.write('['.repeat(65_536))) sent += 65_536;
          response.once('drain', more);
        };
        more();
      },
      { timeoutMs: 10_000 },
    );
    expect(await failure({ shape: pageShape })).toMatchObject({
      reason: 'malformed',
      message: expect.stringContaining('nested more than 16 deep'),
    });
    expect(server.requests).toHaveLength(1);
    expect(sent).toBeLessThan(16 * 1_048_576);
  });

  it('refuses a bomb without unpacking it', async () => {
    const bomb = gzipSync(Buffer.alloc(200 * 1_024 * 1_024), { level: 1 });
    const { failure, get } = await setUp(
      (_, response, index) =>
        index === 0 ? reply(response, 200, bomb, { 'content-encoding': 'gzip' }) : reply(response, 200, 'ok'),
      { timeoutMs: 10_000 },
    );
    expect(await failure()).toMatchObject({ reason: 'too_large' });
    expect((await get()).value).toBe('ok');
  });

  test.each([
    ['br', 'xxxx', /encoded in a way that was not asked for: br/],
    ['gzip', 'not gzip at all', /not gzip/],
  ])('refuses what says it is %s and is %s', async (encoding, body, message) => {
    const { failure, server } = await setUp((_, response) =>
      reply(response, 200, body, { 'content-encoding': encoding }),
    );
    const error = await failure();
    expect(error.reason).toBe('malformed');
    expect(error.message).toMatch(message);
    expect(server.requests).toHaveLength(1);
  });
});

describe('what decoding throws', () => {
  it('is malformed, with its cause, and is not tried again', async () => {
    const { failure, server } = await setUp((_, response) => reply(response, 200, `<html>${secret}`));
    const error = await failure({}, (body) => JSON.parse(body.toString()));
    expect(error).toMatchObject({ reason: 'malformed', cause: { name: 'SyntaxError' } });
    expect(server.requests).toHaveLength(1);
  });

  it('stays what it is if it has a reason', async () => {
    const { failure } = await setUp((_, response) => reply(response, 200, 'x'));
    const given = new ApiError({ reason: 'too_large', api: 'images', path: '/a', detail: 'much' });
    expect(await failure({}, () => Promise.reject(given))).toBe(given);
  });
});

describe('an abort', () => {
  const reason = new Error('shutting down');

  test.each<[string, Handler]>([
    ['the answer', () => {}],
    ['the body', (_, response) => void response.writeHead(200).write('x')],
    ['the body of a refusal', (_, response) => void response.writeHead(404).write('x')],
    ['the next try', (_, response) => reply(response, 503, {})],
    ['the end of a hold', (_, response) => reply(response, 503, {}, { 'retry-after': '5' })],
  ])('during the wait for %s gives the reason of the signal', async (_name, handler) => {
    const { get, server } = await setUp(handler, { random: () => 0.99, timeoutMs: 30_000 });
    const abort = new AbortController();
    const answer = get({ signal: abort.signal });
    answer.catch(() => {});
    await until(() => server.requests.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    abort.abort(reason);
    await expect(answer).rejects.toBe(reason);
    await expect(get({ signal: abort.signal })).rejects.toBe(reason);
  });

  it('while waiting for the budget gives the place up', async () => {
    const clock = createVirtualClock();
    const budget = createBudget({ clock, maxPerMinute: 1 });
    const { get } = await setUp((_, response) => reply(response, 200, 'ok'), { clock, budget });
    await get();
    const abort = new AbortController();
    const answer = get({ signal: abort.signal });
    answer.catch(() => {});
    await clock.drain();
    abort.abort(reason);
    await expect(answer).rejects.toBe(reason);
    await clock.drain();
    expect(clock.sleepers).toBe(0);
  });
});

describe('a request without an answer for twice the time of an attempt', () => {
  it('says so once, with the reason, and goes on', async () => {
    const clock = createVirtualClock();
    const { get, server } = await setUp(
      (_, response, index) => {
        if (index > 1) reply(response, 200, 'ok');
      },
      { clock, timeoutMs: 30_000, random: () => 0.5 },
    );
    const late: ApiError[] = [];
    const answer = get({ deadline: clock.monotonic() + 300_000, late: (error) => late.push(error) });
    await until(() => server.requests.length === 1);
    await clock.advance(30_000);
    await clock.advance(500);
    await until(() => server.requests.length === 2);
    await clock.advance(29_499);
    expect(late).toEqual([]);
    await clock.advance(1);
    expect(late.map(({ reason }) => reason)).toEqual(['timeout']);
    await clock.advance(2_000);
    expect((await answer).value).toBe('ok');
    expect(late).toHaveLength(1);
    await clock.drain();
    expect(clock.sleepers).toBe(0);
  });

  it('does not count the wait for its own request limit', async () => {
    const clock = createVirtualClock();
    const budget = createBudget({ clock, maxPerMinute: 1 });
    const { get } = await setUp((_, response) => reply(response, 200, 'ok'), { clock, budget, timeoutMs: 10_000 });
    await get();
    const late: ApiError[] = [];
    const answer = get({ late: (error) => late.push(error), patience: { waited: 0 } });
    await clock.advance(61_000);
    expect((await answer).value).toBe('ok');
    expect(late).toEqual([]);
  });
});

describe('no server', () => {
  it('is a fault of the network', async () => {
    const { server, failure } = await setUp(() => {}, { random: neverAgain });
    await server.close();
    const error = await failure();
    expect(error).toMatchObject({ reason: 'network', status: undefined });
    expect(error.message).toContain('ECONNREFUSED');
  });

  it('that speaks TLS is a fault of the network', async () => {
    const { failure } = await setUp(() => {}, { scheme: 'https', random: neverAgain });
    expect(await failure()).toMatchObject({ reason: 'network', status: undefined });
  });

  it('after the end of the program is not tried again', async () => {
    const { failure, attempts, dispatcher } = await setUp(() => {});
    await dispatcher.destroy();
    expect(await failure()).toMatchObject({ reason: 'network' });
    expect(attempts).toEqual(['none']);
  });
});

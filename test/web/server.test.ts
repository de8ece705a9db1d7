import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { register } from 'prom-client';
import { afterEach, describe, expect, test } from 'vitest';
import { type Clock, systemClock } from '../../src/clock.ts';
import { compressPiece, joinPieces } from '../../src/metrics/gzip.ts';
import { type OwnText, ownText } from '../../src/metrics/own-text.ts';
import { emptyPage, type Page } from '../../src/metrics/page.ts';
import type { Status } from '../../src/status.ts';
import { createServer, type WebOptions, type WebServer } from '../../src/web/server.ts';
import { handClock as steppedClock } from '../helpers/hand-clock.ts';
import { silentLogger } from '../helpers/silent-logger.ts';
import { startWebServer, webDefaults } from '../helpers/web-server.ts';

interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

const running: WebServer[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.stop(0)));
});

const status: Status = {
  version: '1.2.3',
  revision: 'abc',
  simulated: false,
  startedAt: '2026-01-01T00:00:00.000Z',
  now: '2026-01-01T01:00:00.000Z',
  apis: [
    {
      api: 'completions',
      up: false,
      lastSuccess: null,
      lastPoll: '2026-01-01T00:59:00.000Z',
      nextPoll: '2026-01-01T01:01:00.000Z',
      reason: 'malformed',
      message: `<img src=x onerror="alert('&')">`,
      whatToDo: null,
      leftOut: null,
      dataThrough: { '1m': '2026-01-01T00:40:00.000Z' },
      series: 12,
      dimensionsRefused: [],
    },
  ],
  lists: [],
  counters: { anchor: '2026-01-01T00:00:00.000Z', state: 'replaying', message: null },
  tooSlow: null,
  stateFileTrouble: null,
  usage: { apis: [], hours: [], models: null, projects: null },
  spend: { month: '2026-01', polled: false, filtered: false, missing: [], currencies: [], unpriced: [] },
  limits: { nearest: [], compared: 0, unknown: [] },
};

/** A clock whose sleeps end when the test says so. */
function handClock(): Clock & { readonly wake: () => void; readonly sleeping: () => number } {
  const sleepers = new Set<() => void>();
  return {
    now: () => 0,
    monotonic: () => 0,
    sleep: (_ms, signal) =>
      new Promise((resolve, reject) => {
        sleepers.add(resolve);
        signal?.addEventListener('abort', () => {
          sleepers.delete(resolve);
          reject(signal.reason);
        });
      }),
    wake: () => {
      for (const resolve of sleepers) resolve();
    },
    sleeping: () => sleepers.size,
  };
}

async function serve(options: Partial<WebOptions> = {}) {
  const { server, port } = await startWebServer({ status: () => status, clock: handClock(), ...options });
  running.push(server);
  const begin = (path: string, method = 'GET', headers: Record<string, string> = {}): ClientRequest =>
    httpRequest({ host: '127.0.0.1', port, path, method, headers, agent: false });
  const ask = (path: string, method = 'GET', headers: Record<string, string> = {}) =>
    finish(begin(path, method, headers));
  return { server, port, begin, ask };
}

function finish(request: ClientRequest): Promise<Answer> {
  return new Promise((resolve, reject) => {
    request.on('error', reject).on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('error', reject).on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) }),
      );
    });
    request.end();
  });
}

async function pageOf(...texts: readonly string[]): Promise<Page> {
  const plain = texts.map((text) => Buffer.from(text));
  const pieces = await Promise.all(plain.map((text) => compressPiece(text)));
  const gzip = pieces.map((piece) => piece.bytes);
  const { length, crc } = joinPieces(pieces);
  const gzipBytes = gzip.reduce((sum, { length: bytes }) => sum + bytes, 0);
  return { ...emptyPage, plain, gzip, plainBytes: length, gzipBytes, crc };
}

/** Lets what is under way on the loop and on loopback sockets happen. */
async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const patience = performance.now() + 4_000;
  while (!(await condition())) {
    if (performance.now() > patience) throw new Error('it did not happen');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('the exposition', () => {
  test('is the page and then the own metrics, plain and compressed', async () => {
    const page = await pageOf('first 1\n', 'second{a="é"} 2\n');
    const { ask } = await serve({ page: { current: () => page } });
    const expected = 'first 1\nsecond{a="é"} 2\nown 1\n';

    const plain = await ask('/metrics');
    expect(plain).toMatchObject({ status: 200, body: Buffer.from(expected) });
    expect(plain.headers).toMatchObject({
      'content-type': register.contentType,
      vary: 'Accept-Encoding',
    });
    expect(plain.headers['content-encoding']).toBeUndefined();
    expect(plain.headers['x-powered-by']).toBeUndefined();

    const gzip = await ask('/metrics', 'GET', { 'Accept-Encoding': 'gzip' });
    expect(gzip.headers).toMatchObject({ 'content-encoding': 'gzip', vary: 'Accept-Encoding' });
    expect(gunzipSync(gzip.body).toString()).toBe(expected);
  });

  test('is one gzip stream, which browsers and curl read to its end', async () => {
    const page = await pageOf('first 1\n', 'second 2\n');
    const { ask } = await serve({ page: { current: () => page } });
    const { body } = await ask('/metrics', 'GET', { 'Accept-Encoding': 'gzip' });
    const decoder = new DecompressionStream('gzip');
    const text = new Response(new Blob([body]).stream().pipeThrough(decoder)).text();
    expect(await text).toBe('first 1\nsecond 2\nown 1\n');
  });

  test('before the first poll is the own metrics alone', async () => {
    const { ask } = await serve();
    expect(await ask('/metrics')).toMatchObject({ status: 200, body: Buffer.from('own 1\n') });
    const gzip = await ask('/metrics', 'GET', { 'Accept-Encoding': 'gzip' });
    expect(gunzipSync(gzip.body).toString()).toBe('own 1\n');
  });

  test.each(['', 'gzip'])('HEAD tells what GET would send (%j)', async (coding) => {
    const page = await pageOf('first 1\n');
    const { ask } = await serve({ page: { current: () => page } });
    const get = await ask('/metrics', 'GET', { 'Accept-Encoding': coding });
    const head = await ask('/metrics', 'HEAD', { 'Accept-Encoding': coding });
    expect(head.body).toHaveLength(0);
    const { date: _a, ...headHeaders } = head.headers;
    // The length is known only at the end, for the page is sent while the own metrics are made.
    const { date: _b, 'transfer-encoding': _c, ...getHeaders } = get.headers;
    expect(headHeaders).toEqual(getHeaders);
  });

  test('is at the path that was chosen, and only there', async () => {
    const { ask } = await serve({ telemetryPath: '/a.b/c~d' });
    expect(await ask('/a.b/c~d?x=1')).toMatchObject({ status: 200 });
    for (const path of ['/metrics', '/aXb/c~d', '/A.b/c~d', '/a.b/c~d/']) {
      expect(await ask(path)).toMatchObject({ status: 404 });
    }
  });

  test('an error in the own metrics is 500, logged, and does not stay in flight', async () => {
    const logged: unknown[] = [];
    const log = { ...silentLogger, error: (...line: unknown[]) => logged.push(line) };
    const own = async () => {
      throw new Error('broken');
    };
    const { ask } = await serve({ own, log, maxRequests: 1 });
    for (const coding of ['gzip', '']) {
      const answer = await ask('/metrics', 'GET', { 'Accept-Encoding': coding });
      expect(answer.status).toBe(500);
      expect(answer.body.toString()).not.toContain('broken');
    }
    expect(logged).toHaveLength(2);
  });
});

describe('scrapes in flight', () => {
  test('past the bound get 503 and are counted; health still answers', async () => {
    const rejected: (string | undefined)[] = [];
    const gates: (() => void)[] = [];
    const own = () => new Promise<readonly OwnText[]>((resolve) => gates.push(() => resolve([ownText('own 1\n')])));
    const { ask } = await serve({ own, maxRequests: 2, onRejected: (address) => rejected.push(address) });
    const first = ask('/metrics');
    const second = ask('/metrics');
    await until(() => gates.length === 2);
    const third = await ask('/metrics');
    expect(third.status).toBe(503);
    expect(third.headers['retry-after']).toBe('1');
    expect(rejected).toEqual(['127.0.0.1']);
    expect(await ask('/-/healthy')).toMatchObject({ status: 200 });
    for (const open of gates) open();
    expect([(await first).status, (await second).status]).toEqual([200, 200]);
    gates.length = 0;
    const fourth = ask('/metrics');
    await until(() => gates.length === 1);
    gates[0]?.();
    expect((await fourth).status).toBe(200);
  });

  test('end when the client leaves', async () => {
    let asked = 0;
    const never = new Promise<readonly OwnText[]>(() => {});
    const own = () => (asked++ === 0 ? never : Promise.resolve([ownText('own 1\n')]));
    const { begin, ask } = await serve({ own, maxRequests: 1 });
    const first = begin('/metrics');
    first.on('error', () => {});
    first.end();
    await until(() => asked === 1);
    expect(await ask('/metrics')).toMatchObject({ status: 503 });
    first.destroy();
    await until(async () => (await ask('/metrics')).status === 200);
  });

  test('end when the client left while it was being authorized', async () => {
    const entered: (() => void)[] = [];
    const authorize = () =>
      new Promise<boolean>((resolve) => {
        if (entered.push(() => resolve(true)) > 1) resolve(true);
      });
    const { begin, ask, port } = await serve({ authorize, maxRequests: 1 });
    const first = begin('/metrics');
    first.on('error', () => {});
    first.end();
    await until(() => entered.length === 1);
    first.destroy();
    const socket = connect(port, '127.0.0.1');
    await new Promise((resolve) => socket.once('connect', resolve));
    socket.destroy();
    await ask('/-/healthy');
    await ask('/-/healthy');
    entered[0]?.();
    expect(await ask('/metrics')).toMatchObject({ status: 200 });
  });

  test('a reader that does not read is cut off after its time, and holds no more than the page', async () => {
    const clock = steppedClock();
    const line = Buffer.from(`${'x'.repeat(1_000_000)} 1\n`);
    const plain = Array.from({ length: 64 }, () => line);
    const big = { ...emptyPage, plain, plainBytes: 64 * line.length };
    const { port, ask } = await serve({ page: { current: () => big }, maxRequests: 1, clock });
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.pause();
    socket.write('GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n');
    await until(async () => (await ask('/metrics', 'HEAD')).status === 503);
    clock.pass(60_000);
    await until(async () => (await ask('/metrics', 'HEAD')).status === 200);
    socket.destroy();
  });
});

describe('routes', () => {
  test.each(['/metrics?a=b', '/metrics#a', '/metrics?a#b', 'http://elsewhere/metrics', 'HTTP://elsewhere:1/metrics?a'])(
    'metrics are found at %s',
    async (path) => {
      const { ask } = await serve();
      expect(await ask(path)).toMatchObject({ status: 200 });
    },
  );

  test.each(['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE'])('%s is not allowed', async (method) => {
    const { ask } = await serve();
    for (const path of ['/metrics', '/', '/-/healthy', '/-/ready', '/api/status']) {
      const answer = await ask(path, method);
      expect([path, answer.status, answer.headers.allow]).toEqual([path, 405, 'GET, HEAD']);
    }
    expect(await ask('/elsewhere', method)).toMatchObject({ status: 404 });
  });

  test.each([
    '/metrics/',
    '/Metrics',
    '/-/',
    '/-/Healthy',
    '/favicon.ico',
    '/%',
    '/%2e%2e/',
    '//metrics',
    '/api/status/',
    '/api',
  ])('there is no %s', async (path) => {
    const { ask } = await serve();
    expect(await ask(path)).toMatchObject({ status: 404 });
  });

  test('readiness follows what was tried; health does not', async () => {
    let ready = false;
    const { ask } = await serve({ ready: () => ready });
    expect(await ask('/-/ready')).toMatchObject({ status: 503 });
    expect(await ask('/-/healthy')).toMatchObject({ status: 200 });
    ready = true;
    expect(await ask('/-/ready')).toMatchObject({ status: 200 });
    expect(await ask('/-/ready', 'HEAD')).toMatchObject({ status: 200, body: Buffer.alloc(0) });
  });

  test('the status is JSON', async () => {
    const { ask } = await serve();
    const answer = await ask('/api/status');
    expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(JSON.parse(answer.body.toString())).toEqual(status);
  });

  test('the status page escapes what others wrote, and allows nothing but what is its own', async () => {
    const { ask } = await serve({ telemetryPath: '/m' });
    const { headers, body } = await ask('/');
    const text = body.toString();
    expect(headers['content-type']).toBe('text/html; charset=utf-8');
    expect(headers['content-security-policy']).toMatch(
      /^default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'/,
    );
    expect(headers['x-content-type-options']).toBe('nosniff');
    expect(text).toContain('<a href="./m">Metrics</a>');
    expect(text).toContain('&lt;img src=x onerror=&quot;alert(&#39;&amp;&#39;)&quot;&gt;');
    expect(text).not.toContain('<img');
    expect(text).not.toContain('Demonstration');
  });

  test('the status page says when it is a demonstration', async () => {
    const { ask } = await serve({ status: async () => ({ ...status, simulated: true }) });
    expect((await ask('/')).body.toString()).toContain('every number is simulated');
  });

  test('what the status page loads is there, with its type', async () => {
    const { ask } = await serve();
    const page = (await ask('/')).body.toString();
    expect([...page.matchAll(/ (?:src|href)="\.(\/status[^"]*)"/g)].map(([, path]) => path)).toEqual([
      '/status.css',
      '/status.js',
    ]);
    expect((await ask('/status.css')).headers['content-type']).toBe('text/css; charset=utf-8');
    expect((await ask('/status.js')).headers['content-type']).toBe('text/javascript; charset=utf-8');
  });

  test('a body is not waited for', async () => {
    const { ask } = await serve();
    const answer = await ask('/metrics', 'GET', { 'Content-Length': '1000000000' });
    expect(answer).toMatchObject({ status: 200 });
    expect(answer.headers.connection).toBe('close');
  });
});

test('who is not authorized sees the health routes alone', async () => {
  const { ask } = await serve({ authorize: async (request) => request.headers.authorization === 'Basic eDp5' });
  for (const path of ['/metrics', '/', '/api/status', '/status.css', '/status.js']) {
    const refused = await ask(path);
    expect([path, refused.status, refused.headers['www-authenticate']]).toEqual([
      path,
      401,
      'Basic realm="metrics", charset="UTF-8"',
    ]);
    expect((await ask(path, 'GET', { Authorization: 'Basic eDp5' })).status).toBe(200);
  }
  expect((await ask('/-/healthy')).status).toBe(200);
  expect((await ask('/-/ready')).status).toBe(200);
});

test('who has to wait until a password can be checked is told so', async () => {
  const clock = handClock();
  const { ask } = await serve({ authorize: () => 'busy', clock });
  const asked = ask('/metrics');
  // Not at once: who is told at once comes again at once.
  await until(() => clock.sleeping() === 1);
  clock.wake();
  const answer = await asked;
  expect([answer.status, answer.headers['retry-after']]).toEqual([503, '5']);
  expect((await ask('/-/healthy')).status).toBe(200);
});

test('past the limit of requests it says when to come again, before it looks at a password; health still answers', async () => {
  const delays = [0, 1_500, 1];
  const asked: unknown[] = [];
  const { ask } = await serve({
    delay: () => delays.shift() ?? 0,
    authorize: (request) => asked.push(request.url) > 0,
  });
  expect((await ask('/metrics')).status).toBe(200);
  const late = await ask('/metrics');
  expect([late.status, late.headers['retry-after']]).toEqual([429, '2']);
  for (const path of ['/-/healthy', '/-/ready']) expect((await ask(path)).status).toBe(200);
  expect((await ask('/api/status')).headers['retry-after']).toBe('1');
  expect((await ask('/')).status).toBe(200);
  expect(asked).toEqual(['/metrics', '/']);
});

test('who is refused is told of by kind and address, and nobody else is', async () => {
  const refused: string[] = [];
  const verdicts = [true, false, 'busy', true] as const;
  const delays = [0, 0, 0, 1];
  let count = 0;
  const { ask } = await serve({
    clock: { ...systemClock, sleep: (ms) => (ms === 2_000 ? Promise.resolve() : new Promise(() => {})) },
    delay: () => delays[count] ?? 0,
    authorize: () => verdicts[count] ?? true,
    refuse: (kind, address) => refused.push(`${kind} ${address}`),
  });
  for (; count < 4; count++) await ask('/metrics', 'GET', { Authorization: 'Basic eDp5' });
  await ask('/-/healthy');
  await ask('/nowhere');
  await ask('/metrics', 'POST');
  expect(refused).toEqual(['unauthorized 127.0.0.1', 'busy 127.0.0.1', 'rate_limited 127.0.0.1']);
});

test('headers that were asked for are on every answer, and beat ours', async () => {
  const wanted = { 'Content-Security-Policy': "default-src 'self'", 'Strict-Transport-Security': 'max-age=60' };
  const { ask } = await serve({ headers: () => wanted });
  for (const path of ['/', '/metrics', '/-/healthy', '/nowhere']) {
    expect((await ask(path)).headers).toMatchObject({
      'content-security-policy': "default-src 'self'",
      'strict-transport-security': 'max-age=60',
      'x-content-type-options': 'nosniff',
    });
  }
});

describe('listening', () => {
  test('a port in use is told, with what to do', async () => {
    const { port } = await serve();
    const second = createServer({ ...webDefaults, clock: handClock() });
    await expect(second.listen({ host: '127.0.0.1', port })).rejects.toThrow(
      `cannot listen on 127.0.0.1:${port}: the port is in use; end what uses it, or take another with --web.listen-address`,
    );
    await second.stop();
  });

  test('without a host it answers on every address', async () => {
    const { server } = await serve();
    await server.stop(0);
    const { port } = await server.listen({ host: undefined, port: 0 });
    const answer = await finish(httpRequest({ host: '127.0.0.1', port, path: '/-/healthy', agent: false }));
    expect(answer.status).toBe(200);
  });

  test('stopping lets a running scrape end and closes its kept connection', async () => {
    const gates: (() => void)[] = [];
    const own = () => new Promise<readonly OwnText[]>((resolve) => gates.push(() => resolve([ownText('own 1\n')])));
    const { server, port, ask } = await serve({ own });
    const idle = connect(port, '127.0.0.1');
    const kept = connect(port, '127.0.0.1');
    const chunks: Buffer[] = [];
    kept.on('data', (chunk: Buffer) => chunks.push(chunk));
    const ended = new Promise((resolve) => kept.on('close', resolve));
    kept.write('GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n');
    await until(() => gates.length === 1);
    await ask('/-/healthy');
    const stopped = server.stop();
    await expect(ask('/-/healthy')).rejects.toThrow(/ECONNREFUSED|ECONNRESET|hang up/);
    gates[0]?.();
    await stopped;
    await ended;
    idle.destroy();
    expect(Buffer.concat(chunks).toString()).toMatch(/^HTTP\/1.1 200 OK\r\n.*\r\n\r\nown 1\n$/s);
  });

  test('stopping cuts off what does not end in time', async () => {
    const clock = handClock();
    let asked = 0;
    const own = () => {
      asked += 1;
      return new Promise<readonly OwnText[]>(() => {});
    };
    const { server, ask } = await serve({ own, clock });
    const scrape = ask('/metrics');
    scrape.catch(() => {});
    await until(() => asked === 1);
    const stopped = server.stop();
    clock.wake();
    await stopped;
    await expect(scrape).rejects.toThrow();
  });
});

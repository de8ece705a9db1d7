/** Clients that mean no good, or go about it slowly: they are bounded, and keep nobody away. */
import { createServer as createHttpServer } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { emptyPage } from '../../src/metrics/published.ts';
import type { MakeServer, WebOptions } from '../../src/web/server.ts';
import { startWebServer } from '../helpers/web-server.ts';

const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

async function serve(options: Partial<WebOptions> = {}): ReturnType<typeof startWebServer> {
  const started = await startWebServer(options);
  onTestFinished(() => started.server.stop(0));
  return started;
}

async function open(port: number, text: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  sockets.push(socket);
  socket.on('error', () => {});
  await new Promise((resolve) => socket.once('connect', resolve));
  socket.resume();
  socket.write(text);
  return socket;
}

/** All that comes until the other side hangs up. */
async function answerTo(port: number, text: string): Promise<string> {
  const socket = await open(port, text);
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  await new Promise((resolve) => socket.once('close', resolve));
  return Buffer.concat(chunks).toString();
}

const scrape = 'GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';

describe.each([
  ['that say nothing', ''],
  ['that send half a request', 'GET /metrics HTTP/1.1\r\nHost: a\r\nX-Slow: '],
  ['that have been answered and stay', 'GET /-/healthy HTTP/1.1\r\nHost: a\r\n\r\n'],
])('connections %s', (_, text) => {
  test('do not keep a scraper away, however many they are', async () => {
    const { port } = await serve({ maxConnections: 50 });
    const first = await open(port, text);
    const gone = new Promise((resolve) => first.once('close', resolve));
    for (let count = 0; count < 120; count++) {
      await open(port, text);
      if (count % 40 === 0) expect(await answerTo(port, scrape)).toMatch(/^HTTP\/1\.1 200 .*own 1/s);
    }
    expect(await answerTo(port, scrape)).toMatch(/^HTTP\/1\.1 200 .*own 1/s);
    await gone;
  });
});

test('a scrape that is under way is not cut off for newcomers', async () => {
  let answer = () => {};
  const self = () =>
    new Promise<string>((resolve) => {
      answer = () => resolve('own 1\n');
    });
  const { port } = await serve({ maxConnections: 20, self });
  const slow = answerTo(port, scrape);
  for (let count = 0; count < 60; count++) await open(port, '');
  answer();
  expect(await slow).toMatch(/^HTTP\/1\.1 200 .*own 1/s);
});

test('readers that do not read give their place up when others need it', async () => {
  const line = Buffer.from(`${'x'.repeat(1_000_000)} 1\n`);
  const plain = Array.from({ length: 32 }, () => line);
  const page = { ...emptyPage, plain, plainBytes: 32 * line.length };
  const time = { now: 0 };
  let asked = 0;
  const authorize = () => {
    asked += 1;
    return true;
  };
  const clock = { ...systemClock, monotonic: () => time.now };
  const { port } = await serve({ maxRequests: 2, page: { current: () => page }, authorize, clock });
  for (let count = 1; count <= 2; count++) {
    const socket = await open(port, scrape);
    socket.pause();
    while (asked < count) await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
  }
  const head = 'HEAD /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
  expect(await answerTo(port, head)).toMatch(/^HTTP\/1\.1 503 /);
  time.now += 14_999;
  expect(await answerTo(port, head)).toMatch(/^HTTP\/1\.1 503 /);
  time.now += 1;
  expect(await answerTo(port, head)).toMatch(/^HTTP\/1\.1 200 /);
});

describe('time', () => {
  test('headers have 10 s, a request 15 s, and a connection that asks for nothing goes after 75 s', async () => {
    const made: ReturnType<MakeServer>[] = [];
    const makeServer: MakeServer = (options, listener) => {
      const server = createHttpServer(options, listener);
      made.push(server);
      return server;
    };
    await serve({ makeServer });
    expect(made).toMatchObject([
      { headersTimeout: 10_000, requestTimeout: 15_000, keepAliveTimeout: 75_000, maxHeadersCount: 100 },
    ]);
  });

  test.each([
    ['headers', 'GET /metrics HTTP/1.1\r\nHost: a\r\nX-Slow: ', { headersTimeout: 20, requestTimeout: 60_000 }],
    ['a request', 'GET /metrics HTTP/1.1\r\nHost: a\r\n', { headersTimeout: 20, requestTimeout: 20 }],
    ['nothing at all', '', { headersTimeout: 20, requestTimeout: 20 }],
  ])('%s that do not end are cut off when it is over', async (_, text, limits) => {
    const makeServer: MakeServer = (options, listener) =>
      createHttpServer({ ...options, ...limits, connectionsCheckingInterval: 10 }, listener);
    const { port } = await serve({ makeServer });
    const answer = await answerTo(port, text);
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    expect(answer).not.toContain('own 1');
  });
});

test('headers beyond a size are refused', async () => {
  const { port } = await serve();
  const long = `GET /metrics HTTP/1.1\r\nHost: a\r\nX-Long: ${'x'.repeat(17_000)}\r\n\r\n`;
  expect(await answerTo(port, long)).toMatch(/^HTTP\/1\.1 431 /);
});

test('headers beyond a number are refused, or not looked at, as the version of Node has it', async () => {
  const { port } = await serve({ authorize: ({ headers }) => !('x-199' in headers) });
  const many = Array.from({ length: 200 }, (_, index) => `X-${index}: 1\r\n`).join('');
  expect(await answerTo(port, `GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${many}\r\n`)).toMatch(
    /^HTTP\/1\.1 (?:200|431) /,
  );
});

test('it listens where it was told to, and nowhere else', async () => {
  const { port } = await serve();
  const elsewhere = connect(port, '127.0.0.2');
  sockets.push(elsewhere);
  await expect(new Promise((_, reject) => elsewhere.once('error', reject))).rejects.toThrow('ECONNREFUSED');
});

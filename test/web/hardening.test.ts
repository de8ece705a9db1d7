/** Clients that mean no good, or go about it slowly: they are bounded, and keep nobody away. */
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { connect, type Socket } from 'node:net';
import { connect as connectSecurely } from 'node:tls';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { type OwnText, ownText } from '../../src/metrics/own-text.ts';
import { emptyPage } from '../../src/metrics/page.ts';
import type { Status } from '../../src/status.ts';
import type { MakeServer, WebOptions } from '../../src/web/server.ts';
import { readCertificate } from '../helpers/web-config.ts';
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

async function open(port: number, text: string, localAddress = '127.0.0.1'): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', localAddress });
  sockets.push(socket);
  socket.on('error', () => {});
  await new Promise((resolve) => socket.once('connect', resolve));
  socket.resume();
  socket.write(text);
  return socket;
}

async function openSecure(port: number): Promise<Socket> {
  const socket = connectSecurely({ port, host: '127.0.0.1', rejectUnauthorized: false });
  sockets.push(socket);
  socket.on('error', () => {});
  await new Promise((resolve) => socket.once('secureConnect', resolve));
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
  const own = () =>
    new Promise<readonly OwnText[]>((resolve) => {
      answer = () => resolve([ownText('own 1\n')]);
    });
  const { port } = await serve({ maxConnections: 20, own });
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

/** Turns of the event loop. */
async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turns(1);
}

/** A server for TLS that everybody may speak to. */
const secure: MakeServer = (options, listener) =>
  createHttpsServer(
    { ...options, cert: readCertificate('localhost/cert.pem'), key: readCertificate('localhost/key.pem') },
    listener,
  );

describe('requests that are sent at once over one connection', () => {
  const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;

  test('are answered one after the other, all of them, in their order', async () => {
    let underWay = 0;
    let most = 0;
    let made = 0;
    const own = async () => {
      underWay += 1;
      most = Math.max(most, underWay);
      await turns(2);
      underWay -= 1;
      made += 1;
      return [ownText(`own ${made}\n`)];
    };
    const { port } = await serve({ own });
    const answers = await answerTo(port, get('/metrics').repeat(500) + scrape);
    expect([...answers.matchAll(/own (\d+)/g)].map(([, number]) => Number(number))).toEqual(
      Array.from({ length: 501 }, (_, index) => index + 1),
    );
    expect(most).toBe(1);
  });

  test.each([
    ['http', undefined],
    ['https', secure],
  ])('by %s are not answered while nothing is read, and others are', async (_, makeServer) => {
    const page = { ...emptyPage, plain: [Buffer.alloc(8_000_000, 'x')], plainBytes: 8_000_000 };
    let made = 0;
    let asked = 0;
    const own = async () => {
      made += 1;
      return [ownText('own 1\n')];
    };
    const authorize = () => {
      asked += 1;
      return true;
    };
    const shown = makeServer === undefined ? {} : { makeServer };
    const { port } = await serve({ page: { current: () => page }, own, authorize, ...shown });
    const stranger = makeServer === undefined ? await open(port, '') : await openSecure(port);
    stranger.pause();
    stranger.write(get('/metrics').repeat(2_400));
    await until(() => asked > 0);
    await turns(200);
    const health = makeServer === undefined ? await open(port, '') : await openSecure(port);
    const healthy = new Promise((resolve) => health.once('data', resolve));
    health.write(get('/-/healthy'));
    expect(String(await healthy)).toMatch(/^HTTP\/1\.1 200 /);
    // What the kernel takes in is made, and one more.
    expect(asked).toBeLessThanOrEqual(3);
    expect(made).toBeLessThanOrEqual(3);
  });

  test('are dropped with their connection', async () => {
    let asked = 0;
    const authorize = () => {
      asked += 1;
      return true;
    };
    const { port } = await serve({ authorize, own: () => new Promise(() => {}) });
    const stranger = await open(port, get('/metrics').repeat(100));
    await until(() => asked === 1);
    stranger.destroy();
    await answerTo(port, 'GET /-/healthy HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    expect(asked).toBe(1);
  });

  test('are ours to answer with an expectation, too', async () => {
    let asked = 0;
    const authorize = () => {
      asked += 1;
      return true;
    };
    const { port } = await serve({ authorize, own: () => new Promise(() => {}) });
    await open(port, 'GET /metrics HTTP/1.1\r\nHost: a\r\nExpect: miracles\r\n\r\n'.repeat(100));
    await until(() => asked === 1);
    await turns(20);
    expect(asked).toBe(1);
  });
});

test('the status page is made once for all who ask while it is being made', async () => {
  let made = 0;
  let fail = (_error: Error) => {};
  const status = () => {
    made += 1;
    return new Promise<Status>((_resolve, reject) => {
      fail = reject;
    });
  };
  let asked = 0;
  const authorize = () => {
    asked += 1;
    return true;
  };
  const { port } = await serve({ status, authorize });
  const answers = Array.from({ length: 30 }, () => answerTo(port, scrape.replace('/metrics', '/api/status')));
  await until(() => asked === 30);
  await turns(2);
  expect(made).toBe(1);
  fail(new Error('it is enough that all have the same'));
  for (const answer of await Promise.all(answers)) expect(answer).toMatch(/^HTTP\/1\.1 500 /);
});

describe('a stranger at one address does not keep a scraper at another one away', () => {
  test('with connections that all wait for an answer', async () => {
    let asked = 0;
    const authorize = () => {
      asked += 1;
      return true;
    };
    let isOpen = false;
    const own = async () => (isOpen ? [ownText('own 1\n')] : await new Promise<never>(() => {}));
    const { port } = await serve({ maxConnections: 50, maxRequests: 1_000, own, authorize });
    const gone: Promise<unknown>[] = [];
    for (let count = 0; count < 45; count++) {
      const socket = await open(port, scrape, '127.0.0.2');
      gone.push(new Promise((resolve) => socket.once('close', resolve)));
    }
    await until(() => asked === 45);
    isOpen = true;
    expect(await answerTo(port, scrape)).toMatch(/^HTTP\/1\.1 200 .*own 1/s);
    await Promise.race(gone);
  });

  test('with connections that never agree on a key', async () => {
    const { port } = await serve({ maxConnections: 50, makeServer: secure });
    for (let count = 0; count < 60; count++) await open(port, '', '127.0.0.2');
    const scraper = await openSecure(port);
    const answer = new Promise((resolve) => scraper.once('data', resolve));
    scraper.write(scrape);
    expect(String(await answer)).toMatch(/^HTTP\/1\.1 200 /);
  });

  test('with scrapes that are not read: it gives one up after two seconds', async () => {
    const time = { now: 0 };
    const clock = { ...systemClock, monotonic: () => time.now };
    let asked = 0;
    const authorize = () => {
      asked += 1;
      return true;
    };
    let isOpen = false;
    const own = async () => (isOpen ? [ownText('own 1\n')] : await new Promise<never>(() => {}));
    const { port } = await serve({ maxRequests: 3, own, authorize, clock });
    for (let count = 0; count < 3; count++) await open(port, scrape, '127.0.0.2');
    await until(() => asked === 3);
    isOpen = true;
    expect(await answerTo(port, scrape)).toMatch(/^HTTP\/1\.1 503 /);
    time.now += 2_000;
    expect(await answerTo(port, scrape)).toMatch(/^HTTP\/1\.1 200 .*own 1/s);
  });
});

import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { type Clock, systemClock } from '../../src/clock.ts';
import { runHealth } from '../../src/commands/health.ts';

async function healthOf(listener: RequestListener, host: string | undefined, clock: Clock = systemClock) {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = isInfo(address) ? address.port : 0;
  let err = '';
  const code = await runHealth({
    listen: { host, port },
    clock,
    err: { write: (text) => (err += text) },
  });
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  return { code, err, port };
}

function isInfo(address: unknown): address is AddressInfo {
  return typeof address === 'object' && address !== null;
}

test.each([undefined, '0.0.0.0', '127.0.0.1', 'localhost'])(
  'an exporter that listens on %s is asked here',
  async (host) => {
    const asked: (string | undefined)[] = [];
    const { code, err } = await healthOf((request, response) => {
      asked.push(request.url);
      response.end('healthy\n');
    }, host);
    expect([code, err, asked]).toEqual([0, '', ['/-/healthy']]);
  },
);

test('any answer but 200 is unhealthy', async () => {
  const { code, err, port } = await healthOf((_request, response) => {
    response.statusCode = 503;
    response.end();
  }, undefined);
  expect([code, err]).toEqual([1, `the exporter on :${port} answered 503\n`]);
});

test('no answer in time is unhealthy', async () => {
  let wake = () => {};
  const clock: Clock = {
    ...systemClock,
    sleep: () =>
      new Promise((resolve) => {
        wake = resolve;
      }),
  };
  const { code, err } = await healthOf(() => wake(), '127.0.0.1', clock);
  expect(code).toBe(1);
  expect(err).toMatch(/cannot be reached: no answer within 3000 ms/);
});

test('nobody there is unhealthy', async () => {
  const { port } = await healthOf((_request, response) => response.end(), undefined);
  let err = '';
  const code = await runHealth({
    listen: { host: '127.0.0.1', port },
    clock: systemClock,
    err: { write: (text) => (err += text) },
  });
  expect(code).toBe(1);
  expect(err).toMatch(/^the exporter on 127.0.0.1:\d+ cannot be reached: .*ECONNREFUSED/);
});

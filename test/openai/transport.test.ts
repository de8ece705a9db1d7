import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { afterEach, describe, expect, it, test } from 'vitest';
import { createTransport } from '../../src/openai/transport.ts';
import { startConnectProxy } from '../helpers/connect-proxy.ts';
import { portOf, reply, startHttpServer } from '../helpers/http-server.ts';

const certificate = (name: string) =>
  readFileSync(new URL(`../fixtures/localhost/${name}.pem`, import.meta.url), 'utf8');
const ca = certificate('cert');

const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function startTls(): Promise<{ port: number; connections: () => number }> {
  let connections = 0;
  const server = createServer({ key: certificate('key'), cert: ca }, (request, response) => {
    reply(response, 200, { path: request.url, proxyAuthorization: request.headers['proxy-authorization'] ?? null });
  });
  server.on('secureConnection', () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanUps.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return { port: portOf(server.address()), connections: () => connections };
}

async function ask(base: URL, environment: Record<string, string>): Promise<unknown> {
  const transport = createTransport(base, environment, { timeoutMs: 2_000, ca });
  cleanUps.push(() => transport.destroy());
  const { body } = await transport.request({ origin: base.origin, path: '/v1/x', method: 'GET' });
  return body.json();
}

async function startProxy(port: number, status?: number) {
  const proxy = await startConnectProxy(port, status);
  cleanUps.push(() => proxy.close());
  return proxy;
}

describe('https', () => {
  it('goes straight to the origin when there is no proxy', async () => {
    const { port } = await startTls();
    expect(await ask(new URL(`https://localhost:${port}`), {})).toMatchObject({ path: '/v1/x' });
  });

  it('does not trust just anybody', async () => {
    const { port } = await startTls();
    const base = new URL(`https://localhost:${port}`);
    const transport = createTransport(base, {}, { timeoutMs: 2_000 });
    cleanUps.push(() => transport.destroy());
    await expect(transport.request({ origin: base.origin, path: '/', method: 'GET' })).rejects.toMatchObject({
      code: 'DEPTH_ZERO_SELF_SIGNED_CERT',
    });
  });

  test.each(['HTTPS_PROXY', 'https_proxy'])(
    'goes through the proxy of %s, which learns the host alone',
    async (name) => {
      const { port } = await startTls();
      const proxy = await startProxy(port);
      const environment = { [name]: proxy.url.replace('://', '://user:pa%20ss@') };
      const answer = await ask(new URL('https://api.example.test/v1'), environment);
      expect(answer).toEqual({ path: '/v1/x', proxyAuthorization: null });
      expect(proxy.connects.map(({ authority }) => authority)).toEqual(['api.example.test:443']);
      expect(proxy.connects[0]?.headers['proxy-authorization']).toBe(`Basic ${btoa('user:pa ss')}`);
      expect(proxy.others).toEqual([]);
    },
  );

  test.each(['localhost', 'other.test, LOCALHOST', '*', '.test localhost'])(
    'leaves out what NO_PROXY=%s excepts',
    async (no) => {
      const { port } = await startTls();
      const proxy = await startProxy(port);
      const base = new URL(`https://localhost:${port}`);
      expect(await ask(base, { HTTPS_PROXY: proxy.url, NO_PROXY: no })).toMatchObject({ path: '/v1/x' });
      expect(proxy.connects).toEqual([]);
    },
  );

  test.each([
    ',',
    ':',
    '::',
    '.',
    '*.',
    '*:',
    ':443',
    '[::1',
    '::1',
    '[::1]:x',
    'a:b:c',
    '%zz',
    '*,x',
    'https://',
    '\\(',
    'é',
  ])('takes no harm from NO_PROXY=%s, which excepts nothing', async (no) => {
    const { port } = await startTls();
    const proxy = await startProxy(port);
    const base = new URL('https://api.example.test/v1');
    expect(await ask(base, { HTTPS_PROXY: proxy.url, NO_PROXY: no })).toMatchObject({ path: '/v1/x' });
    expect(proxy.connects).toHaveLength(1);
  });

  it('reports a proxy that refuses', async () => {
    const { port } = await startTls();
    const proxy = await startProxy(port, 403);
    await expect(ask(new URL('https://api.example.test'), { HTTPS_PROXY: proxy.url })).rejects.toThrow('403');
  });

  it('keeps two connections', async () => {
    const { port, connections } = await startTls();
    const base = new URL(`https://localhost:${port}`);
    const transport = createTransport(base, {}, { timeoutMs: 2_000, ca });
    cleanUps.push(() => transport.destroy());
    const once = async () => {
      const { body } = await transport.request({ origin: base.origin, path: '/', method: 'GET' });
      await body.dump();
    };
    await Promise.all([once(), once(), once(), once(), once(), once()]);
    expect(connections()).toBeLessThanOrEqual(2);
  });
});

it('never takes plain http through a proxy, whatever the environment of the process says', async () => {
  const server = await startHttpServer((_, response) => reply(response, 200, { direct: true }));
  cleanUps.push(() => server.close());
  const proxy = await startProxy(server.port);
  const environment = { HTTP_PROXY: proxy.url, http_proxy: proxy.url, HTTPS_PROXY: proxy.url };
  expect(await ask(server.url, environment)).toEqual({ direct: true });
  expect([...proxy.connects, ...proxy.others]).toEqual([]);
});

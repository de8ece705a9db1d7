/** TLS as a client sees it: versions, certificates of clients, and certificates that are exchanged meanwhile. */
import { copyFileSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConnectionOptions, connect as connectTls, type PeerCertificate, TLSSocket } from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { runHealth } from '../../src/commands/health.ts';
import { createLiveConfig } from '../../src/web/live-config.ts';
import type { Refuse } from '../../src/web/refused-clients.ts';
import { tlsServer } from '../../src/web/tls.ts';
import { until } from '../helpers/http-server.ts';
import { recordingLog } from '../helpers/recording-log.ts';
import { certificate, readCertificate as pem } from '../helpers/web-config.ts';
import { startWebServer } from '../helpers/web-server.ts';

const client = { cert: pem('clients/client.pem'), key: pem('clients/client-key.pem') };
/** A certificate with the same names in it, signed by itself. */
const stranger = { cert: pem('clients/stranger.pem'), key: pem('clients/stranger-key.pem') };

const named = (name: string) =>
  `client_auth_type: RequireAndVerifyClientCert\nclient_ca_file: ca.pem\nclient_allowed_sans: [${name}]`;

const ofClients = 'client_auth_type: RequireAndVerifyClientCert\nclient_ca_file: ca.pem';

/** A server whose configuration and certificates lie in a directory of their own. */
async function serve(more: string = '') {
  const directory = mkdtempSync(join(tmpdir(), 'tls-'));
  const place = (from: string, to: string) => copyFileSync(certificate(from), join(directory, to));
  place('localhost/cert.pem', 'cert.pem');
  place('localhost/key.pem', 'key.pem');
  place('clients/ca.pem', 'ca.pem');
  const write = (text: string) =>
    writeFileSync(
      join(directory, 'web.yml'),
      `tls_server_config:\n  cert_file: cert.pem\n  key_file: key.pem\n${text.replaceAll(/^/gm, '  ')}\n`,
    );
  write(more);
  const time = { now: 0 };
  const log = recordingLog();
  const live = createLiveConfig({ path: join(directory, 'web.yml'), clock: { monotonic: () => time.now }, log });
  const { tls } = live.current();
  const refused: string[] = [];
  const refuse: Refuse = (refusal, address) => refused.push(`${refusal} ${address}`);
  if (tls === undefined) throw new Error('no TLS');
  const { server, port } = await startWebServer({ log, makeServer: tlsServer(live, tls, refuse) });
  onTestFinished(async () => {
    await server.stop(0);
    rmSync(directory, { recursive: true });
  });
  /** Lets a second pass, in which files may have changed; their times differ whatever the file system keeps of them. */
  const later = () => {
    time.now += 1_000;
    for (const name of ['web.yml', 'cert.pem', 'key.pem']) {
      utimesSync(join(directory, name), time.now / 1_000, time.now / 1_000);
    }
  };
  return { port, live, tls, log, refused, write, place, later };
}

interface Answer {
  readonly status: number | undefined;
  readonly protocol: string | null;
  readonly certificate: PeerCertificate;
  /** The address of the client: differs by connection. */
  readonly from: number | undefined;
}

function ask(port: number, options: ConnectionOptions & { readonly agent?: Agent } = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const ca = [pem('localhost/cert.pem'), pem('localhost/next-cert.pem')];
    const asked = request({ host: '127.0.0.1', port, path: '/metrics', agent: false, ca, ...options });
    asked.on('error', reject).on('response', (response) => {
      const { socket } = response;
      if (!(socket instanceof TLSSocket)) return reject(new Error('no TLS'));
      const { localPort: from } = socket;
      const answer = { protocol: socket.getProtocol(), certificate: socket.getPeerCertificate(), from };
      response.resume().on('end', () => resolve({ status: response.statusCode, ...answer }));
    });
    asked.end();
  });
}

/** One connection, used again and again. */
function keptAlive(): Agent {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  onTestFinished(() => agent.destroy());
  return agent;
}

/** The session that a client that was let in can resume with. */
function sessionOf(port: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ host: '127.0.0.1', port, ca: pem('localhost/cert.pem'), ...client });
    socket.on('error', reject).once('session', (ticket: Buffer) => {
      resolve(ticket);
      socket.destroy();
    });
    socket.write('GET /-/healthy HTTP/1.1\r\nHost: a\r\n\r\n');
  });
}

test('answers over TLS 1.3, and 1.2 where a client asks for it, and nothing older', async () => {
  const { port } = await serve();
  expect(await ask(port)).toMatchObject({ status: 200, protocol: 'TLSv1.3' });
  expect(await ask(port, { maxVersion: 'TLSv1.2' })).toMatchObject({ status: 200, protocol: 'TLSv1.2' });
  await expect(ask(port, { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1' })).rejects.toThrow();
});

test('keeps to the least version', async () => {
  const { port } = await serve('min_version: TLS13');
  await expect(ask(port, { maxVersion: 'TLSv1.2' })).rejects.toThrow();
  expect(await ask(port)).toMatchObject({ status: 200 });
});

test('plain http gets no answer, and leaves a trace', async () => {
  const { port, refused } = await serve();
  const socket = connect(port, '127.0.0.1', () => socket.write('GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n'));
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', () => {});
  await new Promise((resolve) => socket.once('close', resolve));
  expect(Buffer.concat(chunks).toString('latin1')).not.toContain('own 1');
  await until(() => refused.length > 0);
  expect(refused).toEqual(['tls_failed 127.0.0.1']);
});

test('clients that do not take the certificate, or speak something older, leave a trace; who says nothing does not', async () => {
  const { port, refused } = await serve('min_version: TLS13');
  const silent = connect(port, '127.0.0.1');
  await new Promise((resolve) => silent.once('connect', resolve));
  silent.end();
  await new Promise((resolve) => silent.resume().once('close', resolve));
  await expect(ask(port, { ca: [] })).rejects.toThrow();
  await until(() => refused.length === 1);
  await expect(ask(port, { maxVersion: 'TLSv1.2' })).rejects.toThrow();
  await until(() => refused.length === 2);
  expect((await ask(port)).status).toBe(200);
  expect(refused).toEqual(['tls_failed 127.0.0.1', 'tls_failed 127.0.0.1']);
});

test('limits on time hold over TLS, too', async () => {
  const { live, tls } = await serve();
  const limits = { headersTimeout: 10_000, requestTimeout: 15_000, keepAliveTimeout: 75_000 };
  expect(tlsServer(live, tls, () => {})(limits, () => {})).toMatchObject(limits);
});

describe('certificates of clients', () => {
  test.each<[string, boolean, boolean, boolean]>([
    // Without one, of the client CA, of nobody.
    ['NoClientCert', true, true, true],
    ['RequestClientCert', true, true, true],
    ['RequireAnyClientCert', false, true, true],
    ['VerifyClientCertIfGiven', true, true, false],
    ['RequireAndVerifyClientCert', false, true, false],
  ])('%s', async (type, without, known, unknown) => {
    const ca = /Verify/.test(type) ? '\nclient_ca_file: ca.pem' : '';
    const { port, tls, refused } = await serve(`client_auth_type: ${type}${ca}`);
    const gets = (options: ConnectionOptions) =>
      ask(port, options).then(
        ({ status }) => status === 200,
        () => false,
      );
    expect([await gets({}), await gets(client), await gets(stranger)]).toEqual([without, known, unknown]);
    let err = '';
    const listen = { host: '127.0.0.1', port };
    const health = await runHealth({ listen, tls, clock: systemClock, err: { write: (text) => (err += text) } });
    expect([health, err]).toEqual([0, '']);
    // Nobody who comes again and again from this machine without a certificate: so does the command `health`.
    const strangers = unknown ? 0 : 1;
    await until(() => refused.length === strangers);
  });

  test.each<[boolean, string]>([
    [true, 'a.example.test, prometheus.example.test'],
    [true, '"2001:db8::7"'],
    [true, 'spiffe://example.test/ns/monitoring/sa/prometheus'],
    [false, 'example.test, "*.example.test", prometheus, 192.0.2.8'],
  ])('of the client CA, and with a name that may come in: %s for %s', async (is, names) => {
    const { port, refused } = await serve(named(names));
    if (is) expect((await ask(port, client)).status).toBe(200);
    else await expect(ask(port, client)).rejects.toThrow();
    await expect(ask(port, stranger)).rejects.toThrow();
    await expect(ask(port)).rejects.toThrow();
    await until(() => refused.length === (is ? 1 : 2));
  });

  test('a name that may come in no longer is out from the next connection on', async () => {
    const { port, write, later } = await serve(named('prometheus.example.test'));
    expect((await ask(port, client)).status).toBe(200);
    write(named('somebody.else'));
    later();
    await expect(ask(port, client)).rejects.toThrow();
  });

  test.each<[string, (served: Awaited<ReturnType<typeof serve>>) => void]>([
    ['names that may come in', ({ write }) => write(named('somebody.else'))],
    ['client CA', ({ place }) => place('clients/stranger.pem', 'ca.pem')],
  ])('a connection is not kept open past a change of the %s', async (_, change) => {
    const served = await serve(named('prometheus.example.test'));
    const { port, later } = served;
    const kept = keptAlive();
    expect((await ask(port, { ...client, agent: kept })).status).toBe(200);
    change(served);
    later();
    await expect(ask(port, { ...client, agent: kept })).rejects.toThrow();
    await expect(ask(port, { ...client, agent: kept })).rejects.toThrow();
  });

  test('a connection whose client may still come in is kept open past other changes', async () => {
    const { port, write, later, live, tls } = await serve(named('prometheus.example.test'));
    const kept = keptAlive();
    const { from } = await ask(port, { ...client, agent: kept });
    write(named('prometheus.example.test, somebody.else'));
    later();
    expect(await ask(port, { ...client, agent: kept })).toMatchObject({ status: 200, from });
    expect(live.current().tls).not.toBe(tls);
  });

  test('a session that is resumed is checked, too', async () => {
    const { port } = await serve(ofClients);
    const session = await sessionOf(port);
    expect((await ask(port, { session, ...client })).status).toBe(200);
    await expect(ask(port, stranger)).rejects.toThrow();
  });

  test('a resumed session does not let in whom another client CA has let in', async () => {
    const { port, place, later } = await serve(ofClients);
    const session = await sessionOf(port);
    place('clients/stranger.pem', 'ca.pem');
    later();
    await expect(ask(port, { session, ...client })).rejects.toThrow();
    expect((await ask(port, stranger)).status).toBe(200);
  });
});

test('a certificate that is exchanged is shown to the next who connects, without a restart', async () => {
  const { port, place, later, log } = await serve();
  const first = (await ask(port)).certificate.fingerprint256;
  // Half done: the key does not fit, and the old pair stays.
  place('localhost/next-cert.pem', 'cert.pem');
  later();
  expect((await ask(port)).certificate.fingerprint256).toBe(first);
  expect(log.of('error')).toHaveLength(1);
  place('localhost/next-key.pem', 'key.pem');
  later();
  const second = (await ask(port)).certificate.fingerprint256;
  expect(second).not.toBe(first);
  expect(log.of('info')).toHaveLength(1);
});

test('a least version that is exchanged holds without a restart', async () => {
  const { port, write, later } = await serve();
  expect(await ask(port, { maxVersion: 'TLSv1.2' })).toMatchObject({ status: 200 });
  write('min_version: TLS13');
  later();
  await expect(ask(port, { maxVersion: 'TLSv1.2' })).rejects.toThrow();
});

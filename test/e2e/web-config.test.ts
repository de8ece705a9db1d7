/** `--web.config.file` as people use it: a real Prometheus scrapes over TLS with a password, and nobody does without. */
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { runProgram, startProgram } from '../helpers/process.ts';
import { startPrometheus } from '../helpers/prometheus.ts';
import { testKey } from '../helpers/scripted-api.ts';
import { findTool } from '../helpers/tools.ts';
import { certificate, credentials } from '../helpers/web-config.ts';
import { polledNames } from './apis.ts';
import { scriptedApi } from './exporter.ts';

const prometheusPath = findTool('prometheus', 'prometheus');
const directory = mkdtempSync(join(tmpdir(), 'web-config-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** bcrypt of `open sesame`, of the cost that people use. */
const hash = '$2b$10$wGRTJsoAY8eUhcea61o.VebPNZeg2qdLC18c8jKWV2aebhn4KjAnK';
const file = join(directory, 'web.yml');
const configuration = (users: string) => `
tls_server_config: { cert_file: cert.pem, key_file: key.pem }
http_server_config: { headers: { Strict-Transport-Security: max-age=60 } }
basic_auth_users: { ${users} }
`;

function write(users: string): void {
  copyFileSync(certificate('localhost/cert.pem'), join(directory, 'cert.pem'));
  copyFileSync(certificate('localhost/key.pem'), join(directory, 'key.pem'));
  writeFileSync(file, configuration(users));
}

async function secured(text?: string, address = '127.0.0.1:0') {
  write(`ali: ${hash}`);
  if (text !== undefined) writeFileSync(file, text);
  const api = await scriptedApi();
  const exporter = startProgram(
    [
      `--web.listen-address=${address}`,
      `--web.config.file=${file}`,
      `--openai.base-url=${api.url}`,
      '--openai.max-requests-per-minute=600',
      '--log.level=debug',
    ],
    { env: { OPENAI_ADMIN_KEY: testKey } },
  );
  onTestFinished(async () => {
    await exporter.stop('SIGKILL');
  });
  const [, port = ''] = await exporter.logged(/listening on [\d.]*:(\d+)/);
  return { exporter, port: Number(port) };
}

function ask(port: number, path: string, authorization?: string, localAddress = '127.0.0.1') {
  return new Promise<{ status: number | undefined; text: string; fingerprint: string | undefined }>(
    (resolve, reject) => {
      const headers = authorization === undefined ? {} : { authorization };
      const asked = request({
        host: '127.0.0.1',
        localAddress,
        port,
        path,
        headers,
        agent: false,
        rejectUnauthorized: false,
      });
      asked.on('error', reject).on('response', (response) => {
        const { socket } = response;
        const fingerprint = 'getPeerX509Certificate' in socket ? fingerprintOf(socket) : undefined;
        let text = JSON.stringify(response.headers);
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode, text, fingerprint }));
      });
      asked.end();
    },
  );
}

function fingerprintOf(socket: object): string | undefined {
  if (!('getPeerX509Certificate' in socket) || typeof socket.getPeerX509Certificate !== 'function') return undefined;
  return socket.getPeerX509Certificate()?.fingerprint256;
}

test.skipIf(prometheusPath === undefined)(
  'Prometheus scrapes over TLS with a password; without, it gets 401',
  async () => {
    const { port } = await secured();
    writeFileSync(join(directory, 'password'), 'open sesame');
    const target = [`127.0.0.1:${port}`];
    const tls = { scheme: 'https', tls_config: { ca_file: certificate('localhost/cert.pem') } };
    const start = async (scraping: Readonly<Record<string, unknown>>) => {
      const options = { path: prometheusPath ?? '', scrapeInterval: '500ms', jobs: { openai: target } };
      const prometheus = await startPrometheus({ ...options, scraping: { ...tls, ...scraping } });
      onTestFinished(prometheus.stop);
      return prometheus;
    };
    const known = await start({ basic_auth: { username: 'ali', password_file: join(directory, 'password') } });
    const unknown = await start({});
    await vi.waitFor(async () => expect(await known.vector('up')).toMatchObject([{ value: 1 }]), { timeout: 20_000 });
    // Besides what is polled, the five lists of an organization without projects.
    const answering = polledNames.length + 5;
    await vi.waitFor(async () => expect(await known.vector('openai_up == 1')).toHaveLength(answering), {
      timeout: 20_000,
    });
    await vi.waitFor(
      async () => {
        expect(await unknown.get('/api/v1/targets')).toMatchObject({
          activeTargets: [{ health: 'down', lastError: expect.stringContaining('401') }],
        });
      },
      { timeout: 20_000 },
    );
    expect(await unknown.vector('openai_up')).toEqual([]);
  },
  60_000,
);

test.skipIf(prometheusPath === undefined)(
  'Prometheus scrapes with a certificate; the file has everything in it, as those for its own exporters',
  async () => {
    const inline = (name: string) => readFileSync(certificate(name), 'utf8').replaceAll(/^(?=.)/gm, '    ');
    const { port, exporter } = await secured(`
tls_server_config:
  cert: |
${inline('localhost/cert.pem')}
  key: |
${inline('localhost/key.pem')}
  client_ca: |
${inline('clients/ca.pem')}
  client_auth_type: RequireAndVerifyClientCert
  client_allowed_sans:
    - prometheus.example.test
  cipher_suites:
    - TLS_AES_128_GCM_SHA256
    - TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
http_server_config:
  http2: true
rate_limit:
  interval: 100ms
  burst: 20
`);
    const start = async (tls: Readonly<Record<string, string>>) => {
      const tls_config = { ca_file: certificate('localhost/cert.pem'), ...tls };
      const jobs = { openai: [`127.0.0.1:${port}`] };
      const options = { path: prometheusPath ?? '', scrapeInterval: '500ms', jobs };
      const prometheus = await startPrometheus({ ...options, scraping: { scheme: 'https', tls_config } });
      onTestFinished(prometheus.stop);
      return prometheus;
    };
    const of = (name: string) => ({
      cert_file: certificate(`clients/${name}.pem`),
      key_file: certificate(`clients/${name}-key.pem`),
    });
    const known = await start(of('client'));
    const stranger = await start(of('stranger'));
    await vi.waitFor(async () => expect(await known.vector('up')).toMatchObject([{ value: 1 }]), { timeout: 20_000 });
    await vi.waitFor(async () => expect(await stranger.vector('up')).toMatchObject([{ value: 0 }]), {
      timeout: 20_000,
    });
    expect(exporter.err()).toMatch(/"tls_failed":\d+.*clients were refused/);
  },
  60_000,
);

test('users and certificates are exchanged while it runs; nothing secret is logged; it ends in time', async () => {
  const { exporter, port } = await secured();
  const ali = credentials('ali', 'open sesame');
  expect((await ask(port, '/metrics')).status).toBe(401);
  const first = await ask(port, '/metrics', ali);
  expect(first).toMatchObject({ status: 200, text: expect.stringContaining('max-age=60') });
  for (const path of ['/-/healthy', '/nowhere']) expect((await ask(port, path)).text).toContain('max-age=60');
  for (const path of ['/', '/api/status']) {
    expect([(await ask(port, path)).status, (await ask(port, path, ali)).status]).toEqual([401, 200]);
  }

  write(`baba: ${hash}`);
  copyFileSync(certificate('localhost/next-cert.pem'), join(directory, 'cert.pem'));
  copyFileSync(certificate('localhost/next-key.pem'), join(directory, 'key.pem'));
  await vi.waitFor(async () => expect((await ask(port, '/metrics', ali)).status).toBe(401), { timeout: 10_000 });
  const second = await ask(port, '/metrics', credentials('baba', 'open sesame'));
  expect(second.status).toBe(200);
  expect(second.fingerprint).not.toBe(first.fingerprint);

  const { code, err, took } = await exporter.stop();
  expect(code).toBe(0);
  expect(took).toBeLessThan(5_000);
  for (const secret of ['open sesame', ali.slice(6), hash]) expect(err).not.toContain(secret);
  expect(err).toContain('has changed and is in use');
  expect(err).toMatch(/"unauthorized":1,"last_address":"127\.0\.0\.1","msg":"clients were refused"/);
});

test('an emptied file opens nothing: the passwords stay until a restart', async () => {
  const { exporter, port } = await secured();
  for (const text of [configuration(''), '']) {
    writeFileSync(file, text);
    const what = text === '' ? 'turning TLS on or off' : 'turning passwords off';
    await vi.waitFor(
      async () => {
        expect((await ask(port, '/metrics')).status).toBe(401);
        expect(exporter.err()).toContain(`so the one before stays in use: ${file}: ${what} needs a restart`);
      },
      { timeout: 10_000 },
    );
  }
  expect((await ask(port, '/metrics', credentials('ali', 'open sesame'))).status).toBe(200);
});

test('a file that takes certificates of anybody opens nothing: they are asked for as before until a restart', async () => {
  const checked = (type: string) =>
    `tls_server_config: { cert_file: cert.pem, key_file: key.pem, client_auth_type: ${type}, client_ca_file: ca.pem }`;
  copyFileSync(certificate('clients/ca.pem'), join(directory, 'ca.pem'));
  const { exporter, port } = await secured(checked('RequireAndVerifyClientCert'));
  await expect(ask(port, '/metrics')).rejects.toThrow();
  writeFileSync(file, checked('VerifyClientCertIfGiven'));
  await vi.waitFor(
    async () => {
      await expect(ask(port, '/metrics')).rejects.toThrow();
      expect(exporter.err()).toContain(`so the one before stays in use: ${file}: letting everybody in needs a restart`);
    },
    { timeout: 10_000 },
  );
});

describe('health', () => {
  test('asks over TLS, and needs no password', async () => {
    const { port } = await secured();
    const env = { OPENAI_EXPORTER_WEB_LISTEN_ADDRESS: `127.0.0.1:${port}`, OPENAI_EXPORTER_WEB_CONFIG_FILE: file };
    expect(await runProgram(['health'], { env })).toMatchObject({ code: 0, err: '' });
    const { OPENAI_EXPORTER_WEB_LISTEN_ADDRESS } = env;
    expect(await runProgram(['health'], { env: { OPENAI_EXPORTER_WEB_LISTEN_ADDRESS } })).toMatchObject({ code: 1 });
  });
});

test('a file with an unknown key is refused with its path, and it ends with 2', async () => {
  const wrong = join(directory, 'wrong.yml');
  writeFileSync(wrong, 'tls_server_config: { cert_fil: a }\n');
  const { code, err } = await runProgram([`--web.config.file=${wrong}`], { env: { OPENAI_ADMIN_KEY: testKey } });
  expect(code).toBe(2);
  expect(err).toContain('tls_server_config.cert_fil: unknown key; did you mean cert_file?');
});

describe('a warning that everybody can read what is served', () => {
  const warning = /everybody who can reach this address/;
  const inTheClear = /passwords and numbers cross the network in the clear/;
  async function started(args: readonly string[]) {
    const api = await scriptedApi();
    const exporter = startProgram([`--openai.base-url=${api.url}`, ...args], { env: { OPENAI_ADMIN_KEY: testKey } });
    await exporter.logged(/listening on/);
    await vi.waitFor(() => expect(api.requests.length).toBeGreaterThan(0), { timeout: 20_000 });
    return (await exporter.stop()).err;
  }

  test('comes again when a file that is exchanged leaves it open', async () => {
    const secure = (more: string) => `tls_server_config: { cert_file: cert.pem, key_file: key.pem, ${more} }`;
    const { exporter, port } = await secured(secure('min_version: TLS12'), ':0');
    const warnings = () => exporter.err().split(warning).length - 1;
    await vi.waitFor(() => expect(warnings()).toBe(1), { timeout: 10_000 });
    writeFileSync(file, secure('min_version: TLS13'));
    await vi.waitFor(
      async () => {
        expect((await ask(port, '/metrics')).status).toBe(200);
        expect(warnings()).toBe(2);
      },
      { timeout: 10_000 },
    );
  });

  test('is there where nobody needs a password, or sends it in the clear, and only there', async () => {
    write(`ali: ${hash}`);
    expect(await started(['--web.listen-address=:0'])).toMatch(warning);
    expect(await started(['--web.listen-address=127.0.0.1:0'])).not.toMatch(warning);
    const closed = await started(['--web.listen-address=:0', `--web.config.file=${file}`]);
    expect(closed).not.toMatch(warning);
    expect(closed).not.toMatch(inTheClear);
    writeFileSync(file, `basic_auth_users: { ali: ${hash} }`);
    const clear = await started(['--web.listen-address=:0', `--web.config.file=${file}`]);
    expect(clear).toMatch(inTheClear);
    expect(clear).not.toMatch(warning);
    expect(await started(['--web.listen-address=127.0.0.1:0', `--web.config.file=${file}`])).not.toMatch(inTheClear);
  });
});

test('who guesses passwords while the exporter starts does not keep a scraper away', async () => {
  const { port } = await secured();
  let isOver = false;
  let guesses = 0;
  const guess = async () => {
    while (!isOver) {
      guesses += 1;
      await ask(port, '/metrics', credentials('ali', `guess ${guesses}`), '127.0.0.2');
    }
  };
  const guessers = Array.from({ length: 50 }, guess);
  await vi.waitFor(() => expect(guesses).toBeGreaterThan(50), { timeout: 20_000 });
  expect(await ask(port, '/metrics', credentials('ali', 'open sesame'))).toMatchObject({ status: 200 });
  isOver = true;
  await Promise.all(guessers);
}, 60_000);

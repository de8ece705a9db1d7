/** What the file of --web.config.file may say, and the exact words for what it may not. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { parseSettings } from '../../src/settings/settings.ts';
import { loadWebConfig } from '../../src/settings/web-config.ts';
import { certificate } from '../helpers/web-config.ts';

const hash = '$2b$04$qySQinTWQ6boKHkav1tyuOZsY5sxfH5mMJZR1b7KRP25HndIL3MZK';
const pair = `cert_file: ${certificate('localhost/cert.pem')}\n  key_file: ${certificate('localhost/key.pem')}`;

/** The text as the file; the certificates are real. */
function load(text: string) {
  return loadWebConfig('/etc/exporter/web.yml', (path) => {
    if (path === '/etc/exporter/web.yml') return Buffer.from(text);
    return readFileSync(path);
  });
}

function mistakesIn(text: string): readonly string[] {
  const loaded = load(text);
  return 'mistakes' in loaded ? loaded.mistakes : [];
}

test.each(['', '# nothing\n', '{}'])('nothing is a configuration, too: %j', (text) => {
  expect(load(text)).toEqual({
    config: { tls: undefined, headers: {}, users: new Map() },
    files: ['/etc/exporter/web.yml'],
  });
});

test('everything at once', () => {
  const loaded = load(`
tls_server_config:
  ${pair}
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ${certificate('clients/ca.pem')}
  min_version: TLS12
  max_version: TLS13
  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]
  prefer_server_cipher_suites: false
  curve_preferences: [X25519, CurveP256]
http_server_config:
  http2: false
  headers:
    Strict-Transport-Security: max-age=31536000
    X-Frame-Options: deny
basic_auth_users:
  prometheus: ${hash}
  "a.b c": ${hash}
`);
  expect(loaded).toMatchObject({
    config: {
      tls: {
        context: {
          minVersion: 'TLSv1.2',
          maxVersion: 'TLSv1.3',
          ciphers: expect.stringMatching(/:ECDHE-ECDSA-AES128-GCM-SHA256$/),
          ecdhCurve: 'X25519:P-256',
          honorCipherOrder: false,
        },
        clientAuth: 'RequireAndVerifyClientCert',
      },
      headers: { 'Strict-Transport-Security': 'max-age=31536000', 'X-Frame-Options': 'deny' },
      users: new Map([
        ['prometheus', hash],
        ['a.b c', hash],
      ]),
    },
    files: ['/etc/exporter/web.yml', ...['localhost/cert.pem', 'localhost/key.pem', 'clients/ca.pem'].map(certificate)],
  });
});

test.each<[string, string, readonly string[]]>([
  ['an unknown section', 'basic_auth: {}', ['basic_auth: unknown key']],
  [
    'an unknown key, far down',
    `tls_server_config:\n  ${pair}\n  min_vesion: TLS12`,
    ['tls_server_config.min_vesion: unknown key; did you mean min_version?'],
  ],
  [
    'an unknown header',
    'http_server_config: { headers: { Server: nginx } }',
    ['http_server_config.headers.Server: unknown key'],
  ],
  [
    'several mistakes at once',
    'tls_server_config: { cert_file: a, max_version: TLS9 }\nhttp_server_config: { http2: true }',
    [
      'tls_server_config.key_file: is missing',
      'tls_server_config.max_version: must be TLS12 or TLS13',
      'http_server_config.http2: only HTTP/1.1 is spoken here: false, or leave it out',
    ],
  ],
  [
    'a version that is too old for anybody',
    `tls_server_config:\n  ${pair}\n  min_version: TLS10`,
    ['tls_server_config.min_version: must be TLS12 or TLS13'],
  ],
  [
    'versions the wrong way round',
    `tls_server_config:\n  ${pair}\n  min_version: TLS13\n  max_version: TLS12`,
    ['tls_server_config.max_version: must not be below min_version'],
  ],
  [
    'a password in the clear',
    'basic_auth_users: { alice: hunter2 }',
    ['basic_auth_users.alice: must be a bcrypt hash with a cost from 4 to 15, as `htpasswd -nB` makes it'],
  ],
  ['a list in the place of keys', '[1, 2]', ['must be keys and values']],
  ['the same key twice', 'basic_auth_users: {}\nbasic_auth_users: {}', ['no YAML: DUPLICATE_KEY in line 2']],
  ['no YAML', 'a: [', ['no YAML: BAD_INDENT in line 1']],
  [
    'files that are not there',
    'tls_server_config: { cert_file: no.pem, key_file: /no/key.pem }',
    [
      'tls_server_config.cert_file: /etc/exporter/no.pem cannot be read: ENOENT',
      'tls_server_config.key_file: /no/key.pem cannot be read: ENOENT',
    ],
  ],
  [
    'a key that is not that of the certificate',
    `tls_server_config: { cert_file: ${certificate('localhost/cert.pem')}, key_file: ${certificate('localhost/next-key.pem')} }`,
    ['tls_server_config: certificate and key cannot be used: ERR_OSSL_X509_KEY_VALUES_MISMATCH'],
  ],
  [
    'clients to verify, and by nothing',
    `tls_server_config:\n  ${pair}\n  client_auth_type: RequireAndVerifyClientCert`,
    ['tls_server_config.client_ca_file: is needed with client_auth_type RequireAndVerifyClientCert'],
  ],
  [
    'a client CA that would check nobody',
    `tls_server_config:\n  ${pair}\n  client_ca_file: ${certificate('clients/ca.pem')}`,
    [
      'tls_server_config.client_ca_file: does nothing with client_auth_type NoClientCert; a certificate is checked with RequireAndVerifyClientCert',
    ],
  ],
  [
    'a header of two lines',
    'http_server_config: { headers: { X-XSS-Protection: "0\\r\\nSet-Cookie: a" } }',
    ['http_server_config.headers.X-XSS-Protection: must be printable ASCII'],
  ],
  [
    'a cipher suite of TLS 1.3, which cannot be chosen',
    `tls_server_config:\n  ${pair}\n  cipher_suites: [TLS_AES_128_GCM_SHA256]`,
    ['tls_server_config.cipher_suites.0: no cipher suite that can be chosen here'],
  ],
])('%s is refused', (_, text, mistakes) => {
  expect(mistakesIn(text)).toEqual(mistakes);
});

test('more aliases than a file can mean are refused, and quickly', () => {
  const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]'];
  for (let level = 1; level < 12; level++) {
    const one = `*a${level - 1}`;
    lines.push(`a${level}: &a${level} [${Array.from({ length: 10 }, () => one).join(', ')}]`);
  }
  expect(mistakesIn(lines.join('\n'))).toEqual(['no YAML: too many aliases']);
});

test('a user whose name is that of an object is a user', () => {
  const loaded = load(`basic_auth_users: { constructor: ${hash} }`);
  expect('config' in loaded && [...loaded.config.users.keys()]).toEqual(['constructor']);
});

test('a mistake is told at the start, with the flag and the file, and no value', () => {
  const parsed = parseSettings(['demo', '--web.config.file=/etc/web.yml', '--demo.speed=0'], {}, undefined, () =>
    Buffer.from('basic_auth_users: { alice: hunter2 }\ntls: {}'),
  );
  expect('errors' in parsed && parsed.errors).toEqual([
    '--web.config.file: "/etc/web.yml": basic_auth_users.alice: must be a bcrypt hash with a cost from 4 to 15, as `htpasswd -nB` makes it',
    '--web.config.file: "/etc/web.yml": tls: unknown key',
    '--demo.speed: must be a number from 1 to 3600',
  ]);
});

test('a file that is not there is told, too', () => {
  const path = fileURLToPath(new URL('no-such-file.yml', import.meta.url));
  const parsed = parseSettings(['demo', `--web.config.file=${path}`], {});
  expect('errors' in parsed && parsed.errors[0]).toMatch(/^--web\.config\.file: .*cannot be read: ENOENT$/);
});

/** Tests what the file of --web.config.file may say, and the exact words for what it may not. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { parseSettings } from '../../src/settings/settings.ts';
import { loadWebConfig } from '../../src/settings/web-config.ts';
import { certificate } from '../helpers/web-config.ts';

const hash = '$2b$04$qySQinTWQ6boKHkav1tyuOZsY5sxfH5mMJZR1b7KRP25HndIL3MZK';
/** A block of text under a key of a section. */
const inline = (name: string) => `|\n${readFileSync(certificate(name), 'utf8').replaceAll(/^(?=.)/gm, '    ')}`;
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
    config: { tls: undefined, headers: {}, users: new Map(), rateLimit: undefined },
    files: ['/etc/exporter/web.yml'],
  });
});

test('everything at once', () => {
  const loaded = load(`
tls_server_config:
  ${pair}
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ${certificate('clients/ca.pem')}
  client_allowed_sans: [prometheus.example.test, 2001:db8::7, ops@example.test, "spiffe://a/b%20c"]
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
    X-XSS-Protection: 0
rate_limit:
  interval: 1m30s
  burst: 20
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
        clientNames: ['prometheus.example.test', '2001:db8::7', 'ops@example.test', 'spiffe://a/b%20c'],
      },
      headers: {
        'Strict-Transport-Security': 'max-age=31536000',
        'X-Frame-Options': 'deny',
        'X-XSS-Protection': '0',
      },
      rateLimit: { interval: 90_000, burst: 20 },
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
    'tls_server_config: { cert_file: "", max_version: TLS9 }\nhttp_server_config: { http2: maybe }',
    [
      'tls_server_config.cert_file: must be the path of a file',
      'tls_server_config.max_version: must be TLS12 or TLS13',
      'http_server_config.http2: must be true or false',
    ],
  ],
  [
    'TLS without certificate and key',
    'tls_server_config: {}',
    [
      'tls_server_config.cert_file: is missing, and so is cert; give one of them',
      'tls_server_config.key_file: is missing, and so is key; give one of them',
    ],
  ],
  [
    'a certificate that is given twice',
    `tls_server_config:\n  ${pair}\n  cert: ${inline('localhost/cert.pem')}`,
    ['tls_server_config.cert: cert_file is given, too; leave one of them out'],
  ],
  [
    'a path where the certificate itself belongs',
    'tls_server_config: { cert: cert.pem, key: hunter2 }',
    [
      'tls_server_config.cert: must be PEM, from -----BEGIN on',
      'tls_server_config.key: must be PEM, from -----BEGIN on',
    ],
  ],
  [
    'a version that is too old for anybody',
    `tls_server_config:\n  ${pair}\n  min_version: TLS10`,
    ['tls_server_config.min_version: must be TLS12 or TLS13: older versions are broken, and not spoken here'],
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
  [
    'a number in the place of text, and a word in the place of a list',
    'tls_server_config: { cert_file: 5, key: 6, client_allowed_sans: a, cipher_suites: a }',
    [
      'tls_server_config.cert_file: must be text',
      'tls_server_config.key: must be text',
      'tls_server_config.client_allowed_sans: must be a list',
      'tls_server_config.cipher_suites: must be a list',
    ],
  ],
  ['a list in the place of keys', '[1, 2]', ['must be keys and values']],
  ['the same key twice', 'basic_auth_users: {}\nbasic_auth_users: {}', ['not valid YAML: DUPLICATE_KEY in line 2']],
  ['no YAML', 'a: [', ['not valid YAML: BAD_INDENT in line 1']],
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
    'a client CA without a certificate',
    `tls_server_config:\n  ${pair}\n  client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: ${certificate('clients/client-key.pem')}`,
    ['tls_server_config.client_ca_file: holds no certificate'],
  ],
  [
    'names of clients that anybody could take',
    `tls_server_config:\n  ${pair}\n  client_auth_type: RequireAnyClientCert\n  client_allowed_sans: [a.example]`,
    [
      'tls_server_config.client_allowed_sans: does nothing with client_auth_type RequireAnyClientCert; a certificate is checked with RequireAndVerifyClientCert',
    ],
  ],
  [
    'no names of clients',
    `tls_server_config:\n  ${pair}\n  client_allowed_sans: []`,
    ['tls_server_config.client_allowed_sans: must have at least one name'],
  ],
  ...['a, DNS:b', '"a', 'a b', '', 'fe80::1%eth0', 'ä.example'].map((name): [string, string, readonly string[]] => [
    `the name ${JSON.stringify(name)} of a client`,
    `tls_server_config:\n  ${pair}\n  client_allowed_sans: [a.example, ${JSON.stringify(name)}]`,
    [
      'tls_server_config.client_allowed_sans.1: must be a host name, an address, an e-mail address or a URI, without spaces, quotes and commas',
    ],
  ]),
  [
    'a header of two lines',
    'http_server_config: { headers: { X-XSS-Protection: "0\\r\\nSet-Cookie: a" } }',
    ['http_server_config.headers.X-XSS-Protection: must be printable ASCII'],
  ],
  [
    'a cipher suite or a curve that nobody knows, or nobody should use',
    `tls_server_config:\n  ${pair}\n  cipher_suites: [TLS_RSA_WITH_RC4_128_SHA, constructor]\n  curve_preferences: [P-256]`,
    [
      'tls_server_config.cipher_suites.0: is not a supported cipher suite',
      'tls_server_config.cipher_suites.1: is not a supported cipher suite',
      'tls_server_config.curve_preferences.0: is not a supported curve',
    ],
  ],
  [
    'a limit with an unknown key',
    'rate_limit: { interval: 1s, burts: 1 }',
    ['rate_limit.burts: unknown key; did you mean burst?', 'rate_limit.burst: must be 1 or more'],
  ],
  ['a limit that lets nobody in', 'rate_limit: { interval: 1s, burst: 0 }', ['rate_limit.burst: must be 1 or more']],
  ['a limit without a burst', 'rate_limit: { interval: 1s }', ['rate_limit.burst: must be 1 or more']],
  [
    'a limit without an interval',
    'rate_limit: { burst: 20 }',
    ['rate_limit.interval: must be a duration like 1s or 100ms, or 0 for no limit'],
  ],
  ...['1', '-1s', '[1s]', 'soon', '1.5s'].map((interval): [string, string, readonly string[]] => [
    `the interval ${interval}`,
    `rate_limit: { interval: ${interval}, burst: 1 }`,
    ['rate_limit.interval: must be a duration like 1s or 100ms, or 0 for no limit'],
  ]),
  ...['-1', '1.5', 'many'].map((burst): [string, string, readonly string[]] => [
    `the burst ${burst}`,
    `rate_limit: { interval: 1s, burst: ${burst} }`,
    ['rate_limit.burst: must be a whole number'],
  ]),
])('%s is refused', (_, text, mistakes) => {
  expect(mistakesIn(text)).toEqual(mistakes);
});

test('certificates can stand in the file itself', () => {
  const loaded = load(`
tls_server_config:
  cert: ${inline('localhost/cert.pem')}
  key: ${inline('localhost/key.pem')}
  client_ca: ${inline('clients/ca.pem')}
  client_auth_type: RequireAndVerifyClientCert
`);
  const pem = (name: string) => readFileSync(certificate(name), 'utf8');
  expect(loaded).toMatchObject({
    config: {
      tls: { context: { cert: pem('localhost/cert.pem'), key: pem('localhost/key.pem'), ca: pem('clients/ca.pem') } },
    },
    files: ['/etc/exporter/web.yml'],
  });
});

test('a key that is none is refused by a code, for words of OpenSSL could repeat it', () => {
  const [mistake, ...others] = mistakesIn(`
tls_server_config:
  cert: ${inline('localhost/cert.pem')}
  key: "-----BEGIN PRIVATE KEY----- hunter2"
`);
  expect(mistake).toMatch(/^tls_server_config: certificate and key cannot be used: [A-Z0-9_]+$/);
  expect(others).toEqual([]);
});

test.each([true, false])('what exporter-toolkit takes for the version of HTTP is taken: %s', (http2) => {
  expect(load(`http_server_config: { http2: ${http2} }`)).toHaveProperty('config');
});

test('suites of TLS 1.3 are always on; with no other in the list, older versions have none', () => {
  const ciphersWith = (suites: string) => {
    const loaded = load(`tls_server_config:\n  ${pair}\n  cipher_suites: [${suites}]`);
    return 'config' in loaded ? loaded.config.tls?.context.ciphers : loaded.mistakes;
  };
  const all = 'TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256';
  expect(ciphersWith('')).toBeUndefined();
  expect(ciphersWith('TLS_AES_128_GCM_SHA256')).toBe(all);
  expect(ciphersWith('TLS_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384')).toBe(
    `${all}:ECDHE-RSA-AES256-GCM-SHA384`,
  );
});

test.each(['{ interval: 0, burst: 0 }', '{ interval: "0" }', '{ interval: 0s, burst: 5 }'])('no limit: %s', (limit) => {
  expect(load(`rate_limit: ${limit}`)).toHaveProperty('config.rateLimit', undefined);
});

test('a blank header leaves the one that is sent otherwise', () => {
  expect(load('http_server_config: { headers: { Content-Security-Policy: "" } }')).toHaveProperty('config.headers', {});
});

test('more aliases than a file can mean are refused, and quickly', () => {
  const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]'];
  for (let level = 1; level < 12; level++) {
    const one = `*a${level - 1}`;
    lines.push(`a${level}: &a${level} [${Array.from({ length: 10 }, () => one).join(', ')}]`);
  }
  expect(mistakesIn(lines.join('\n'))).toEqual(['not valid YAML: too many aliases']);
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

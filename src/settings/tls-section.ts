/**
 * `tls_server_config` of the web configuration: what it may say, and the certificates that it names or holds. Keys and
 * words are those of Prometheus's exporter-toolkit, and so of Go's crypto/tls.
 */
import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { dirname, resolve } from 'node:path';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import * as z from 'zod';
import { codeOf, whyUnreadable } from '../error-code.ts';
import { eitherOf } from './values.ts';

/** The words for when a client must show a certificate, and whether the client CA must have issued it. */
const clientAuthTypes = [
  'NoClientCert',
  'RequestClientCert',
  'RequireAnyClientCert',
  'VerifyClientCertIfGiven',
  'RequireAndVerifyClientCert',
] as const;
export type ClientAuth = (typeof clientAuthTypes)[number];

export interface TlsConfig {
  readonly context: SecureContextOptions;
  readonly clientAuth: ClientAuth;
  /** A client that shows a certificate must have one of these in it; undefined: any may. */
  readonly clientNames: readonly string[] | undefined;
}

/** Reports whether certificates of clients are checked against the client CA. */
export function verifies(clientAuth: ClientAuth): boolean {
  return clientAuth === 'VerifyClientCertIfGiven' || clientAuth === 'RequireAndVerifyClientCert';
}

/** Reports whether nobody is answered without a certificate, whoever issued it. */
export function requiresCertificate(clientAuth: ClientAuth): boolean {
  return clientAuth === 'RequireAnyClientCert' || clientAuth === 'RequireAndVerifyClientCert';
}

/** Go takes these in the list, too, and has all of them on whatever it says. */
const suitesOfTls13 = ['TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256', 'TLS_AES_128_GCM_SHA256'];

/** Names of Go, and what OpenSSL calls them. */
const cipherNames: ReadonlyMap<string, string> = new Map([
  ...suitesOfTls13.map((name) => [name, name] as const),
  ['TLS_RSA_WITH_AES_128_CBC_SHA', 'AES128-SHA'],
  ['TLS_RSA_WITH_AES_256_CBC_SHA', 'AES256-SHA'],
  ['TLS_RSA_WITH_AES_128_GCM_SHA256', 'AES128-GCM-SHA256'],
  ['TLS_RSA_WITH_AES_256_GCM_SHA384', 'AES256-GCM-SHA384'],
  ['TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA', 'ECDHE-ECDSA-AES128-SHA'],
  ['TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA', 'ECDHE-ECDSA-AES256-SHA'],
  ['TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA', 'ECDHE-RSA-AES128-SHA'],
  ['TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA', 'ECDHE-RSA-AES256-SHA'],
  ['TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256', 'ECDHE-ECDSA-AES128-GCM-SHA256'],
  ['TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384', 'ECDHE-ECDSA-AES256-GCM-SHA384'],
  ['TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256', 'ECDHE-RSA-AES128-GCM-SHA256'],
  ['TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384', 'ECDHE-RSA-AES256-GCM-SHA384'],
  ['TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256', 'ECDHE-RSA-CHACHA20-POLY1305'],
  ['TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256', 'ECDHE-ECDSA-CHACHA20-POLY1305'],
]);

const curveNames: ReadonlyMap<string, string> = new Map([
  ['CurveP256', 'P-256'],
  ['CurveP384', 'P-384'],
  ['CurveP521', 'P-521'],
  ['X25519', 'X25519'],
]);

const versions = { TLS12: 'TLSv1.2', TLS13: 'TLSv1.3' } as const;

const text = z.string({ error: 'must be text' });
const filePath = text.min(1, 'must be the path of a file').optional();
const pem = text.includes('-----BEGIN ', { error: 'must be PEM, from -----BEGIN on' }).optional();
const version = z.enum(['TLS12', 'TLS13'], {
  error: ({ input }) =>
    input === 'TLS10' || input === 'TLS11'
      ? 'must be TLS12 or TLS13: older versions are broken, and not spoken here'
      : 'must be TLS12 or TLS13',
});

/** A list of known names, as OpenSSL calls them. */
function listed(names: ReadonlyMap<string, string>, what: string) {
  const known = text.refine((name) => names.has(name), `is not a supported ${what}`);
  return z
    .array(known, { error: 'must be a list' })
    .transform((given) => given.flatMap((name) => names.get(name) ?? []))
    .default([]);
}

/** A name that a certificate can have, in a form that cannot be mistaken for two names. */
const clientName = text.refine(
  (name) => /^[!-~]+$/.test(name) && !/["'\\,]/.test(name) && !(isIP(name) !== 0 && name.includes('%')),
  'must be a host name, an address, an e-mail address or a URI, without spaces, quotes and commas',
);

export const tlsSection = z.strictObject(
  {
    cert_file: filePath,
    cert: pem,
    key_file: filePath,
    key: pem,
    client_auth_type: z
      .enum(clientAuthTypes, { error: `must be ${eitherOf(clientAuthTypes)}` })
      .default('NoClientCert'),
    client_ca_file: filePath,
    client_ca: pem,
    client_allowed_sans: z
      .array(clientName, { error: 'must be a list' })
      .min(1, 'must have at least one name')
      .optional(),
    min_version: version.default('TLS12'),
    max_version: version.default('TLS13'),
    cipher_suites: listed(cipherNames, 'cipher suite'),
    prefer_server_cipher_suites: z.boolean('must be true or false').default(true),
    curve_preferences: listed(curveNames, 'curve'),
  },
  { error: 'must be keys and values' },
);
type TlsSection = z.output<typeof tlsSection>;

export type LoadedTls =
  | {
      readonly tls: TlsConfig;
      /** Those that were read. */
      readonly files: readonly string[];
    }
  /** Each begins with the path of a key. None repeats a value but that of a path. */
  | { readonly mistakes: readonly string[] };

/**
 * @param path of the web configuration: paths in it are relative to its folder
 * @param read gives the bytes of a file, or throws
 */
export function loadTls(section: TlsSection, path: string, read: (path: string) => Buffer): LoadedTls {
  const mistakes: string[] = [];
  const files: string[] = [];
  const mistake = (key: string, what: string) => mistakes.push(`tls_server_config.${key}: ${what}`);

  /** Returns what stands under `key` itself or in the file that `key` with `_file` names. */
  function pemOf(key: 'cert' | 'key' | 'client_ca'): string | Buffer | undefined {
    const [inline, named] = [section[key], section[`${key}_file`]];
    if (inline !== undefined && named !== undefined) mistake(key, `${key}_file is given, too; leave one of them out`);
    if (named === undefined) return inline;
    const found = resolve(dirname(path), named);
    files.push(found);
    try {
      return read(found);
    } catch (error) {
      mistake(`${key}_file`, `${found} cannot be read: ${whyUnreadable(error)}`);
      return undefined;
    }
  }

  for (const key of ['cert', 'key'] as const) {
    if (section[key] === undefined && section[`${key}_file`] === undefined) {
      mistake(`${key}_file`, `is missing, and so is ${key}; give one of them`);
    }
  }
  const [cert, key, ca] = [pemOf('cert'), pemOf('key'), pemOf('client_ca')];
  const { client_auth_type: clientAuth, client_allowed_sans: clientNames } = section;
  const caKey = section.client_ca === undefined ? 'client_ca_file' : 'client_ca';
  const hasCa = section[caKey] !== undefined;
  const useless = `does nothing with client_auth_type ${clientAuth}; a certificate is checked with RequireAndVerifyClientCert`;
  if (verifies(clientAuth) && !hasCa) mistake(caKey, `is needed with client_auth_type ${clientAuth}`);
  if (!verifies(clientAuth) && hasCa) mistake(caKey, useless);
  // Anybody can make a certificate with any name in it.
  if (!verifies(clientAuth) && clientNames !== undefined) mistake('client_allowed_sans', useless);
  if (ca !== undefined && !holdsCertificate(ca)) mistake(caKey, 'holds no certificate');
  if (section.min_version > section.max_version) mistake('max_version', 'must not be below min_version');
  if (mistakes.length > 0) return { mistakes };

  const { cipher_suites: suites, curve_preferences: curves } = section;
  const context: SecureContextOptions = {
    cert,
    key,
    // Without one of its own, Node would take clients of any public CA.
    ca: ca ?? [],
    minVersion: versions[section.min_version],
    maxVersion: versions[section.max_version],
    honorCipherOrder: section.prefer_server_cipher_suites,
    ...(suites.length === 0 ? {} : { ciphers: [...new Set([...suitesOfTls13, ...suites])].join(':') }),
    ...(curves.length === 0 ? {} : { ecdhCurve: curves.join(':') }),
  };
  try {
    createSecureContext(context);
  } catch (error) {
    // Without the message, which could repeat what is secret.
    return {
      mistakes: [`tls_server_config: certificate and key cannot be used: ${codeOf(error) ?? 'unknown reason'}`],
    };
  }
  return { tls: { context, clientAuth, clientNames }, files };
}

function holdsCertificate(pem: string | Buffer): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}

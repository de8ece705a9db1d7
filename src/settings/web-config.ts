/**
 * The file of `--web.config.file`, in the format of Prometheus's exporter-toolkit: what it may say, and what is wrong
 * with one. Reads text and certificates, and starts nothing.
 */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { parseDocument } from 'yaml';
import * as z from 'zod';
import { suggestion } from './nearest.ts';
import { eitherOf } from './values.ts';

/** Gives the bytes of a file. @throws when it cannot be read. */
export type ReadBytes = (path: string) => Buffer;

/** When a client must show a certificate, and whether it must be of the client CA. */
export const clientAuthTypes = [
  'NoClientCert',
  'RequestClientCert',
  'RequireAnyClientCert',
  'VerifyClientCertIfGiven',
  'RequireAndVerifyClientCert',
] as const;
export type ClientAuth = (typeof clientAuthTypes)[number];

export interface WebConfig {
  readonly tls: { readonly context: SecureContextOptions; readonly clientAuth: ClientAuth } | undefined;
  /** Added to every answer; they replace those of the same name. */
  readonly headers: Readonly<Record<string, string>>;
  /** bcrypt hashes by user; empty: nobody is asked for a password. */
  readonly users: ReadonlyMap<string, string>;
}

export type LoadedWebConfig =
  | {
      readonly config: WebConfig;
      /** Every file that was read, the configuration first: when one changes, it is to be loaded again. */
      readonly files: readonly string[];
    }
  /** Each begins with the path of a key in the file, where it is about one. None repeats a value. */
  | { readonly mistakes: readonly string[] };

export const noWebConfig: WebConfig = { tls: undefined, headers: {}, users: new Map() };

/** Names of Go's crypto/tls, which the format uses, and what OpenSSL calls them; those of TLS 1.3 cannot be chosen. */
const cipherNames: Readonly<Record<string, string>> = {
  TLS_RSA_WITH_AES_128_CBC_SHA: 'AES128-SHA',
  TLS_RSA_WITH_AES_256_CBC_SHA: 'AES256-SHA',
  TLS_RSA_WITH_AES_128_GCM_SHA256: 'AES128-GCM-SHA256',
  TLS_RSA_WITH_AES_256_GCM_SHA384: 'AES256-GCM-SHA384',
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA: 'ECDHE-ECDSA-AES128-SHA',
  TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA: 'ECDHE-ECDSA-AES256-SHA',
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA: 'ECDHE-RSA-AES128-SHA',
  TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA: 'ECDHE-RSA-AES256-SHA',
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: 'ECDHE-ECDSA-AES128-GCM-SHA256',
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: 'ECDHE-ECDSA-AES256-GCM-SHA384',
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: 'ECDHE-RSA-AES128-GCM-SHA256',
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: 'ECDHE-RSA-AES256-GCM-SHA384',
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-RSA-CHACHA20-POLY1305',
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-ECDSA-CHACHA20-POLY1305',
};
const cipherOfTls13 = 'TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256';

const curveNames: Readonly<Record<string, string>> = {
  CurveP256: 'P-256',
  CurveP384: 'P-384',
  CurveP521: 'P-521',
  X25519: 'X25519',
};

const versions = { TLS12: 'TLSv1.2', TLS13: 'TLSv1.3' } as const;

function oneOf<const W extends readonly [string, ...string[]]>(words: W): z.ZodType<W[number]> {
  return z.enum(words, { error: `must be ${eitherOf(words)}` });
}

const text = z.string({ error: 'must be text' });
const version = oneOf(['TLS12', 'TLS13']);
const listed = (names: Readonly<Record<string, string>>, what: string) =>
  z.array(
    text.transform((name, context) => {
      const known = Object.hasOwn(names, name) ? names[name] : undefined;
      if (known !== undefined) return known;
      context.addIssue({ code: 'custom', message: `no ${what} that can be chosen here` });
      return z.NEVER;
    }),
    { error: 'must be a list' },
  );

const tlsSection = z.strictObject(
  {
    cert_file: text.min(1, 'must be the path of a file'),
    key_file: text.min(1, 'must be the path of a file'),
    client_auth_type: oneOf(clientAuthTypes).default('NoClientCert'),
    client_ca_file: text.min(1, 'must be the path of a file').optional(),
    min_version: version.default('TLS12'),
    max_version: version.default('TLS13'),
    cipher_suites: listed(cipherNames, 'cipher suite').default([]),
    prefer_server_cipher_suites: z.boolean('must be true or false').default(true),
    curve_preferences: listed(curveNames, 'curve').default([]),
  },
  { error: 'must be keys and values' },
);

/** What a header can carry; a line feed would make a header of its own. */
const headerText = text.regex(/^[\t\x20-\x7e]*$/, 'must be printable ASCII');

const httpSection = z.strictObject(
  {
    http2: z.literal(false, 'only HTTP/1.1 is spoken here: false, or leave it out').optional(),
    headers: z
      .strictObject(
        {
          'Content-Security-Policy': headerText.optional(),
          'Strict-Transport-Security': headerText.optional(),
          'X-Content-Type-Options': z.literal('nosniff', 'must be nosniff').optional(),
          'X-Frame-Options': z
            .string()
            .regex(/^(?:deny|sameorigin)$/i, 'must be deny or sameorigin')
            .optional(),
          'X-XSS-Protection': headerText.optional(),
        },
        { error: 'must be keys and values' },
      )
      .default({}),
  },
  { error: 'must be keys and values' },
);

/** Of a higher cost a single check takes seconds. */
const highestCost = 15;

const passwordHash = z.string({ error: 'must be a bcrypt hash' }).transform((hash, context) => {
  const [, cost] = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/.exec(hash) ?? [];
  if (cost !== undefined && Number(cost) >= 4 && Number(cost) <= highestCost) return hash;
  context.addIssue({
    code: 'custom',
    message: `must be a bcrypt hash with a cost from 4 to ${highestCost}, as \`htpasswd -nB\` makes it`,
  });
  return z.NEVER;
});

const document = z.strictObject(
  {
    tls_server_config: tlsSection.optional(),
    http_server_config: httpSection.optional(),
    basic_auth_users: z.record(z.string(), passwordHash, 'must be users and bcrypt hashes').default({}),
  },
  { error: 'must be keys and values' },
);

/** Loads the file at `path`, and the certificates that it names; paths in it are relative to its directory. */
export function loadWebConfig(path: string, read: ReadBytes = (file) => readFileSync(file)): LoadedWebConfig {
  const content = textOf(path, read);
  if ('mistake' in content) return { mistakes: [content.mistake] };
  const parsed = parseDocument(content.text, { uniqueKeys: true });
  if (parsed.errors.length > 0) {
    // Their messages would repeat lines of the file.
    return {
      mistakes: parsed.errors.map(
        ({ code, linePos }) => `no YAML: ${code}${linePos === undefined ? '' : ` in line ${linePos[0].line}`}`,
      ),
    };
  }
  let value: unknown;
  try {
    value = parsed.toJS({ mapAsMap: false }) ?? {};
  } catch {
    return { mistakes: ['no YAML: too many aliases'] };
  }
  const checked = document.safeParse(value);
  if (!checked.success) return { mistakes: checked.error.issues.flatMap(mistakesOf) };

  const { tls_server_config: tls, http_server_config: http, basic_auth_users: users } = checked.data;
  const headers = Object.fromEntries(
    Object.entries(http?.headers ?? {}).flatMap(([name, header]) => (header === undefined ? [] : [[name, header]])),
  );
  const rest = { headers, users: new Map(Object.entries(users)) };
  if (tls === undefined) return { config: { tls: undefined, ...rest }, files: [path] };
  const secured = tlsOf(tls, dirname(path), read);
  if ('mistakes' in secured) return secured;
  return { config: { tls: secured.tls, ...rest }, files: [path, ...secured.files] };
}

function textOf(path: string, read: ReadBytes): { readonly text: string } | { readonly mistake: string } {
  try {
    return { text: read(path).toString('utf8') };
  } catch (error) {
    return { mistake: `cannot be read: ${codeOf(error)}` };
  }
}

function tlsOf(
  section: z.output<typeof tlsSection>,
  directory: string,
  read: ReadBytes,
): { readonly tls: NonNullable<WebConfig['tls']>; readonly files: readonly string[] } | { mistakes: string[] } {
  const mistakes: string[] = [];
  const files: string[] = [];
  const at = (key: 'cert_file' | 'key_file' | 'client_ca_file'): Buffer | undefined => {
    const named = section[key];
    if (named === undefined) return undefined;
    const file = resolve(directory, named);
    files.push(file);
    try {
      return read(file);
    } catch (error) {
      mistakes.push(`tls_server_config.${key}: ${file} cannot be read: ${codeOf(error)}`);
      return undefined;
    }
  };
  const [cert, key, ca] = [at('cert_file'), at('key_file'), at('client_ca_file')];
  const clientAuth = section.client_auth_type;
  if (verifies(clientAuth) && section.client_ca_file === undefined) {
    mistakes.push(`tls_server_config.client_ca_file: is needed with client_auth_type ${clientAuth}`);
  }
  if (!verifies(clientAuth) && section.client_ca_file !== undefined) {
    mistakes.push(
      `tls_server_config.client_ca_file: does nothing with client_auth_type ${clientAuth}; a certificate is checked with RequireAndVerifyClientCert`,
    );
  }
  if (section.min_version > section.max_version) {
    mistakes.push('tls_server_config.max_version: must not be below min_version');
  }
  if (mistakes.length > 0) return { mistakes };
  const context: SecureContextOptions = {
    cert,
    key,
    // Without one of its own, Node would take clients of any public CA.
    ca: ca ?? [],
    minVersion: versions[section.min_version],
    maxVersion: versions[section.max_version],
    honorCipherOrder: section.prefer_server_cipher_suites,
    ...(section.cipher_suites.length === 0 ? {} : { ciphers: [cipherOfTls13, ...section.cipher_suites].join(':') }),
    ...(section.curve_preferences.length === 0 ? {} : { ecdhCurve: section.curve_preferences.join(':') }),
  };
  try {
    createSecureContext(context);
  } catch (error) {
    return { mistakes: [`tls_server_config: certificate and key cannot be used: ${codeOf(error)}`] };
  }
  return { tls: { context, clientAuth }, files };
}

/** Whether certificates of clients are checked against the client CA. */
export function verifies(clientAuth: ClientAuth): boolean {
  return clientAuth === 'VerifyClientCertIfGiven' || clientAuth === 'RequireAndVerifyClientCert';
}

/** Whether nobody gets in without a certificate. */
export function requiresCertificate(clientAuth: ClientAuth): boolean {
  return clientAuth === 'RequireAnyClientCert' || clientAuth === 'RequireAndVerifyClientCert';
}

const sections = { tls_server_config: tlsSection, http_server_config: httpSection } as const;

function mistakesOf(issue: z.core.$ZodIssue): readonly string[] {
  if (issue.code === 'unrecognized_keys') {
    const known = knownAt(issue.path);
    return issue.keys.map((key) => `${pathOf([...issue.path, key])}: unknown key${suggestion(key, known)}`);
  }
  const missing = issue.code === 'invalid_type' && issue.input === undefined && issue.path.length > 1;
  return [`${issue.path.length === 0 ? '' : `${pathOf(issue.path)}: `}${missing ? 'is missing' : issue.message}`];
}

function knownAt([first, second]: readonly PropertyKey[]): readonly string[] {
  if (first === undefined) return Object.keys(document.shape);
  if (first === 'http_server_config' && second === 'headers') {
    return Object.keys(httpSection.shape.headers.unwrap().shape);
  }
  return first === 'tls_server_config' || first === 'http_server_config' ? Object.keys(sections[first].shape) : [];
}

function pathOf(path: readonly PropertyKey[]): string {
  return path.map((part) => String(part).slice(0, 100)).join('.');
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown reason';
  return 'code' in error ? String(error.code) : 'unknown reason';
}

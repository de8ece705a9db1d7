/**
 * The file of `--web.config.file`, in the format of Prometheus's exporter-toolkit: what it may say, and what is wrong
 * with one. Reads text and certificates, and starts nothing.
 */
import { readFileSync } from 'node:fs';
import * as z from 'zod';
import { whyUnreadable } from '../error-code.ts';
import { suggestion } from './nearest.ts';
import { loadTls, type TlsConfig, tlsSection } from './tls-section.ts';
import { parseDuration } from './values.ts';
import { yamlIn } from './yaml-text.ts';

/** Gives the bytes of a file. @throws when it cannot be read. */
export type ReadBytes = (path: string) => Buffer;

/** Allows `burst` requests, and one more for each `interval` (milliseconds) that passes. */
export interface RateLimit {
  readonly interval: number;
  readonly burst: number;
}

export interface WebConfig {
  readonly tls: TlsConfig | undefined;
  /** The headers of every answer; they replace those of the same name. */
  readonly headers: Readonly<Record<string, string>>;
  /** bcrypt hashes by user; empty: nobody is asked for a password. */
  readonly users: ReadonlyMap<string, string>;
  /** The count for each client by itself. */
  readonly rateLimit: RateLimit | undefined;
}

export type LoadedWebConfig =
  | {
      readonly config: WebConfig;
      /** Every file that was read, the configuration first: when one changes, it is to be loaded again. */
      readonly files: readonly string[];
    }
  /** Each begins with the path of a key in the file, where it is about one. None repeats a value. */
  | { readonly mistakes: readonly string[] };

export const noWebConfig: WebConfig = { tls: undefined, headers: {}, users: new Map(), rateLimit: undefined };

const text = z.string({ error: 'must be text' });

/** The characters that a header can carry; a line feed would make a header of its own. */
const headerText = z
  .union([z.string(), z.int()], { error: 'must be text' })
  // People write `X-XSS-Protection: 0` without quotes, which is a number in YAML.
  .transform(String)
  .pipe(text.regex(/^[\t\x20-\x7e]*$/, 'must be printable ASCII'));

const httpSection = z.strictObject(
  {
    // Offered or not, a client that is answered by HTTP/1.1 is content with it.
    http2: z.boolean('must be true or false').optional(),
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

/** A single check of a higher cost takes seconds. */
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

/** A duration as Go writes it, in milliseconds; YAML makes a number of `0`. */
const interval = z.unknown().transform((given, context) => {
  const ms = given === 0 || given === '0' ? 0 : parseDuration(typeof given === 'string' ? given : '');
  if (ms !== undefined) return ms;
  context.addIssue({ code: 'custom', message: 'must be a duration like 1s or 100ms, or 0 for no limit' });
  return z.NEVER;
});

const wholeBurst = 'must be a whole number';
const rateSection = z
  .strictObject(
    {
      interval,
      burst: z
        .int(wholeBurst)
        .min(0, { error: wholeBurst, abort: true })
        .max(1_000_000, 'must be at most 1000000')
        .default(0),
    },
    { error: 'must be keys and values' },
  )
  // With room for nobody, nobody would be answered.
  .refine(({ interval, burst }) => interval === 0 || burst > 0, { path: ['burst'], error: 'must be 1 or more' });

const document = z.strictObject(
  {
    tls_server_config: tlsSection.optional(),
    http_server_config: httpSection.optional(),
    rate_limit: rateSection.optional(),
    basic_auth_users: z.record(z.string(), passwordHash, 'must be users and bcrypt hashes').default({}),
  },
  { error: 'must be keys and values' },
);

/** Loads the file at `path`, and the certificates that it names; paths in it are relative to its folder. */
export function loadWebConfig(path: string, read: ReadBytes = (file) => readFileSync(file)): LoadedWebConfig {
  const content = textOf(path, read);
  if ('mistake' in content) return { mistakes: [content.mistake] };
  const parsed = yamlIn(content.text);
  if ('mistakes' in parsed) return parsed;
  const value = parsed.value ?? {};
  const checked = document.safeParse(value);
  if (!checked.success) return { mistakes: checked.error.issues.flatMap(mistakesOf) };

  const { tls_server_config: tls, http_server_config: http, basic_auth_users: users, rate_limit: rate } = checked.data;
  // A blank one is none, rather than one that takes ours away.
  const headers = Object.fromEntries(
    Object.entries(http?.headers ?? {}).flatMap(([name, header]) => (header ? [[name, header]] : [])),
  );
  const rateLimit = rate === undefined || rate.interval === 0 ? undefined : rate;
  const rest = { headers, users: new Map(Object.entries(users)), rateLimit };
  if (tls === undefined) return { config: { tls: undefined, ...rest }, files: [path] };
  const secured = loadTls(tls, path, read);
  if ('mistakes' in secured) return secured;
  return { config: { tls: secured.tls, ...rest }, files: [path, ...secured.files] };
}

function textOf(path: string, read: ReadBytes): { readonly text: string } | { readonly mistake: string } {
  try {
    return { text: read(path).toString('utf8') };
  } catch (error) {
    return { mistake: `cannot be read: ${whyUnreadable(error)}` };
  }
}

const sections = new Map<PropertyKey, { readonly shape: object }>([
  ['tls_server_config', tlsSection],
  ['http_server_config', httpSection],
  ['rate_limit', rateSection],
]);

function mistakesOf(issue: z.core.$ZodIssue): readonly string[] {
  if (issue.code === 'unrecognized_keys') {
    const known = knownAt(issue.path);
    return issue.keys.map((key) => `${pathOf([...issue.path, key])}: unknown key${suggestion(key, known)}`);
  }
  return [`${issue.path.length === 0 ? '' : `${pathOf(issue.path)}: `}${issue.message}`];
}

function knownAt([first, second]: readonly PropertyKey[]): readonly string[] {
  if (first === undefined) return Object.keys(document.shape);
  if (first === 'http_server_config' && second === 'headers') {
    return Object.keys(httpSection.shape.headers.unwrap().shape);
  }
  return Object.keys(sections.get(first)?.shape ?? {});
}

function pathOf(path: readonly PropertyKey[]): string {
  return path.map((part) => String(part).slice(0, 100)).join('.');
}

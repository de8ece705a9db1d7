/**
 * The advice for a person when a request fails: one table, from which the log, the status page, `check` and the
 * documentation take their words. The first row that fits holds, so the particular ones come before the general.
 */

/** The page where an admin key is made. */
export const adminKeysUrl = 'https://platform.openai.com/settings/organization/admin-keys';

/** The details of a failure. Texts of others have been through `presentable`. */
export interface Facts {
  readonly reason: string;
  /** A closer description, where that asks for other advice than the reason. */
  readonly kind?: string | undefined;
  /** The path below the base URL, without the query. */
  readonly path: string;
  readonly status?: number | undefined;
  /** The API's `error.code`. */
  readonly code?: string | undefined;
  /** The API's `error.param`. */
  readonly param?: string | undefined;
  readonly detail: string;
  /** The setting, without a slash at the end. */
  readonly baseUrl?: string | undefined;
  /** The type without parameters, such as `text/html`. */
  readonly contentType?: string | undefined;
  /** The address that a redirect leads to, without its query. */
  readonly location?: string | undefined;
  /** Milliseconds for which nothing of the kind may be sent, and the UTC milliseconds of their end. */
  readonly retryAfterMs?: number | undefined;
  readonly until?: number | undefined;
}

export interface Advice {
  /** The sign by which it is seen, in a few words, for the documentation. */
  readonly seen: string;
  /** A failure of this kind, for the documentation and for tests. */
  readonly example: Facts;
  fits(facts: Facts): boolean;
  /** Whole sentences, which do not repeat what happened. */
  says(facts: Facts): string;
  /** The key lacks a scope, and nothing else is wrong. */
  readonly lacksScope?: true;
}

const usage = '/organization/usage/completions';
const users = '/organization/users';

/** A `Retry-After` of more milliseconds is worth telling its end. */
const longWait = 60_000;

export const advices: readonly Advice[] = [
  {
    seen: 'No key yet, or one refused whose file cannot be read again',
    example: { reason: 'auth', kind: 'key_file', path: usage, status: 401, detail: '' },
    fits: ({ kind }) => kind === 'key_file',
    says: () =>
      `Put a current admin key alone into the key file, and let this user read it; it is read at the next poll. Keys are made at ${adminKeysUrl}.`,
  },
  {
    seen: '401 `incorrect_hostname`',
    example: {
      reason: 'auth',
      path: usage,
      status: 401,
      code: 'incorrect_hostname',
      detail: 'You are attempting to access a regional organization. Please make your request to eu.api.openai.com',
    },
    fits: ({ code, detail }) => code === 'incorrect_hostname' || /\bregional organization\b/i.test(detail),
    says({ detail }) {
      const host = openAiHostIn(detail);
      const setting = `--openai.base-url=https://${host ?? 'eu.api.openai.com'}/v1`;
      return host === undefined
        ? `Set --openai.base-url to the host of the organization's region, like ${setting}. The key is not at fault.`
        : `The organization lives at ${host}: set ${setting}. The key is not at fault.`;
    },
  },
  {
    seen: '401 `mismatched_organization`',
    example: {
      reason: 'auth',
      path: usage,
      status: 401,
      code: 'mismatched_organization',
      detail: 'OpenAI-Organization header should match organization for API key',
    },
    fits: ({ code, detail }) =>
      code === 'mismatched_organization' || /openai-organization header should match/i.test(detail),
    says: () =>
      'The key is of another organization than --openai.organization (or OPENAI_ORG_ID): correct or remove that.',
  },
  {
    seen: '401 or 403 `ip_not_authorized`',
    example: {
      reason: 'auth',
      path: usage,
      status: 401,
      code: 'ip_not_authorized',
      detail: 'Your IP is not authorized for this project',
    },
    fits: ({ code, detail }) => code === 'ip_not_authorized' || /\bIP\b.*\bnot authorized\b/i.test(detail),
    says: () =>
      "Add the public address of this machine or its proxy to the organization's IP allowlist at OpenAI. The key is not at fault.",
  },
  {
    seen: '403 `unsupported_country_region_territory`',
    example: {
      reason: 'permission',
      path: usage,
      status: 403,
      code: 'unsupported_country_region_territory',
      detail: 'Country, region, or territory not supported',
    },
    fits: ({ code = '', detail }) =>
      code.startsWith('unsupported_country') || /country, region, or territory not supported/i.test(detail),
    says: () =>
      'OpenAI does not answer in this country: run the exporter, or the proxy of HTTPS_PROXY, in another. The key is not at fault.',
  },
  {
    seen: '429 `insufficient_quota`',
    example: {
      reason: 'rate_limited',
      path: usage,
      status: 429,
      code: 'insufficient_quota',
      detail: 'You exceeded your current quota, please check your plan and billing details.',
    },
    fits: ({ code = '', detail }) =>
      code === 'insufficient_quota' || code.startsWith('billing_') || /exceeded your current quota/i.test(detail),
    says: () =>
      'See plan, credit and limits at https://platform.openai.com/settings/organization/billing. Neither waiting nor sending less helps.',
  },
  {
    seen: 'A redirect (3xx)',
    example: {
      reason: 'rejected',
      path: usage,
      status: 307,
      detail: 'redirected to https://gateway.example/login; redirects are not followed',
      location: 'https://gateway.example/login',
    },
    fits: ({ status = 0 }) => status >= 300 && status < 400,
    says: ({ location }) =>
      `Check --openai.base-url, and any proxy: it sends the exporter on to ${location ?? 'another address'}. If the API is there, set --openai.base-url to it.`,
  },
  {
    seen: '404, the base URL without `/v1`',
    example: {
      reason: 'rejected',
      path: '/organization/costs',
      status: 404,
      detail: 'Invalid URL (GET /organization/costs)',
      baseUrl: 'https://api.openai.com',
    },
    fits: ({ status, baseUrl }) => status === 404 && baseUrl !== undefined && !/\/v\d+$/.test(baseUrl),
    says: ({ baseUrl = '' }) => `The base URL lacks its version: set --openai.base-url=${baseUrl}/v1.`,
  },
  {
    seen: '403 or another 4xx with HTML',
    example: {
      reason: 'permission',
      path: usage,
      status: 403,
      detail: 'answered with text/html and no API error message',
      contentType: 'text/html',
    },
    fits: ({ status = 0, contentType = '' }) =>
      status >= 400 && status < 500 && status !== 408 && status !== 429 && /\bhtml\b/i.test(contentType),
    says: () =>
      'A proxy, firewall or CDN answered in the place of OpenAI: check --openai.base-url and HTTPS_PROXY, and let it pass this machine. The key is not at fault.',
  },
  {
    seen: '400 `reporting_lookback_exceeded`',
    example: {
      reason: 'rejected',
      path: usage,
      status: 400,
      code: 'reporting_lookback_exceeded',
      detail: 'start_time must be on or after 2025-11-29',
    },
    fits: ({ code }) => code === 'reporting_lookback_exceeded',
    says({ detail }) {
      const earliest = earliestDayIn(detail);
      return `OpenAI keeps about a year${earliest === undefined ? '' : `, now since ${earliest}`}: begin later, with --from in a backfill, else with --counters.anchor.`;
    },
  },
  {
    seen: '400 for `group_by`',
    example: {
      reason: 'rejected',
      path: '/organization/costs',
      status: 400,
      param: 'group_by[2]',
      detail: "Invalid value: 'api_key_id'. Supported values are: 'project_id' and 'line_item'.",
    },
    fits: ({ status, param = '', detail }) =>
      status === 400 && (/^group_?by\b/i.test(param) || /\bgroup(?:ing)?[ _]?by\b/i.test(detail)),
    says: () => 'Use --poll.group-by=all, which leaves out what OpenAI does not grant, or name only what it does.',
  },
  {
    seen: '429 with a long `Retry-After`',
    example: {
      reason: 'rate_limited',
      path: usage,
      status: 429,
      detail: 'Rate limit reached',
      retryAfterMs: 1_800_000,
      until: Date.UTC(2026, 10, 20, 12),
    },
    fits: ({ retryAfterMs = 0, until }) => retryAfterMs >= longWait && until !== undefined,
    says: ({ until = 0 }) =>
      `OpenAI wants no such request before ${timeOf(until)}. If that comes again, lower --openai.max-requests-per-minute or raise --poll.interval.`,
  },
  {
    seen: '429',
    example: { reason: 'rate_limited', path: usage, status: 429, detail: 'Rate limit reached' },
    fits: ({ reason }) => reason === 'rate_limited',
    says: () => 'If it lasts, lower --openai.max-requests-per-minute or raise --poll.interval.',
  },
  {
    seen: '401 otherwise',
    example: { reason: 'auth', path: usage, status: 401, detail: 'Incorrect API key provided: sk-….' },
    fits: ({ reason }) => reason === 'auth',
    says: ({ path }) =>
      `OPENAI_ADMIN_KEY, or the file of OPENAI_ADMIN_KEY_FILE, must hold a current admin key with the scope ${scopeOf(path)}; create one at ${adminKeysUrl}.`,
  },
  {
    seen: '403 otherwise',
    example: { reason: 'permission', path: usage, status: 403, detail: 'Missing scopes: api.usage.read.' },
    lacksScope: true,
    fits: ({ reason }) => reason === 'permission',
    says: ({ path, detail }) =>
      `Give the key the scope ${missingScope(detail) ?? scopeOf(path)}, or create one that has it at ${adminKeysUrl}.`,
  },
  {
    seen: 'Not sent in time',
    example: { reason: 'timeout', kind: 'request_limit', path: usage, detail: '' },
    fits: ({ kind }) => kind === 'request_limit',
    says: () => 'If it lasts, raise --openai.max-requests-per-minute or --poll.interval.',
  },
  {
    seen: 'No answer in time',
    example: { reason: 'timeout', path: usage, detail: 'no answer within 30 s' },
    fits: ({ reason }) => reason === 'timeout',
    says: () => 'If it lasts, check the network to OpenAI, or raise --openai.timeout.',
  },
  {
    seen: '409, 5xx',
    example: { reason: 'server', path: usage, status: 503, detail: 'answered with text/html' },
    fits: ({ reason }) => reason === 'server',
    says: () => 'If it lasts, see https://status.openai.com.',
  },
  {
    seen: 'No connection, or a broken one',
    example: { reason: 'network', path: usage, detail: 'ECONNREFUSED' },
    fits: ({ reason }) => reason === 'network',
    says: () => 'Check DNS, firewall, certificates and HTTPS_PROXY between here and OpenAI.',
  },
  {
    seen: 'Rows with impossible values',
    example: { reason: 'malformed', kind: 'refused_rows', path: usage, detail: '' },
    fits: ({ kind }) => kind === 'refused_rows',
    says: () => 'Some rows were refused: report it if it stays.',
  },
  {
    seen: 'A success that is no answer of the API',
    example: { reason: 'malformed', path: usage, status: 200, detail: 'Unexpected token <' },
    fits: ({ reason }) => reason === 'malformed',
    says: () => 'Check that --openai.base-url leads to the API; if it does, report it.',
  },
  {
    seen: 'Usage or costs beyond bounds',
    example: { reason: 'too_large', path: usage, detail: 'the body is longer than 64 MiB' },
    fits: ({ reason, path }) => reason === 'too_large' && isOfBuckets(path),
    says: () => 'Group by less with --poll.group-by, or use the filters.',
  },
  {
    seen: 'A list beyond bounds',
    example: { reason: 'too_large', path: users, detail: 'the list has more than 1000 pages' },
    fits: ({ reason }) => reason === 'too_large',
    says: () => 'Report it if it stays.',
  },
  {
    seen: '404 otherwise',
    example: { reason: 'rejected', path: usage, status: 404, detail: 'not found' },
    fits: ({ status }) => status === 404,
    says: () => 'Check --openai.base-url.',
  },
  {
    seen: '400 and other refusals',
    example: { reason: 'rejected', path: usage, status: 400, detail: 'Invalid value' },
    fits: () => true,
    says: () => 'Check --openai.base-url and the filters; if they are right, report it.',
  },
];

/** The row of the table that fits; the last one fits everything. */
export function adviceOn(facts: Facts): { readonly whatToDo: string; readonly lacksScope: boolean } {
  const advice = advices.find(({ fits }) => fits(facts));
  return { whatToDo: advice?.says(facts) ?? '', lacksScope: advice?.lacksScope === true };
}

/** The earliest day that a refusal says can be read, like `2025-11-29`; it names a date, or seconds of UTC. */
export function earliestDayIn(detail: string): string | undefined {
  const date = /\b(20\d\d-\d\d-\d\d)(?:T(\d\d:\d\d(?::\d\d)?))?/.exec(detail);
  const [, seconds] = /\b(1\d{9}|2\d{9})\b/.exec(detail) ?? [];
  const at = date === null ? Number(seconds) * 1_000 : Date.parse(`${date[1]}T${date[2] ?? '00:00'}Z`);
  if (Number.isNaN(at)) return undefined;
  // A day of which only the end can be read is not one that can be asked for.
  return new Date(Math.ceil(at / 86_400_000) * 86_400_000).toISOString().slice(0, 10);
}

/** OpenAI's own alone: whatever else answers must not tell anybody where to send the key. */
function openAiHostIn(detail: string): string | undefined {
  return /(?<![\w.-])((?:[a-z0-9-]{1,63}\.){0,4}openai\.com)(?![\w-]|\.\w)/i.exec(detail)?.[1]?.toLowerCase();
}

/** `2026-11-20 12:00:00 UTC` */
function timeOf(instant: number): string {
  return `${new Date(instant).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/** The API words it `Missing scopes: api.usage.read.` */
function missingScope(detail: string): string | undefined {
  return /missing scopes?: *([a-z_]+(?:\.[a-z_]+)+(?:, *[a-z_]+(?:\.[a-z_]+)+)*)/i.exec(detail)?.[1];
}

function scopeOf(path: string): string {
  return isOfBuckets(path) ? 'api.usage.read' : 'api.management.read';
}

/** Usage and costs; the others are lists. */
function isOfBuckets(path: string): boolean {
  return /\/organization\/(?:usage\/|costs\b)/.test(path);
}

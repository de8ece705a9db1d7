/**
 * The fault matrix: what goes wrong, and what an exporter of one api must do about it. docs/reliability.md has a row
 * for each; matrix.test.ts lives each.
 */
import type { Reason } from '../../src/openai/errors.ts';
import type { FaultRule, When } from '../helpers/faults.ts';

/** Describes where requests go while the fault lasts, if not to the simulated organization. */
export type Elsewhere = 'a closed port' | 'a host without an address' | 'a server with an unknown certificate';

export interface MatrixRow {
  /** The first column of the document. */
  readonly fault: string;
  /** The value of the `reason` label; undefined where polls go on succeeding. */
  readonly reason: Reason | undefined;
  /** The order is that of the fault rules that make it; or other ground to stand on. */
  readonly rules: (when: When) => readonly FaultRule[];
  readonly elsewhere?: Elsewhere;
  /** Holds what the one warning says besides the reason. */
  readonly says: RegExp;
  /** Minutes that it lasts. */
  readonly lasts?: number;
  /** The newest buckets go from the page: they were read, and parts of them are not known. */
  readonly gaugesGo?: boolean;
  /** It comes now and then: no poll need fail at every time that is looked. */
  readonly nowAndThen?: boolean;
}

const status =
  (code: number, more: Readonly<Record<string, unknown>> = {}) =>
  (when: When) => [{ when, fault: { kind: 'status', status: code, ...more } as const }];
const fault = (one: FaultRule['fault']) => (when: When) => [{ when, fault: one }];
const elsewhere = (where: Elsewhere) => ({ elsewhere: where, rules: () => [] });

/** The order is that of the document. */
export const matrix: readonly MatrixRow[] = [
  { fault: 'Connection refused', reason: 'network', says: /ECONNREFUSED/, ...elsewhere('a closed port') },
  { fault: 'DNS failure', reason: 'network', says: /ENOTFOUND|EAI_AGAIN/, ...elsewhere('a host without an address') },
  {
    fault: 'TLS failure',
    reason: 'network',
    says: /self.signed certificate/,
    ...elsewhere('a server with an unknown certificate'),
  },
  { fault: 'Connection reset', reason: 'network', says: /ECONNRESET/, rules: fault({ kind: 'reset' }) },
  { fault: 'Hang before headers', reason: 'timeout', says: /no answer within/, rules: fault({ kind: 'hang' }) },
  {
    fault: 'Slow drip of a body',
    reason: 'timeout',
    says: /no complete answer within/,
    rules: fault({ kind: 'drip', bytes: 3, everyMs: 1_000 }),
  },
  { fault: 'Body cut off', reason: 'network', says: /cut short/, rules: fault({ kind: 'cut', share: 0.5 }) },
  { fault: '200 with HTML', reason: 'malformed', says: /not JSON/, rules: fault({ kind: 'html' }) },
  {
    fault: '200 with a body that is long to parse',
    reason: 'malformed',
    says: /nested more than 16 deep/,
    rules: fault({ kind: 'json', body: `{"data":${'['.repeat(100_000)}` }),
  },
  {
    fault: '200 with other JSON',
    reason: 'malformed',
    says: /data should be an array, not missing/,
    rules: fault({ kind: 'json', body: '{"status":"ok"}' }),
  },
  { fault: '`data` is null', reason: 'malformed', says: /not null/, rules: fault({ kind: 'null-data' }) },
  {
    fault: 'Wrong types of buckets',
    reason: 'malformed',
    says: /start_time should be an integer/,
    rules: fault({ kind: 'wrong-types', where: 'times' }),
  },
  {
    fault: 'Wrong types in rows',
    reason: 'malformed',
    says: /[0-9]+ rows contain impossible values; .* Some rows were refused/,
    gaugesGo: true,
    rules: fault({ kind: 'wrong-types', where: 'rows' }),
  },
  {
    fault: 'Huge body',
    reason: 'too_large',
    says: /longer than 64 MiB/,
    rules: fault({ kind: 'huge', bytes: 65 * 1_024 * 1_024 }),
    lasts: 3,
  },
  {
    fault: '401 now and then',
    reason: 'auth',
    says: /status 401.*OPENAI_ADMIN_KEY/,
    nowAndThen: true,
    rules: (when) => status(401)({ ...when, every: 3 }),
  },
  { fault: '401 for good', reason: 'auth', says: /api\.usage\.read.*admin-keys/, rules: status(401) },
  {
    fault: '403 with a missing scope',
    reason: 'permission',
    says: /Give the key the scope api\.usage\.read/,
    rules: status(403),
  },
  { fault: '404', reason: 'rejected', says: /Check --openai\.base-url/, rules: status(404) },
  { fault: '408', reason: 'timeout', says: /status 408/, rules: status(408) },
  { fault: '409', reason: 'server', says: /status 409/, rules: status(409) },
  {
    fault: '429 with seconds',
    reason: 'rate_limited',
    says: /status 429/,
    rules: status(429, { headers: { 'retry-after': '400' } }),
  },
  {
    fault: '429 with a date',
    reason: 'rate_limited',
    says: /status 429/,
    rules: status(429, { headers: { 'retry-after': 'Fri, 20 Nov 2026 09:47:00 GMT' } }),
  },
  { fault: '429 with neither', reason: 'rate_limited', says: /status 429/, rules: status(429) },
  { fault: '500', reason: 'server', says: /status 500/, rules: status(500) },
  {
    fault: '503 with HTML',
    reason: 'server',
    says: /status 503.*text\/html/,
    rules: status(503, { headers: { 'content-type': 'text/html' }, body: '<html>try later</html>' }),
  },
  { fault: 'Empty buckets left out', reason: undefined, says: /^$/, rules: fault({ kind: 'sparse' }) },
  // All that was asked for is in the first page, so what a cursor leads to is of no interest.
  { fault: 'Endless cursor', reason: undefined, says: /^$/, rules: fault({ kind: 'endless-cursor' }) },
  { fault: 'Repeated cursor', reason: undefined, says: /^$/, rules: fault({ kind: 'repeated-cursor' }) },
  {
    fault: '`has_more` without cursor',
    reason: undefined,
    says: /^$/,
    rules: fault({ kind: 'more-without-cursor' }),
  },
];

/** Rows of the document that a test of its own lives: where it is, and what it is called there. */
export const elsewhereTested: Readonly<Record<string, { readonly file: string; readonly test: string }>> = {
  'Repeated cursor before the end': {
    file: 'test/e2e/faults.test.ts',
    test: 'each fault that another try would not mend has its reason',
  },
  '400 for the cursor': { file: 'test/reliability/matrix.test.ts', test: '400 for the cursor' },
  '400 for lookback': { file: 'test/reliability/matrix.test.ts', test: '400 for lookback' },
  'One endpoint of twelve failing': {
    file: 'test/e2e/faults.test.ts',
    test: 'one api that fails does not touch the others',
  },
  'All failing for a day': { file: 'test/reliability/matrix.test.ts', test: 'all failing for a day' },
  'A key file rotated while running': {
    file: 'test/e2e/start.test.ts',
    test: 'exchanged before the old one ends, no poll fails',
  },
  'A key file that cannot be read again': {
    file: 'test/openai/client.test.ts',
    test: 'whose file cannot be read again is an error that says so, until it can be read',
  },
  'Clock stepped forward or back': { file: 'test/reliability/matrix.test.ts', test: 'clock steps' },
  'Event loop stalled': { file: 'test/e2e/stalled.test.ts', test: 'an event loop that stood still' },
  'The disk of the state file hangs': { file: 'test/e2e/state.test.ts', test: 'a disk that hangs' },
  'Another process has the state file': {
    file: 'test/e2e/state.test.ts',
    test: 'two processes with one file',
  },
  'The disk of the log is full, its reader stands still or is gone': {
    file: 'test/e2e/log.test.ts',
    test: 'a reader of the log that stands still',
  },
  'SIGTERM in the middle of everything': { file: 'test/e2e/start.test.ts', test: 'while it reads history, slowly' },
  'Memory limit near': { file: 'test/e2e/stalled.test.ts', test: 'little memory' },
};

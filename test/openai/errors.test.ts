import { inspect } from 'node:util';
import { describe, expect, it, test } from 'vitest';
import {
  ApiError,
  type ApiErrorDetails,
  causeWithout,
  inFull,
  isInvalidPageToken,
  presentable,
  reasonOfStatus,
  reasons,
  whatToDoAbout,
} from '../../src/openai/errors.ts';

const secret = 'sk-admin-Zy9_x-w8vUt';
const usagePath = '/organization/usage/completions';

test.each([
  [301, 'rejected'],
  [400, 'rejected'],
  [401, 'auth'],
  [403, 'permission'],
  [404, 'rejected'],
  [408, 'timeout'],
  [409, 'server'],
  [429, 'rate_limited'],
  [500, 'server'],
  [503, 'server'],
])('status %i has the reason %s', (status, reason) => {
  expect(reasonOfStatus(status)).toBe(reason);
  expect(reasons).toContain(reason);
});

const detailed = {
  api: 'completions',
  path: usagePath,
  status: 403,
  requestId: 'req_1',
  detail: 'You have insufficient permissions for this operation. Missing scopes: api.usage.read.',
} as const;

describe('the message', () => {
  it('says method, path, status, request and what the API said, and leaves what to do to itself', () => {
    const error = new ApiError({ ...detailed, reason: 'permission' });
    expect(error.message).toBe(
      'GET /organization/usage/completions, status 403, request req_1: You have insufficient permissions for this operation. ' +
        'Missing scopes: api.usage.read.',
    );
    expect(error.whatToDo).toBe(
      'Give the key the scope api.usage.read, or create one that has it at ' +
        'https://platform.openai.com/settings/organization/admin-keys.',
    );
    expect(inFull(error)).toBe(`${error.message} ${error.whatToDo}`);
  });

  it('of a fault of the program has what to do, too', () => {
    const error = new TypeError('x is not a function');
    expect(inFull(error)).toBe('x is not a function. This is a defect of the exporter: please report it.');
    expect(whatToDoAbout(error)).toBe('This is a defect of the exporter: please report it.');
  });
});

describe('what to do', () => {
  const adviceOn = (details: Partial<ApiErrorDetails> & Pick<ApiErrorDetails, 'reason'>) =>
    new ApiError({ api: 'images', path: usagePath, detail: 'it broke', ...details }).whatToDo;

  test.each([
    [usagePath, 'api.usage.read'],
    ['/organization/costs', 'api.usage.read'],
    ['/organization/projects/p/rate_limits', 'api.management.read'],
  ])('names the scope that %s needs, if the API does not', (path, scope) => {
    expect(adviceOn({ reason: 'permission', path, status: 403 })).toContain(`the scope ${scope}, or`);
    expect(adviceOn({ reason: 'auth', path, status: 401 })).toMatch(
      new RegExp(`${scope}; create one at https://platform\\.openai\\.com/settings/organization/admin-keys\\.$`),
    );
  });

  it('is a whole sentence for every reason, and the message one without it', () => {
    for (const reason of reasons) {
      const error = new ApiError({ reason, api: 'images', path: '/x', detail: 'it broke' });
      expect(error.message).toBe('GET /x: it broke.');
      expect(error.whatToDo).toMatch(/^[A-Z].*\.$/);
    }
  });

  it('about rows that are refused does not doubt the address', () => {
    expect(adviceOn({ reason: 'malformed' })).toContain('--openai.base-url');
    expect(adviceOn({ reason: 'malformed', kind: 'refused_rows' })).toBe(
      'Some rows were refused: report it if it stays.',
    );
  });

  it('about a request that could not be sent in time is to send more or ask less, not to wait longer', () => {
    expect(adviceOn({ reason: 'timeout' })).toContain('--openai.timeout');
    expect(adviceOn({ reason: 'timeout', kind: 'request_limit' })).toBe(
      'If it lasts, raise --openai.max-requests-per-minute or --poll.interval.',
    );
  });

  it('about an address that leads elsewhere is to look at it', () => {
    expect(adviceOn({ reason: 'rejected', status: 404 })).toBe('Check --openai.base-url.');
    expect(adviceOn({ reason: 'rejected', status: 302 })).toMatch(/^Check --openai\.base-url, and any proxy:/);
    expect(adviceOn({ reason: 'rejected', status: 400 })).toContain('the filters');
  });

  it('about what is too large is to group by less, but for a list', () => {
    expect(adviceOn({ reason: 'too_large' })).toContain('--poll.group-by');
    expect(adviceOn({ reason: 'too_large', path: '/organization/users' })).not.toContain('--poll.group-by');
  });
});

describe('presentable', () => {
  test.each([
    ['  two\r\n lines\u0000\u2028of\u202etext ', 'two lines of text'],
    [`Incorrect API key provided: ${secret}.`, 'Incorrect API key provided: [key].'],
    ['Incorrect API key provided: sk-admin-***abc.', 'Incorrect API key provided: sk-….'],
    ['authorization: Bearer abc.def', 'authorization: Bearer …'],
    ['http://user:word@proxy:3128/ failed', 'http://…@proxy:3128/ failed'],
    ['a risk-free disk-drive', 'a risk-free disk-drive'],
    ['half \ud800 a pair', 'half a pair'],
  ])('%j becomes %j', (text, expected) => {
    expect(presentable(text, [secret])).toBe(expected);
  });

  it('is bounded, and redacts before it cuts', () => {
    expect(presentable('x'.repeat(1_000), [secret])).toHaveLength(300);
    expect(presentable('x'.repeat(290) + secret, [secret])).toBe(`${'x'.repeat(290)}[key]`);
    expect(presentable(`${'x'.repeat(298)}😀😀`, [secret])).toBe(`${'x'.repeat(298)}…`);
    expect(presentable('gateway-key-1 is bad', ['', 'gateway-key-1'])).toBe('[key] is bad');
  });
});

it('keeps no more of a cause than what can be shown', () => {
  const inner = Object.assign(new TypeError(`bad header Bearer ${secret}`), { code: 'E_BAD', headers: { secret } });
  const outer = Object.assign(new Error(`failed\n    at ${secret}`, { cause: inner }), { request: secret });
  const clean = causeWithout([secret], outer);
  expect(inspect(clean, { depth: 9, showHidden: true })).not.toContain(secret);
  expect(clean.message).toBe('failed at [key]');
  expect(clean.cause).toMatchObject({ name: 'TypeError', message: 'bad header Bearer … (E_BAD)' });
  expect(causeWithout([secret], new AggregateError([new Error('one'), new Error('two')])).message).toBe('one; two');
  expect(causeWithout([secret], 'a string').message).toBe('a string');
});

it('recognizes a refused cursor by its words', () => {
  const details = { reason: 'rejected', api: 'costs', path: '/organization/costs', status: 400 } as const;
  const detail = 'The page token is invalid, have you modified the query parameters?';
  expect(isInvalidPageToken(new ApiError({ ...details, detail }))).toBe(true);
  expect(isInvalidPageToken(new ApiError({ ...details, detail: 'start_time is beyond the lookback' }))).toBe(false);
  expect(isInvalidPageToken(new Error(detail))).toBe(false);
});

import { inspect } from 'node:util';
import { describe, expect, it, test } from 'vitest';
import {
  ApiError,
  causeWithout,
  isInvalidPageToken,
  presentable,
  reasonOfStatus,
  reasons,
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

describe('the message', () => {
  it('says method, path, status, request, what the API said and what to do', () => {
    const error = new ApiError({
      reason: 'permission',
      api: 'completions',
      path: usagePath,
      status: 403,
      requestId: 'req_1',
      detail: 'You have insufficient permissions for this operation. Missing scopes: api.usage.read.',
    });
    expect(error.message).toBe(
      'GET /organization/usage/completions, status 403, request req_1: You have insufficient permissions for this operation. ' +
        'Missing scopes: api.usage.read. The key lacks the scope api.usage.read: create an admin key that has it at ' +
        'https://platform.openai.com/settings/organization/admin-keys.',
    );
  });

  test.each([
    [usagePath, 'api.usage.read'],
    ['/organization/costs', 'api.usage.read'],
    ['/organization/projects/p/rate_limits', 'api.management.read'],
  ])('names the scope that %s needs, if the API does not', (path, scope) => {
    const message = new ApiError({ reason: 'permission', api: 'x', path, status: 403, detail: 'No' }).message;
    expect(message).toContain(`the scope ${scope}:`);
    expect(new ApiError({ reason: 'auth', api: 'x', path, status: 401, detail: 'No' }).message).toContain(
      `${scope}, or create one at https://platform.openai.com/settings/organization/admin-keys.`,
    );
  });

  it('is a whole sentence for every reason', () => {
    for (const reason of reasons) {
      const { message } = new ApiError({ reason, api: 'x', path: '/x', detail: 'it broke' });
      expect(message).toMatch(/^GET \/x: it broke\.( [A-Z].*\.)?$/);
    }
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

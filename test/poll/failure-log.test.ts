import { describe, expect, test } from 'vitest';
import { ApiError } from '../../src/openai/errors.ts';
import { createFailureLog } from '../../src/poll/failure-log.ts';
import { recordingLog } from '../helpers/recording-log.ts';

function failing() {
  const log = recordingLog();
  const failures = createFailureLog(log);
  const fail = (api: string, reason: 'auth' | 'permission' | 'server' | 'timeout', what = 'poll') =>
    failures.failed(api, what, { reason, error: new Error(`${reason} of ${api}`) }, 0);
  return { log, failures, fail };
}

describe('failures are said', () => {
  test('once for as long as they last, and when they are over', () => {
    const { log, failures, fail } = failing();
    for (let poll = 0; poll < 5; poll++) fail('images', 'server');
    expect(log.of('warn')).toHaveLength(1);
    expect(log.of('warn')[0]).toContain('server of images. ');
    failures.succeeded('images', 'poll');
    failures.succeeded('images', 'poll');
    expect(log.of('info')).toEqual(['images: poll succeeds again']);
    fail('images', 'server');
    expect(log.of('warn')).toHaveLength(2);
  });

  test('with what to do, once', () => {
    const { log, failures } = failing();
    const error = new ApiError({
      reason: 'network',
      api: 'costs',
      path: '/organization/costs',
      detail: 'ECONNREFUSED',
    });
    failures.failed('costs', 'poll', { reason: 'network', error }, 0);
    expect(log.of('warn')).toEqual([
      'costs: poll failed (network) and will be tried again: GET /organization/costs: ECONNREFUSED. Check DNS, firewall, certificates and HTTPS_PROXY between here and OpenAI.',
    ]);
  });

  test('and what was said once for all of them is over once for all of them', () => {
    const { log, failures, fail } = failing();
    for (const api of ['completions', 'embeddings', 'costs']) fail(api, 'auth');
    for (const api of ['completions', 'embeddings', 'costs']) failures.succeeded(api, 'poll');
    expect(log.of('warn')).toHaveLength(1);
    expect(log.of('info')).toEqual(['completions: poll succeeds again']);
  });

  test('of one that goes on failing when it is over for the others, for it was hidden by them', () => {
    const { log, failures, fail } = failing();
    for (const api of ['completions', 'embeddings', 'costs']) fail(api, 'permission');
    expect(log.of('warn')).toHaveLength(1);
    for (const api of ['completions', 'embeddings']) failures.succeeded(api, 'poll');
    for (let poll = 0; poll < 5; poll++) fail('costs', 'permission');
    expect(log.of('warn').slice(1)).toEqual([expect.stringContaining('permission of costs. ')]);
    failures.succeeded('costs', 'poll');
    expect(log.of('info').at(-1)).toBe('costs: poll succeeds again');
  });

  test('again when the reason changes', () => {
    const { log, fail } = failing();
    fail('images', 'server');
    fail('images', 'timeout');
    fail('images', 'timeout');
    expect(log.of('warn')).toHaveLength(2);
  });

  test('for each api, but a refused key once for all of them and for all that they do', () => {
    const { log, fail } = failing();
    fail('images', 'server');
    fail('costs', 'server');
    expect(log.of('warn')).toHaveLength(2);
    for (const api of ['completions', 'embeddings', 'costs']) {
      fail(api, 'auth');
      fail(api, 'auth', 'reading of history');
    }
    expect(log.of('warn')).toHaveLength(3);
    fail('completions', 'permission');
    expect(log.of('warn')).toHaveLength(4);
  });
});

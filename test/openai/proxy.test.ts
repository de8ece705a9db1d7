import { describe, expect, test } from 'vitest';
import { noProxyIn, proxyFor } from '../../src/openai/proxy.ts';

const base = new URL('https://api.openai.com/v1');

describe('the proxy of', () => {
  test.each([
    [{}, undefined],
    [{ HTTPS_PROXY: ' ' }, undefined],
    [{ HTTPS_PROXY: 'proxy:3128' }, 'http://proxy:3128/'],
    [{ HTTPS_PROXY: 'https://proxy' }, 'https://proxy/'],
    [{ HTTPS_PROXY: 'http://upper', https_proxy: 'http://lower' }, 'http://lower/'],
    [{ HTTPS_PROXY: 'http://user:50%25@proxy' }, 'http://user:50%25@proxy/'],
  ])('%j is %j', (environment, expected) => {
    expect(proxyFor(base, environment)?.href).toBe(expected);
  });
});

describe('what cannot be used is refused and not repeated:', () => {
  test.each([
    ['http://', 'HTTPS_PROXY: must be an http or https URL'],
    ['socks5://user:word@proxy:1080', 'HTTPS_PROXY: must be an http or https URL'],
    ['ftp://user:word@proxy', 'HTTPS_PROXY: must be an http or https URL'],
    ['http://user:word@pro xy', 'HTTPS_PROXY: must be an http or https URL'],
    ['user:word@proxy:99999', 'HTTPS_PROXY: must be an http or https URL'],
    // The URL is one, but its parts could not be sent.
    ['http://user:word%@proxy', 'HTTPS_PROXY: its user or password holds a % that escapes nothing'],
    ['http://word%ff:x@proxy', 'HTTPS_PROXY: its user or password holds a % that escapes nothing'],
  ])('%s', (url, message) => {
    const attempt = () => proxyFor(base, { HTTPS_PROXY: url });
    expect(attempt).toThrow(message);
    expect(attempt).not.toThrow(/word[@%:]/);
  });

  test('by the name of the variable that was taken', () => {
    expect(() => proxyFor(base, { https_proxy: 'socks5://x', HTTPS_PROXY: 'http://x' })).toThrow(/^https_proxy: /);
  });

  test('but where no proxy is needed, nothing is looked at', () => {
    expect(proxyFor(new URL('http://127.0.0.1:8080'), { HTTPS_PROXY: 'socks5://x' })).toBeUndefined();
  });
});

test('NO_PROXY is taken as it is', () => {
  expect(noProxyIn({})).toBe('');
  expect(noProxyIn({ NO_PROXY: ' a,b ' })).toBe('a,b');
  expect(noProxyIn({ NO_PROXY: 'a', no_proxy: 'b' })).toBe('b');
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { anchor } from '../../src/settings/anchor.ts';
import { baseUrl, sendsInTheClear } from '../../src/settings/base-url.ts';
import { formatAddress, listenAddress } from '../../src/settings/listen-address.ts';
import { nearest } from '../../src/settings/nearest.ts';
import { telemetryPath } from '../../src/settings/telemetry-path.ts';
import { type FromText, formatDuration, parseDuration } from '../../src/settings/values.ts';

function problemOf(schema: FromText<unknown>, text: string): string | undefined {
  const result = schema.safeParse(text);
  return result.success ? undefined : result.error.issues.map((issue) => issue.message).join();
}

test.each([
  ['250ms', 250],
  ['90s', 90_000],
  ['15m', 900_000],
  ['1h30m', 5_400_000],
  ['1d2h3m4s5ms', 93_784_005],
  ['0s', 0],
])('the duration %s', (text, ms) => expect(parseDuration(text)).toBe(ms));

test.each(['', ' ', '5', 's', '5 m', '1.5h', '-1m', '+1m', '30m1h', '1m1m', '1M', '1w', '1e3s', '١m', '1m\n'])(
  'no duration: %j',
  (text) => expect(parseDuration(text)).toBeUndefined(),
);

test('durations are written as they are read', () => {
  fc.assert(
    fc.property(fc.nat(), (ms) => {
      expect(parseDuration(formatDuration(ms))).toBe(ms);
    }),
  );
});

test.each([
  ['month', { kind: 'month' }],
  ['year', { kind: 'year' }],
  ['04-01', { kind: 'yearly', month: 4, day: 1 }],
  ['02-28', { kind: 'yearly', month: 2, day: 28 }],
  ['12-31', { kind: 'yearly', month: 12, day: 31 }],
])('the anchor %s', (text, expected) => expect(anchor.parse(text)).toEqual(expected));

test.each([
  ['02-29', /does not exist in every year/],
  ['02-30', /not a date/],
  ['13-01', /not a date/],
  ['00-10', /not a date/],
  ['04-31', /not a date/],
  ['04-00', /not a date/],
  ['4-1', /MM-DD/],
  ['2026-04-01', /MM-DD/],
  ['Month', /MM-DD/],
  ['week', /MM-DD/],
])('no anchor: %s', (text, problem) => expect(problemOf(anchor, text)).toMatch(problem));

test.each([
  [':9185', { host: undefined, port: 9_185 }],
  ['127.0.0.1:9185', { host: '127.0.0.1', port: 9_185 }],
  ['0.0.0.0:80', { host: '0.0.0.0', port: 80 }],
  ['[::1]:9185', { host: '::1', port: 9_185 }],
  ['[::]:0', { host: '::', port: 0 }],
  ['localhost:9185', { host: 'localhost', port: 9_185 }],
  ['my-host.example:65535', { host: 'my-host.example', port: 65_535 }],
])('the address %s', (text, expected) => {
  expect(listenAddress.parse(text)).toEqual(expected);
  expect(formatAddress(listenAddress.parse(text))).toBe(text);
});

test.each([
  '9185',
  '::1:9185',
  '[::1]',
  '[127.0.0.1]:80',
  '[]:80',
  ':',
  ':x',
  'host',
  'a b:80',
  '256.0.0.1:80',
  '-a:80',
  'http://a:80',
])('no address: %s', (text) => expect(problemOf(listenAddress, text)).toMatch(/must be host:port or :port/));
test('ports end at 65535', () => expect(problemOf(listenAddress, ':65536')).toMatch(/above 65535/));

test.each([
  ['https://api.openai.com/v1', 'https://api.openai.com/v1'],
  ['https://api.openai.com/v1//', 'https://api.openai.com/v1'],
  ['https://API.example', 'https://api.example'],
  ['http://127.0.0.1:8080/v1/', 'http://127.0.0.1:8080/v1'],
])('the base URL %s', (text, expected) => expect(baseUrl.parse(text)).toBe(expected));

test.each([
  '',
  'api.openai.com',
  'ftp://a',
  'file:///etc',
  'https://',
  'https://u:p@a',
  'https://u@a',
  'https://a?',
  'https://a?x=1',
  'https://a#x',
])('no base URL: %s', (text) => expect(problemOf(baseUrl, text)).toMatch(/^must/));

test.each([
  ['https://api.openai.com/v1', false],
  ['http://localhost:1', false],
  ['http://api.localhost', false],
  ['http://127.9.9.9', false],
  ['http://[::1]:1', false],
  ['http://api.openai.com', true],
  ['http://127.0.0.1.example.com', true],
  ['http://localhost.example.com', true],
  ['http://0.0.0.0', true],
])('%s sends in the clear: %s', (url, expected) => expect(sendsInTheClear(url)).toBe(expected));

test.each(['/metrics', '/a/b', '/a.b_c~d-e', '/--'])('the telemetry path %s', (text) => {
  expect(telemetryPath.parse(text)).toBe(text);
});
test.each([
  '/',
  '',
  'metrics',
  '/metrics/',
  '//a',
  '/a?b',
  '/a b',
  '/:id',
  '/*x',
  '/%41',
  '/-/healthy',
  '/-',
  '/api/status',
  '/status.css',
  '/status.js',
  '/a/../b',
  '/.',
])('no telemetry path: %j', (text) => expect(problemOf(telemetryPath, text)).toMatch(/^must/));

test('the nearest name is one that could be meant', () => {
  const known = ['--poll.interval', '--poll.idle-interval', '--log.level'];
  expect(nearest('--poll.intreval', known)).toBe('--poll.interval');
  expect(nearest('--log-level', known)).toBe('--log.level');
  expect(nearest('--something-else', known)).toBeUndefined();
});

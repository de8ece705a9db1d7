/** Names in certificates of clients, those that pretend to be others among them. */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { hasName } from '../../src/web/client-names.ts';
import { certificate } from '../helpers/web-config.ts';

const real = new X509Certificate(readFileSync(certificate('clients/client.pem')));
const withNames = (subjectAltName: string | undefined) => ({ subjectAltName, checkIP: () => undefined });

test.each([
  [true, 'prometheus.example.test'],
  [true, 'other.example.test'],
  [true, 'ops@example.test'],
  [true, 'spiffe://example.test/ns/monitoring/sa/prometheus'],
  [true, '192.0.2.7'],
  [true, '2001:db8::7'],
  [true, '2001:DB8:0:0::7'],
  // The subject is no alternative name.
  [false, 'prometheus'],
  [false, 'PROMETHEUS.example.test'],
  [false, '*.example.test'],
  [false, '.example.test'],
  [false, 'example.test'],
  [false, 'DNS:prometheus.example.test'],
  [false, 'spiffe://example.test'],
  [false, '192.0.2.70'],
  [false, '2001:db8::70'],
])('%s: %s', (is, name) => {
  expect(hasName(real, [name])).toBe(is);
  expect(hasName(real, ['somebody.else', name])).toBe(is);
});

test('a certificate without names has none', () => {
  expect(hasName(withNames(undefined), ['a'])).toBe(false);
  expect(hasName(withNames(''), ['a', ''])).toBe(false);
  const stranger = new X509Certificate(readFileSync(certificate('clients/ca.pem')));
  expect(hasName(stranger, ['clients', '127.0.0.1'])).toBe(false);
});

test.each([
  [true, 'DNS:a'],
  [true, 'DNS:b, DNS:a'],
  [true, 'othername:<unsupported>, DNS:a'],
  [true, 'DirName:"CN = x, O = \\"y\\"", DNS:a'],
  // One name with a comma in it, which is quoted.
  [false, 'DNS:"b, DNS:a"'],
  [false, 'DNS:"b, DNS:a, c"'],
  [false, 'DNS:"b\\", DNS:a, c"'],
  [false, 'othername:"UPN:b, DNS:a"'],
  [false, 'DirName:CN=a'],
  [false, 'othername:UPN:a'],
  [false, 'IP Address:a'],
  // What is written in no way that is known.
  [false, 'DNS:a"'],
  [false, 'DNS:a,URI:b'],
  [false, 'DNS:a, '],
  [false, ', DNS:a'],
  [false, 'a'],
])('%s: %s', (is, names) => {
  expect(hasName(withNames(names), ['a'])).toBe(is);
});

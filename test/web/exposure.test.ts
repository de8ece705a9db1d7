/** Tests what is open to everybody, and that it is told. */
import { expect, test } from 'vitest';
import type { ClientAuth } from '../../src/settings/tls-section.ts';
import { noWebConfig, type WebConfig } from '../../src/settings/web-config.ts';
import { isOpen, warningsOf } from '../../src/web/exposure.ts';

const users = new Map([['ali', 'hash']]);
const secured = (clientAuth: ClientAuth): WebConfig => ({
  ...noWebConfig,
  tls: { context: {}, clientAuth, clientNames: undefined },
});
const everybody = expect.stringContaining('everybody who can reach this address');
const inTheClear = expect.stringContaining('in the clear');

test.each<[string, WebConfig, boolean, readonly unknown[]]>([
  ['nothing', noWebConfig, true, [everybody]],
  ['TLS', secured('NoClientCert'), true, [everybody]],
  ['certificates if somebody likes', secured('VerifyClientCertIfGiven'), true, [everybody]],
  ['certificates that anybody can make', secured('RequireAnyClientCert'), true, [everybody]],
  ['certificates of the client CA', secured('RequireAndVerifyClientCert'), false, []],
  ['passwords', { ...noWebConfig, users }, false, [inTheClear]],
  ['passwords over TLS', { ...secured('NoClientCert'), users }, false, []],
])('with %s', (_, config, open, warnings) => {
  expect(isOpen(config)).toBe(open);
  expect(warningsOf(config, { simulated: false })).toEqual(warnings);
});

test('simulated numbers may be read by everybody; passwords in the clear are warned of all the same', () => {
  expect(warningsOf(noWebConfig, { simulated: true })).toEqual([]);
  expect(warningsOf({ ...noWebConfig, users }, { simulated: true })).toEqual([inTheClear]);
});

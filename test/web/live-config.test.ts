/** A configuration that changes under a running process. */
import { expect, test } from 'vitest';
import { type LoadedWebConfig, noWebConfig, type WebConfig } from '../../src/settings/web-config.ts';
import { createLiveConfig } from '../../src/web/live-config.ts';
import { recordingLog } from '../helpers/recording-log.ts';

const users = (...names: readonly string[]): WebConfig => ({
  ...noWebConfig,
  users: new Map(names.map((name) => [name, 'hash'])),
});
const secured = (clientAuth: NonNullable<WebConfig['tls']>['clientAuth']): WebConfig => ({
  ...noWebConfig,
  tls: { context: {}, clientAuth, clientNames: undefined },
});

function living(first: LoadedWebConfig) {
  const state = { loaded: first, versions: new Map<string, string>(), time: 0, loads: 0, looks: 0 };
  const log = recordingLog();
  const changes: WebConfig[] = [];
  const make = () =>
    createLiveConfig({
      path: '/web.yml',
      clock: { monotonic: () => state.time },
      log,
      changed: (config) => changes.push(config),
      load: () => {
        state.loads += 1;
        return state.loaded;
      },
      version: (file) => {
        state.looks += 1;
        return state.versions.get(file) ?? 'first';
      },
    });
  return { state, log, changes, make };
}

test('the file is looked at once a second at most, and read when it has changed', () => {
  const { state, make } = living({ config: users('a'), files: ['/web.yml'] });
  const live = make();
  const { loads, looks } = state;
  state.loaded = { config: users('b'), files: ['/web.yml'] };
  for (state.time = 0; state.time < 1_000; state.time += 100) expect(live.current().users.has('a')).toBe(true);
  expect(state.looks).toBe(looks);
  for (; state.time < 3_000; state.time += 100) expect(live.current().users.has('a')).toBe(true);
  expect([state.looks, state.loads]).toEqual([looks + 2, loads]);
  state.versions.set('/web.yml', 'second');
  state.time += 1_000;
  expect(live.current().users.has('b')).toBe(true);
});

test('a certificate that changes is a change', () => {
  const before = { config: secured('NoClientCert'), files: ['/web.yml', '/cert.pem'] };
  const { state, changes, make } = living(before);
  const live = make();
  const after = { ...before, config: secured('NoClientCert') };
  state.loaded = after;
  state.versions.set('/cert.pem', 'second');
  state.time += 1_000;
  expect(live.current()).toBe(after.config);
  expect(live.current()).toBe(after.config);
  expect(changes).toEqual([after.config]);
});

test('what is broken does not replace what works, is told once, and is tried again', () => {
  const { state, log, make } = living({ config: users('a'), files: ['/web.yml'] });
  const live = make();
  state.versions.set('/web.yml', 'broken');
  state.loaded = { mistakes: ['tls: unknown key', 'b: unknown key'] };
  for (let look = 0; look < 5; look++) {
    state.time += 1_000;
    expect(live.current().users.has('a')).toBe(true);
  }
  expect(log.of('error')).toEqual([
    'the changed web configuration cannot be used, so the one before stays in use: /web.yml: tls: unknown key; b: unknown key',
  ]);
  // The certificate that was missing is there, and the file itself has not changed since.
  state.loaded = { config: users('b'), files: ['/web.yml'] };
  state.time += 1_000;
  expect(live.current().users.has('b')).toBe(true);
});

test.each<[string, WebConfig, WebConfig]>([
  ['turning TLS on or off', noWebConfig, secured('NoClientCert')],
  ['turning TLS on or off', secured('NoClientCert'), noWebConfig],
  ['turning passwords off', users('a', 'b'), noWebConfig],
  ['turning passwords off', { ...secured('NoClientCert'), users: users('a').users }, secured('NoClientCert')],
  [
    'beginning or ceasing to ask for certificates of clients',
    secured('NoClientCert'),
    secured('RequireAndVerifyClientCert'),
  ],
  [
    'beginning or ceasing to ask for certificates of clients',
    secured('RequireAndVerifyClientCert'),
    secured('NoClientCert'),
  ],
  ['letting everybody in', secured('RequireAndVerifyClientCert'), secured('RequireAnyClientCert')],
  ['letting everybody in', secured('RequireAndVerifyClientCert'), secured('VerifyClientCertIfGiven')],
  [
    'turning passwords off',
    { ...secured('RequireAndVerifyClientCert'), users: users('a').users },
    secured('RequireAndVerifyClientCert'),
  ],
])('%s needs a restart, and is not done by half', (what, before, after) => {
  const { state, log, changes, make } = living({ config: before, files: ['/web.yml'] });
  const live = make();
  state.versions.set('/web.yml', 'second');
  state.loaded = { config: after, files: ['/web.yml'] };
  state.time += 1_000;
  expect(live.current()).toBe(before);
  expect(log.of('error')[0]).toContain(`${what} needs a restart`);
  expect(changes).toEqual([]);
});

test('what keeps people out can take the place of something else that does', () => {
  const { state, make } = living({ config: secured('RequireAndVerifyClientCert'), files: ['/web.yml'] });
  const live = make();
  state.versions.set('/web.yml', 'second');
  const after = { ...secured('VerifyClientCertIfGiven'), users: users('a').users };
  state.loaded = { config: after, files: ['/web.yml'] };
  state.time += 1_000;
  expect(live.current()).toBe(after);
});

test('the first password takes no restart: it closes what was open', () => {
  const { state, make } = living({ config: noWebConfig, files: ['/web.yml'] });
  const live = make();
  state.versions.set('/web.yml', 'second');
  state.loaded = { config: users('a'), files: ['/web.yml'] };
  state.time += 1_000;
  expect(live.current().users.has('a')).toBe(true);
});

test('a file that is broken at the start is an error', () => {
  const { make } = living({ mistakes: ['tls: unknown key'] });
  expect(make).toThrow('/web.yml: tls: unknown key');
});

/** The path of the state file. */
import { describe, expect, test } from 'vitest';
import type { Environment } from '../../src/environment.ts';
import { parseSettings } from '../../src/settings/settings.ts';

function stateOf(args: readonly string[], env: Environment) {
  const parsed = parseSettings(args, { OPENAI_ADMIN_KEY: 'sk-admin-of-the-test', ...env });
  if (!('settings' in parsed)) throw new Error(JSON.stringify(parsed));
  return parsed.settings.state;
}

const everywhere = {
  STATE_DIRECTORY: '/var/lib/exporter:/var/lib/other',
  XDG_STATE_HOME: '/home/a/state',
  HOME: '/home/a',
};

describe('without the setting', () => {
  test.each<[string, Environment, string | undefined]>([
    ['the first folder of the unit', everywhere, '/var/lib/exporter/state'],
    [
      'the folder of this user for state',
      { ...everywhere, STATE_DIRECTORY: '' },
      '/home/a/state/openai-usage-exporter/state',
    ],
    [
      'the usual one of this user',
      { XDG_STATE_HOME: 'relative', HOME: '/home/a' },
      '/home/a/.local/state/openai-usage-exporter/state',
    ],
    ['nowhere', {}, undefined],
  ])('it is in %s', (_, env, file) => {
    expect(stateOf(['serve'], env)).toEqual({ file, isUsual: true });
    expect(stateOf(['check'], env)).toEqual({ file, isUsual: true });
  });

  test('a demonstration has none', () => {
    expect(stateOf(['demo'], everywhere)).toEqual({ file: undefined, isUsual: true });
  });
});

describe('with the setting', () => {
  test('it is where the setting says, or nowhere', () => {
    expect(stateOf(['serve', '--state.file=/a/b'], everywhere)).toEqual({ file: '/a/b', isUsual: false });
    expect(stateOf(['serve', '--state.file=none'], everywhere)).toEqual({ file: undefined, isUsual: false });
    const env = { ...everywhere, OPENAI_EXPORTER_STATE_FILE: '/a/b' };
    expect(stateOf(['serve'], env)).toEqual({ file: '/a/b', isUsual: false });
    expect(stateOf(['serve', '--state.file=none'], env)).toEqual({ file: undefined, isUsual: false });
  });

  test('a demonstration has one only if its own command line says so', () => {
    const env = { OPENAI_EXPORTER_STATE_FILE: '/the/good/one' };
    expect(stateOf(['demo'], env)).toEqual({ file: undefined, isUsual: true });
    expect(stateOf(['demo', '--state.file=/another'], env)).toEqual({ file: '/another', isUsual: false });
  });
});

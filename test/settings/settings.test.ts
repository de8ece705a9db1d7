import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Environment } from '../../src/environment.ts';
import { allDimensions, endpoints } from '../../src/openai/catalogue.ts';
import { allFlags } from '../../src/settings/flags.ts';
import { polledApis } from '../../src/settings/polled-apis.ts';
import { parseSettings, type Settings } from '../../src/settings/settings.ts';

const key = { OPENAI_ADMIN_KEY: 'sk-admin-test' };

function settingsOf(argv: readonly string[], env: Environment = {}): Settings {
  const parsed = parseSettings(argv, { ...key, ...env });
  if (!('settings' in parsed)) throw new Error(`no settings: ${JSON.stringify(parsed)}`);
  return parsed.settings;
}

function errorsOf(argv: readonly string[], env: Environment = key): readonly string[] {
  const parsed = parseSettings(argv, env);
  if (!('errors' in parsed)) throw new Error(`no errors: ${JSON.stringify(parsed)}`);
  return parsed.errors;
}

test('without anything but a key, every default holds', () => {
  expect(parseSettings([], key)).toEqual({
    command: 'serve',
    key: { from: 'variable', key: 'sk-admin-test' },
    settings: {
      openai: {
        baseUrl: 'https://api.openai.com/v1',
        organization: undefined,
        timeout: 30_000,
        maxRequestsPerMinute: 60,
      },
      poll: {
        interval: 60_000,
        idleInterval: 600_000,
        settleDelay: 900_000,
        apis: endpoints.map((endpoint) => endpoint.api),
        groupBy: allDimensions,
        groupByGranted: true,
        filters: {},
      },
      counters: { anchor: { kind: 'month' }, zeroHold: 120_000 },
      // Nothing says where this user's programs keep their state.
      state: { file: undefined, isUsual: true },
      series: { maxGroups: 10_000 },
      names: { refresh: 600_000, userEmail: false, allRateLimits: false },
      budget: { monthly: undefined, monthlyByProject: [] },
      live: { enabled: false, tokenFile: undefined, labels: [], maxGroups: 10_000 },
      web: { listen: { host: undefined, port: 9_185 }, telemetryPath: '/metrics', maxRequests: 40 },
      log: { level: 'info', format: 'json' },
      demo: { speed: 1 },
    },
  });
});

test('the settings are frozen to the bottom', () => {
  const settings = settingsOf(['--poll.models=a']);
  expect(Object.isFrozen(settings)).toBe(true);
  expect(Object.isFrozen(settings.poll)).toBe(true);
  expect(Object.isFrozen(settings.poll.filters)).toBe(true);
  expect(Object.isFrozen(settings.poll.filters.models)).toBe(true);
  expect(Object.isFrozen(settings.counters.anchor)).toBe(true);
});

describe('ways to give a value', () => {
  const interval = (argv: readonly string[], env: Environment = {}) => settingsOf(argv, env).poll.interval;
  const allowed = (argv: readonly string[], env: Environment = {}) => {
    const parsed = parseSettings([...argv, '--openai.base-url=http://example.com'], { ...key, ...env });
    return 'settings' in parsed;
  };

  test.each([
    [['--poll.interval', '90s'], {}, 90_000],
    [['--poll.interval=90s'], {}, 90_000],
    [['serve', '--poll.interval=90s'], {}, 90_000],
    [['--poll.interval', '90s', 'serve'], {}, 90_000],
    [[], { OPENAI_EXPORTER_POLL_INTERVAL: '90s' }, 90_000],
    [[], { OPENAI_EXPORTER_POLL_INTERVAL: ' 90s\n' }, 90_000],
    [[], { OPENAI_EXPORTER_POLL_INTERVAL: '' }, 60_000],
    [['--poll.interval=2m'], { OPENAI_EXPORTER_POLL_INTERVAL: '90s' }, 120_000],
    [['--poll.interval=2m'], { OPENAI_EXPORTER_POLL_INTERVAL: 'wrong, but beaten' }, 120_000],
  ])('%j with %j', (argv, env, expected) => expect(interval(argv, env)).toBe(expected));

  test.each([
    [['--openai.allow-http'], {}, true],
    [['--openai.allow-http=true'], {}, true],
    [['--openai.allow-http', 'true'], {}, true],
    [['--openai.allow-http', 'false'], {}, false],
    [['--no-openai.allow-http'], {}, false],
    [[], { OPENAI_EXPORTER_OPENAI_ALLOW_HTTP: 'true' }, true],
    [[], { OPENAI_EXPORTER_OPENAI_ALLOW_HTTP: 'false' }, false],
    [[], { OPENAI_EXPORTER_OPENAI_ALLOW_HTTP: '1' }, false],
    [['--no-openai.allow-http'], { OPENAI_EXPORTER_OPENAI_ALLOW_HTTP: 'true' }, false],
  ])('the switch %j with %j', (argv, env, expected) => expect(allowed(argv, env)).toBe(expected));

  test('OPENAI_* serve where the own variable and the flag are absent', () => {
    const base = (argv: readonly string[], env: Environment) => settingsOf(argv, env).openai.baseUrl;
    const shared = { OPENAI_BASE_URL: 'https://shared.example/v1' };
    const own = { ...shared, OPENAI_EXPORTER_OPENAI_BASE_URL: 'https://own.example/v1' };
    expect(base([], shared)).toBe('https://shared.example/v1');
    expect(base([], own)).toBe('https://own.example/v1');
    expect(base(['--openai.base-url=https://flag.example'], own)).toBe('https://flag.example');
    expect(base([], { ...shared, OPENAI_EXPORTER_OPENAI_BASE_URL: '' })).toBe('https://shared.example/v1');
    expect(settingsOf([], { OPENAI_ORG_ID: 'org-1' }).openai.organization).toBe('org-1');
  });

  test('lists are trimmed, deduplicated, added up, and in the order of the catalogue', () => {
    expect(settingsOf(['--poll.models= b, a ,,b']).poll.filters).toEqual({ models: ['b', 'a'] });
    expect(settingsOf(['--poll.models=a', '--poll.models', 'b,a']).poll.filters).toEqual({ models: ['a', 'b'] });
    expect(settingsOf(['--poll.apis=costs,completions']).poll.apis).toEqual(['completions', 'costs']);
    expect(settingsOf(['--poll.group-by=model,project_id']).poll.groupBy).toEqual(['project_id', 'model']);
  });
});

test('filters have the names of the API', () => {
  const argv = ['--poll.project-ids=p', '--poll.user-ids=u', '--poll.api-key-ids=k', '--poll.models=m', '--poll.batch'];
  expect(settingsOf(argv).poll.filters).toEqual({
    project_ids: ['p'],
    user_ids: ['u'],
    api_key_ids: ['k'],
    models: ['m'],
    batch: ['true'],
  });
  expect(settingsOf(['--no-poll.batch']).poll.filters).toEqual({ batch: ['false'] });
  expect(settingsOf([], { OPENAI_EXPORTER_POLL_BATCH: 'false' }).poll.filters).toEqual({ batch: ['false'] });
});

test('an api that lacks a filter in use is not polled', () => {
  expect(polledApis(settingsOf(['--poll.batch']).poll)).toEqual(['completions', 'decisions']);
  expect(polledApis(settingsOf(['--poll.api-key-ids=k', '--poll.apis=costs,vector_stores']).poll)).toEqual(['costs']);
  expect(polledApis(settingsOf([]).poll)).toHaveLength(12);
  expect(errorsOf(['--poll.batch', '--poll.apis=costs'])).toEqual([
    expect.stringMatching(/^--poll.apis: .*\(batch\).*nothing would be polled/),
  ]);
});

test('all and none stand for every dimension and for no groups', () => {
  expect(settingsOf(['--poll.group-by=all'], { OPENAI_EXPORTER_POLL_GROUP_BY: 'model' }).poll.groupBy).toEqual(
    allDimensions,
  );
  expect(settingsOf(['--poll.group-by=none']).poll.groupBy).toEqual([]);
  expect(errorsOf(['--poll.group-by=none,model'])).toEqual([expect.stringContaining('`none` stands alone')]);
  expect(errorsOf(['--poll.apis=none'])).toEqual([expect.stringContaining('unknown api "none"')]);
});

test('a longer poll interval carries the idle interval along, unless that is given', () => {
  expect(settingsOf(['--poll.interval=20m']).poll).toMatchObject({ interval: 1_200_000, idleInterval: 1_200_000 });
  expect(errorsOf(['--poll.interval=20m', '--poll.idle-interval=10m'])).toEqual([
    '--poll.idle-interval: must be at least --poll.interval, which is 20m',
  ]);
  expect(errorsOf(['--poll.interval=x', '--poll.idle-interval=1s'])).toHaveLength(1);
});

describe('backfill', () => {
  const needed = ['backfill', '--from=2026-05-01', '--output=-'];

  test('has settings of its own besides those of serving', () => {
    const argv = [...needed, '--to=2026-05-02T13:00Z', '--labels=job=openai', '--labels', 'instance=a:1', '--resume'];
    expect(parseSettings([...argv, '--poll.models=m'], key)).toMatchObject({
      command: 'backfill',
      settings: { poll: { filters: { models: ['m'] } } },
      history: {
        from: Date.parse('2026-05-01') / 1_000,
        to: Date.parse('2026-05-02T13:00Z') / 1_000,
        width: '1h',
        output: '-',
        labels: [
          ['job', 'openai'],
          ['instance', 'a:1'],
        ],
        resume: true,
      },
    });
  });

  test.each([
    [['backfill', '--output=-'], '--from: is required'],
    [['backfill', '--from=2026-05-01'], '--output: is required'],
    [[...needed, '--to=2026-05-01'], '--to: must be later than --from'],
    [[...needed, '--to=2026-06-31'], '--to: must be a day or an instant'],
    [[...needed, '--to=tomorrow'], '--to: must be a day or an instant'],
    [
      [...needed, '--to=2026-05-02T13:30'],
      '--to: must be the start of a bucket: a full hour of UTC, because --bucket-width is 1h',
    ],
    [[...needed, '--to=2026-05-02T13:00', '--bucket-width=1d'], '--to: must be the start of a bucket: a full day'],
    [[...needed, '--bucket-width=1w'], '--bucket-width: must be 1m, 1h or 1d'],
    [[...needed, '--labels=job'], '--labels: "job" must be label=value'],
    [[...needed, '--labels=model=a'], '--labels: "model" is a label that the series have already'],
    [[...needed, '--labels=a-b=c'], '--labels: "a-b" is not a valid label name'],
    [[...needed, '--labels=a=b,a=c'], '--labels: "a" has two values'],
    [[...needed, '--poll.interval=1m'], '--poll.interval: does nothing with `backfill`'],
    [['--from=2026-05-01'], '--from: does nothing with `serve`'],
  ])('%j: %s', (argv, message) => {
    expect(errorsOf(argv)).toEqual([expect.stringContaining(message)]);
  });

  test('needs a key', () => expect(errorsOf(needed, {})).toEqual([expect.stringContaining('OPENAI_ADMIN_KEY')]));
});

describe('commands', () => {
  test.each([
    [['check'], key, 'check'],
    [['demo'], {}, 'demo'],
    [['health'], {}, 'health'],
    [['--version'], {}, 'version'],
    [['demo', '--version', '--nonsense'], {}, 'version'],
  ])('%j', (argv, env, command) => expect(parseSettings(argv, env)).toMatchObject({ command }));

  test.each([
    [['--help'], undefined],
    [['-h', '--nonsense'], undefined],
    [['health', '--help'], 'health'],
    [['--help', 'serve'], 'serve'],
    [['--help', 'nonsense'], undefined],
  ])('help by %j', (argv, about) => expect(parseSettings(argv, {})).toEqual({ command: 'help', about }));

  test('a flag that a command has no use for is refused, a variable is not', () => {
    expect(errorsOf(['serve', '--demo.speed=2'])).toEqual(['--demo.speed: does nothing with `serve`; leave it out']);
    expect(errorsOf(['demo', '--openai.base-url=https://x.example'])).toHaveLength(1);
    expect(errorsOf(['health', '--log.level=info'])).toHaveLength(1);
    const shared = { OPENAI_EXPORTER_LOG_LEVEL: 'wrong', OPENAI_EXPORTER_WEB_LISTEN_ADDRESS: '[::1]:80' };
    expect(parseSettings(['health'], shared)).toMatchObject({
      command: 'health',
      settings: { web: { listen: { host: '::1', port: 80 } } },
    });
    expect(settingsOf([], { OPENAI_EXPORTER_DEMO_SPEED: 'wrong' }).demo.speed).toBe(1);
    expect(parseSettings(['demo', '--demo.speed=1.5'], {})).toMatchObject({ settings: { demo: { speed: 1.5 } } });
  });

  test('health cannot ask port 0', () => {
    expect(errorsOf(['health', '--web.listen-address=:0'])).toEqual([
      expect.stringMatching(/^--web.listen-address: port 0/),
    ]);
  });
});

test.each([
  [['--poll.intervall=3m'], '--poll.intervall: unknown flag; did you mean --poll.interval?'],
  [['--names.nothing=1m'], '--names.nothing: unknown flag; --help lists the flags'],
  [['--tariff.monthly', '1000'], '--tariff.monthly: unknown flag; --help lists the flags'],
  [['-log.level=debug'], '-log.level: unknown flag; did you mean --log.level?'],
  [['--no-poll.interval'], '--no-poll.interval: unknown flag; did you mean --poll.interval?'],
  [['--no-poll.batch=true'], '--no-poll.batch: takes no value'],
  [['--poll.interval'], '--poll.interval: needs a value'],
  [['--poll.interval', '--poll.batch'], '--poll.interval: needs a value'],
  [['--state.file='], '--state.file: needs a value'],
  [['--state.file', ''], '--state.file: needs a value'],
  [['--log.level=info', '--log.level=info'], '--log.level: given more than once; give it once'],
  [['--poll.batch', '--no-poll.batch'], '--poll.batch: given more than once; give it once'],
  [['demoo'], 'unknown command "demoo"; did you mean demo?'],
  [['export'], 'unknown command "export"; commands are serve, check, backfill, demo, health'],
  [['check', 'completions'], 'unexpected argument "completions"; settings are flags: --flag=value'],
  [['--poll.interval=5'], '--poll.interval: must be a duration like 90s, 15m or 1h30m (units: ms, s, m, h, d)'],
  [['--poll.interval=-5m'], '--poll.interval: must be a duration like 90s, 15m or 1h30m (units: ms, s, m, h, d)'],
  [['--poll.interval', '-5m'], '--poll.interval: must be a duration like 90s, 15m or 1h30m (units: ms, s, m, h, d)'],
  [['--poll.interval=0s'], '--poll.interval: must be at least 1s'],
  [['--poll.interval=2d', '--poll.idle-interval=1d'], '--poll.interval: must be at most 1h'],
  [['--counters.zero-hold=0s'], '--counters.zero-hold: must be at least 1s'],
  [['--openai.max-requests-per-minute=0'], '--openai.max-requests-per-minute: must be a whole number from 1 to 600'],
  [['--series.max-groups=1e3'], '--series.max-groups: must be a whole number from 1 to 1000000'],
  [['demo', '--demo.speed=0'], '--demo.speed: must be a number from 1 to 3600'],
  [['--names.refresh=1s'], '--names.refresh: must be at least 1m, or 0 for never'],
  [['--log.level=verbose'], '--log.level: must be debug, info, warn or error'],
  [['--poll.models=,'], '--poll.models: names nothing: give one or more values, separated by commas'],
  [
    ['--poll.group-by=modle'],
    expect.stringMatching(/^--poll.group-by: unknown dimension "modle"; known are project_id,/),
  ],
  [['--openai.organization=a b'], expect.stringMatching(/^--openai.organization: must consist of visible ASCII/)],
])('%j is refused', (argv, expected) => expect(errorsOf(argv)).toEqual([expected]));

test.each([
  [{ OPENAI_EXPORTER_POLL_INTERVAL: '5' }, /^OPENAI_EXPORTER_POLL_INTERVAL \(--poll.interval\): must be a duration/],
  [{ OPENAI_BASE_URL: 'ftp://x' }, /^OPENAI_BASE_URL \(--openai.base-url\): must be an https address/],
  [
    { OPENAI_EXPORTER_POLL_INTERVALL: '5m' },
    /^OPENAI_EXPORTER_POLL_INTERVALL: unknown variable; did you mean OPENAI_E/,
  ],
  [{ OPENAI_EXPORTER_POLL_BATCH: 'yes' }, /^OPENAI_EXPORTER_POLL_BATCH \(--poll.batch\): must be true or false$/],
  [{ OPENAI_EXPORTER_PORT: '9185' }, /^OPENAI_EXPORTER_PORT: unknown variable/],
  [
    { OPENAI_EXPORTER_ADMIN_KEY: 'sk-x' },
    /^OPENAI_EXPORTER_ADMIN_KEY: unknown variable; the key is given by OPENAI_ADMIN/,
  ],
])('the variable %j is refused', (env, expected) => {
  expect(errorsOf([], { ...key, ...env })).toEqual([expect.stringMatching(expected)]);
});

test("Kubernetes's variables for a service called openai-exporter are no mistakes", () => {
  const links = {
    OPENAI_EXPORTER_SERVICE_HOST: '10.0.0.1',
    OPENAI_EXPORTER_SERVICE_PORT: '9185',
    OPENAI_EXPORTER_SERVICE_PORT_HTTP_METRICS: '9185',
    OPENAI_EXPORTER_PORT: 'tcp://10.0.0.1:9185',
    OPENAI_EXPORTER_PORT_9185_TCP: 'tcp://10.0.0.1:9185',
    OPENAI_EXPORTER_PORT_9185_TCP_PROTO: 'tcp',
    OPENAI_EXPORTER_PORT_9185_TCP_PORT: '9185',
    OPENAI_EXPORTER_PORT_9185_TCP_ADDR: '10.0.0.1',
    OPENAI_EXPORTER_UNKNOWN_BUT_EMPTY: '',
  };
  expect(settingsOf([], links)).toEqual(settingsOf([]));
});

test('all mistakes are told at once', () => {
  const argv = ['chek', '--poll.intervall=3m', '--log.level=loud', '--counters.anchor=13-01', '--openai.base-url=x'];
  const errors = errorsOf(argv, { OPENAI_EXPORTER_SERIES_MAX_GROUPS: 'many', OPENAI_EXPORTER_NOTHING: '1' });
  expect(errors.map((error) => error.slice(0, error.search(/[:"]/)).trim())).toEqual([
    'unknown command',
    '--poll.intervall',
    '--openai.base-url',
    '--counters.anchor',
    'OPENAI_EXPORTER_SERIES_MAX_GROUPS (--series.max-groups)',
    '--log.level',
    'OPENAI_EXPORTER_NOTHING',
  ]);
  expect(errorsOf(['--log.level=loud'], {})).toEqual([
    expect.stringMatching(/^--log.level/),
    expect.stringMatching(/^OPENAI_ADMIN_KEY: not set/),
  ]);
});

describe('a proxy that cannot be used', () => {
  const proxied = { ...key, HTTPS_PROXY: 'socks5://user:word@proxy:1080' };

  test.each([['serve'], ['check'], ['backfill', '--from=2026-05-01', '--output=-']])(
    'is a mistake of %s',
    (...argv) => {
      const errors = errorsOf(argv, proxied);
      expect(errors).toEqual([expect.stringMatching(/^HTTPS_PROXY: must be an http or https URL like /)]);
      expect(errors.join()).not.toContain('word');
    },
  );

  test('is one among others', () => {
    const errors = errorsOf(['--log.level=loud', '--openai.base-url=x'], { https_proxy: 'http://a:word%@b' });
    expect(errors.map((error) => error.split(':')[0])).toEqual([
      '--openai.base-url',
      '--log.level',
      'https_proxy',
      'OPENAI_ADMIN_KEY',
    ]);
  });

  test('is none where it is not asked, and whatever NO_PROXY says', () => {
    for (const argv of [['--openai.base-url=http://127.0.0.1:1'], ['demo'], ['health']]) {
      expect(parseSettings(argv, proxied)).not.toHaveProperty('errors');
    }
    expect(settingsOf([], { HTTPS_PROXY: 'http://proxy:3128', NO_PROXY: '%,:,[' })).toEqual(settingsOf([]));
  });
});

describe('the admin key', () => {
  const missing = (path: string): string => {
    throw Object.assign(new Error(`no ${path}`), { code: 'ENOENT' });
  };

  test.each(['serve', 'check'])('%s needs exactly one', (command) => {
    const reads: string[] = [];
    const read = (path: string) => {
      reads.push(path);
      return ' sk-file \n';
    };
    expect(errorsOf([command], {})).toEqual([expect.stringContaining('OPENAI_ADMIN_KEY: not set')]);
    expect(errorsOf([command], { OPENAI_ADMIN_KEY: ' ', OPENAI_ADMIN_KEY_FILE: '' })).toHaveLength(1);
    expect(errorsOf([command], { OPENAI_ADMIN_KEY: 'a', OPENAI_ADMIN_KEY_FILE: '/b' })).toEqual([
      'OPENAI_ADMIN_KEY: OPENAI_ADMIN_KEY_FILE is set, too; keep one of them',
    ]);
    expect(parseSettings([command], { OPENAI_ADMIN_KEY_FILE: '/run/key' }, read)).toMatchObject({
      command,
      key: { from: 'file', path: '/run/key' },
    });
    expect(reads).toEqual(['/run/key']);
    expect(errorsOf([command], { OPENAI_ADMIN_KEY: '"sk-a"' })).toEqual([
      'OPENAI_ADMIN_KEY: the variable must hold the key alone: there are quotes around it; remove them',
    ]);
    expect(
      parseSettings([command], { OPENAI_ADMIN_KEY_FILE: '/run/key' }, () => 'OPENAI_ADMIN_KEY=sk-a'),
    ).toMatchObject({
      errors: [
        'OPENAI_ADMIN_KEY_FILE: the file must hold the key alone: there is a name with an equals sign before it, as in NAME=…; remove both',
      ],
    });
    expect(parseSettings([command], { OPENAI_ADMIN_KEY: ' sk-a\n' })).toMatchObject({ key: { key: 'sk-a' } });
  });

  test('a file that cannot be read is one mistake among others', () => {
    const parsed = parseSettings(['--log.level=x'], { OPENAI_ADMIN_KEY_FILE: '/run/key' }, missing);
    expect(parsed).toEqual({
      errors: [
        expect.stringMatching(/^--log.level/),
        'OPENAI_ADMIN_KEY_FILE: /run/key cannot be read (ENOENT); give the path of a file that this user can read',
      ],
    });
    expect(errorsOf([], { OPENAI_ADMIN_KEY_FILE: import.meta.dirname })).toEqual([expect.stringContaining('EISDIR')]);
  });

  test('a file that this user may not read is told with the user, who in a container is not the one that made it', () => {
    const denied = () => {
      throw Object.assign(new Error(), { code: 'EACCES' });
    };
    expect(parseSettings([], { OPENAI_ADMIN_KEY_FILE: '/run/key' }, denied)).toEqual({
      errors: [
        expect.stringContaining(`/run/key cannot be read (EACCES: user ${process.getuid?.()} may not read it);`),
      ],
    });
  });

  test.each(['sk-admin-se cret', 'sk-admin-se\ncret', 'sk-admin-secret-é', 'sk-admin-secret-\u0000'])(
    'what cannot be a header is refused unseen: %j',
    (secret) => {
      const errors = [
        ...errorsOf([], { OPENAI_ADMIN_KEY: secret }),
        ...[parseSettings([], { OPENAI_ADMIN_KEY_FILE: '/run/key' }, () => secret)].flatMap((parsed) =>
          'errors' in parsed ? parsed.errors : [],
        ),
      ];
      expect(errors).toHaveLength(2);
      expect(errors.join()).not.toMatch(/sk-|cret/);
    },
  );

  test('a key in the wrong place is not repeated', () => {
    const secret = 'sk-admin-0123456789';
    const errors = [
      ...errorsOf([secret]),
      ...errorsOf(['check', secret]),
      ...errorsOf([`--openai.admin-key=${secret}`]),
      ...errorsOf([`--${secret}`]),
      ...errorsOf([`--poll.apis=${secret}`]),
      ...errorsOf([`--openai.base-url=https://user:${secret}@api.openai.com`]),
      ...errorsOf([], { OPENAI_ADMIN_KEY_FILE: secret }),
    ];
    expect(errors).toHaveLength(7);
    expect(errors.join()).not.toContain('0123456789');
    expect(errors[2]).toBe(
      '--openai.admin-key: a secret is never a flag; set OPENAI_ADMIN_KEY, or OPENAI_ADMIN_KEY_FILE to a file that holds it',
    );
  });

  test('demo and health need none', () => {
    expect(parseSettings(['demo'], {})).not.toHaveProperty('errors');
    expect(parseSettings(['health'], { OPENAI_ADMIN_KEY: 'a', OPENAI_ADMIN_KEY_FILE: 'b' })).not.toHaveProperty(
      'errors',
    );
  });
});

test('no command line whatever makes it throw, and each mistake is one line', () => {
  const flag = fc.constantFrom(...allFlags.map(({ name }) => `--${name}`), '--no-', '--poll', '--', '--=');
  const value = fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.constantFrom('a\nb', '\r', '\u2028', '\u202e', '-', '1h'),
  );
  const word = fc.oneof(
    value,
    flag,
    fc.constantFrom('serve', 'demo', 'backfill', 'health'),
    fc.tuple(flag, value).map(([name, text]) => `${name}=${text}`),
    fc.tuple(flag, value).map(([name, text]) => `${name}${text}`),
  );
  const variable = fc.oneof(
    fc.string(),
    flag.map((name) => `OPENAI_EXPORTER_${name.slice(2).toUpperCase().replaceAll(/[.-]/g, '_')}`),
    value.map((text) => `OPENAI_EXPORTER_${text}`),
  );
  fc.assert(
    fc.property(fc.array(word), fc.dictionary(variable, value), (argv, env) => {
      const parsed = parseSettings(argv, { ...key, ...env });
      if (!('errors' in parsed)) return;
      expect(parsed.errors.length).toBeGreaterThan(0);
      for (const error of parsed.errors) expect(error).toMatch(/^\S\P{Cc}*$/u);
    }),
    { numRuns: 200, examples: [[[], { 'OPENAI_EXPORTER_A\nB': '1' }]] },
  );
});

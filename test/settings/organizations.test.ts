/** The file of several organizations: what it may say, what is wrong with one, and what each organization gets. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { allFlags } from '../../src/settings/flags.ts';
import { type Organization, parseSettings } from '../../src/settings/settings.ts';
import { jump, shardOf } from '../../src/settings/shard.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'organizations-'));
  for (const name of ['a', 'b', 'c']) writeFileSync(join(folder, name), `sk-admin-${name}\n`);
});
afterAll(() => rmSync(folder, { recursive: true }));

function parse(text: string, argv: readonly string[] = [], env: Readonly<Record<string, string>> = {}) {
  const file = join(folder, 'organizations.yml');
  writeFileSync(file, text);
  return parseSettings([...argv, `--organizations.file=${file}`], { HOME: '/home/me', ...env });
}

function organizationsIn(...given: Parameters<typeof parse>): readonly Organization[] {
  const parsed = parse(...given);
  if ('several' in parsed) return parsed.several.organizations;
  throw new Error(JSON.stringify(parsed));
}

/** Mistakes, without the name of the file. */
function mistakesIn(...given: Parameters<typeof parse>): readonly string[] {
  const parsed = parse(...given);
  if (!('errors' in parsed)) throw new Error('there is no mistake');
  return parsed.errors.map((error) => error.replace(/^--organizations\.file: "[^"]*": /, ''));
}

const two = `
organizations:
  - {name: production, key_file: a}
  - name: europe
    key_file: b
    openai: {base_url: https://eu.api.openai.com/v1, timeout: 10s}
    poll: {interval: 2m, group_by: [project_id, model], batch: false}
    counters: {anchor: 04-01}
    names: {refresh: 0, user_email: true}
    budget: {monthly: 1000.5, monthly_project: {proj_a: 200, proj_b: 50}}
`;

describe('an organization', () => {
  test('has its own settings, and the flags for the rest', () => {
    const [production, europe] = organizationsIn(two, ['--poll.interval=5m', '--series.max-groups=7']);
    expect(production?.settings.poll).toMatchObject({ interval: 300_000, groupByGranted: true });
    expect(production?.settings.budget).toEqual({ monthly: undefined, monthlyByProject: [] });
    expect(europe?.settings).toMatchObject({
      openai: { baseUrl: 'https://eu.api.openai.com/v1', timeout: 10_000, maxRequestsPerMinute: 60 },
      poll: {
        interval: 120_000,
        groupBy: ['project_id', 'model'],
        groupByGranted: false,
        filters: { batch: ['false'] },
      },
      counters: { anchor: { kind: 'yearly', month: 4, day: 1 } },
      series: { maxGroups: 7 },
      names: { refresh: 0, userEmail: true, allRateLimits: false },
      budget: {
        monthly: '1000.5',
        monthlyByProject: [
          ['proj_a', '200'],
          ['proj_b', '50'],
        ],
      },
    });
  });

  test('has its key file beside the file of organizations, and its state file in the folder for state', () => {
    const state = '/home/me/.local/state/openai-usage-exporter';
    expect(organizationsIn(two).map(({ key, settings }) => [key, settings.state])).toEqual([
      [
        { from: 'file', path: join(folder, 'a') },
        { file: `${state}/production`, isUsual: true },
      ],
      [
        { from: 'file', path: join(folder, 'b') },
        { file: `${state}/europe`, isUsual: true },
      ],
    ]);
    const given = organizationsIn(two, ['--state.file=/data/state']);
    expect(given.map(({ settings }) => settings.state.file)).toEqual(['/data/production', '/data/europe']);
    const none = organizationsIn(two, ['--state.file=none']);
    expect(none.map(({ settings }) => settings.state.file)).toEqual([undefined, undefined]);
    const own = organizationsIn(two.replace('key_file: b', 'key_file: b\n    state: {file: kept/europe}'));
    expect(own[1]?.settings.state).toEqual({ file: join(folder, 'kept/europe'), isUsual: false });
  });

  test('has its key in a variable; without one it alone does not work', () => {
    const text = 'organizations: [{name: a, key_env: KEY_A}, {name: b, key_env: KEY_B}, {name: c, key_env: KEY_C}]';
    expect(organizationsIn(text, [], { KEY_A: 'sk-admin-a ', KEY_C: '"sk-admin-c"' }).map(({ key }) => key)).toEqual([
      { from: 'variable', key: 'sk-admin-a' },
      { from: 'nowhere', trouble: 'The variable KEY_B of key_env is not set' },
      {
        from: 'nowhere',
        trouble: 'The variable KEY_C must hold the key alone: there are quotes around it; remove them',
      },
    ]);
  });

  test('may have a key file that cannot be read now', () => {
    expect(organizationsIn('organizations: [{name: a, key_file: not-yet}]')[0]?.key).toEqual({
      from: 'file',
      path: join(folder, 'not-yet'),
    });
  });

  test('can have every flag of its sections', () => {
    const sections = ['openai', 'poll', 'counters', 'series', 'names', 'budget', 'state'];
    const own = allFlags.filter(({ name }) => sections.includes(name.split('.')[0] ?? ''));
    expect(own.length).toBeGreaterThan(20);
    for (const { name } of own) {
      const [section, key] = name.replaceAll('-', '_').split('.');
      expect(mistakesIn(`organizations: [{name: a, key_file: a, ${section}: {${key}: {x: {}}}}]`)).toEqual([
        expect.stringMatching(new RegExp(`^organizations\\[0\\]\\.${section}\\.${key}: must`)),
      ]);
    }
  });

  test('may share a key with another one that asks for something else', () => {
    const text = `organizations:
      - {name: batch, key_file: a, poll: {apis: [completions], batch: true}}
      - {name: rest, key_file: a, poll: {batch: false}}
      - {name: other, key_file: a, openai: {organization: org-2}}`;
    expect(organizationsIn(text)).toHaveLength(3);
  });
});

describe('mistakes', () => {
  test('are told all at once, with their paths and the nearest known key', () => {
    const text = `
organizations:
  - {name: production, key_file: a, poll: {intervall: 2m, interval: 1x}}
  - {name: pro/duction, key_file: b, pol: {}}
  - {name: c, openai: {timeout: 1}, budget: {monthly_project: {a: -3}}, key: sk-admin-1}
  - {key_file: a, key_env: B, poll: [], series: {max-groups: 3}}
`;
    expect(mistakesIn(text, ['--poll.idle-interval=x'])).toEqual([
      expect.stringMatching(/^--poll\.idle-interval: must be a duration/),
      expect.stringMatching(/^organizations\[0\]\.poll\.interval: must be a duration/),
      'organizations[0].poll.intervall: unknown key; did you mean interval?',
      expect.stringMatching(/^organizations\[1\]\.name: must be 1 to 63 small letters/),
      'organizations[1].pol: unknown key; did you mean poll?',
      expect.stringMatching(/^organizations\[2\]\.openai\.timeout: must be a duration/),
      expect.stringMatching(/^organizations\[2\]\.budget\.monthly_project: the amount of "a" must be/),
      'organizations[2].key: unknown key; a secret is never in this file: give key_file or key_env',
      'organizations[2]: needs key_file or key_env',
      'organizations[3].name: is required: 1 to 63 small letters, digits and hyphens',
      'organizations[3].poll: must be keys and values',
      'organizations[3].series.max-groups: unknown key; did you mean max_groups?',
      'organizations[3]: has key_file and key_env; keep one of them',
    ]);
  });

  test.each([
    ['', 'is empty: it must have the key organizations, with a list'],
    ['# nothing\n', 'is empty: it must have the key organizations, with a list'],
    ['organizations:\n', 'organizations: must be a list of organizations'],
    ['organizations: []', 'organizations: names no organization; give one or more'],
    ['organisations: []', 'organizations: must be a list of organizations'],
    ['organizations:\n  - {name: a, key_fi', 'not valid YAML: BAD_INDENT in line 2'],
    ['just text', 'must have the key organizations, with a list'],
  ])('%j', (text, mistake) => expect(mistakesIn(text)).toContain(mistake));

  test('two of one name, one state file, or one key', () => {
    const text = `organizations:
      - {name: a, key_file: a}
      - {name: a, key_file: b, state: {file: /s/one}}
      - {name: c, key_env: KEY, state: {file: /s/one}}`;
    expect(mistakesIn(text, [], { KEY: 'sk-admin-a' })).toEqual([
      'organizations[1] (a): has the name of organizations[0] (a)',
      'organizations[2] (c): has the state file of organizations[1] (a)',
      'organizations[2] (c): has the key, the organization and the filters of organizations[0] (a); every number would be counted twice',
    ]);
  });

  test('between settings are told of the organization whose they are, once', () => {
    const text = `organizations:
      - {name: a, key_file: a, poll: {interval: 5m}}
      - {name: b, key_file: b, openai: {base_url: http://proxy.example}}`;
    expect(mistakesIn(text, ['--poll.idle-interval=2m'])).toEqual([
      'organizations[0]: --poll.idle-interval: must be at least --poll.interval, which is 5m',
      'organizations[1].openai.base_url: plain http would send the admin key unprotected; use https, or accept it with --openai.allow-http',
    ]);
  });

  test('repeat no key', () => {
    const text =
      'organizations: [{name: a, key_file: sk-admin-secret, sk-admin-secret: 1, poll: {apis: sk-admin-secret}}]';
    const told = mistakesIn(text).join('\n');
    expect(told).toContain('organizations[0].key_file: must be the path of a file that holds the key');
    expect(told).not.toContain('secret');
  });

  test('a file that cannot be read', () => {
    const parsed = parseSettings([`--organizations.file=${join(folder, 'none.yml')}`], {});
    expect(parsed).toEqual({ errors: [expect.stringContaining('none.yml": cannot be read: ENOENT')] });
    const forbidden = () => {
      throw Object.assign(new Error('forbidden'), { code: 'EACCES' });
    };
    const argv = ['--organizations.file=/etc/organizations.yml', '--live', '--live.token-file=/run/token'];
    const user = `EACCES: user ${process.getuid?.()} may not read it`;
    expect(parseSettings(argv, {}, forbidden)).toEqual({
      errors: [
        expect.stringContaining(user),
        `--organizations.file: "/etc/organizations.yml": cannot be read: ${user}`,
      ],
    });
  });
});

describe('one of them', () => {
  const from = ['--from=2026-05-01', '--output=-'];

  test('is checked alone, whatever its shard', () => {
    for (const shard of [0, 1]) {
      const argv = [
        'check',
        '--organization=europe',
        `--organizations.shard=${shard}`,
        '--organizations.total-shards=2',
      ];
      expect(organizationsIn(two, argv).map(({ name }) => name)).toEqual(['europe']);
    }
  });

  test('has its history written, with its settings and its key', () => {
    const parsed = parse(two, ['backfill', '--organization=europe', ...from]);
    expect(parsed).toMatchObject({
      command: 'backfill',
      settings: { openai: { baseUrl: 'https://eu.api.openai.com/v1' } },
      key: { from: 'file', path: join(folder, 'b') },
    });
  });

  test('must be named for history, and must be in the file', () => {
    expect(mistakesIn(two, ['backfill', ...from])).toEqual([
      '--organization: is required: name the organization of the file to read',
    ]);
    expect(mistakesIn(two, ['check', '--organization=europ'])).toEqual([
      'has no organization "europ"; did you mean europe?',
    ]);
  });

  test('does not exist without a file', () => {
    expect(parseSettings(['check', '--organization=a'], { OPENAI_ADMIN_KEY: 'sk-admin-1' })).toEqual({
      errors: ['--organization: does nothing without --organizations.file'],
    });
  });
});

describe('shards', () => {
  const names = Array.from({ length: 2_000 }, (_, index) => `team-${index}`);

  test('share the names evenly, and each name has one', () => {
    for (const total of [1, 3, 10]) {
      const counts = Array.from({ length: total }, () => 0);
      for (const name of names) counts[shardOf(name, total)] = (counts[shardOf(name, total)] ?? 0) + 1;
      expect(counts.reduce((sum, count) => sum + count)).toBe(names.length);
      for (const count of counts) expect(Math.abs(count / (names.length / total) - 1)).toBeLessThan(0.25);
    }
  });

  test('keep their names when there is one more, which takes its share', () => {
    const moved = names.filter((name) => shardOf(name, 3) !== shardOf(name, 4));
    expect(moved.every((name) => shardOf(name, 4) === 3)).toBe(true);
    expect(moved.length / names.length).toBeCloseTo(1 / 4, 1);
  });

  test('are the same on every machine and in every version', () => {
    expect(['production', 'research', 'europe', 'team-7'].map((name) => shardOf(name, 3))).toEqual([2, 1, 2, 1]);
    // Values that other implementations of the hash give.
    expect([jump(1n, 1), jump(42n, 57), jump(0xdead10ccn, 666), jump(256n, 1_024)]).toEqual([0, 43, 361, 520]);
  });

  test('have together what is in the file', () => {
    const text = `organizations: [${names
      .slice(0, 30)
      .map((name) => `{name: ${name}, key_env: NO}`)
      .join(', ')}]`;
    const all = [0, 1, 2].flatMap((shard) =>
      organizationsIn(text, [`--organizations.shard=${shard}`, '--organizations.total-shards=3']).map(
        ({ name }) => name,
      ),
    );
    expect(all.sort()).toEqual(names.slice(0, 30).sort());
  });

  test('beyond the number of shards are a mistake', () => {
    expect(mistakesIn(two, ['--organizations.shard=3', '--organizations.total-shards=3'])).toEqual([
      '--organizations.shard: must be below --organizations.total-shards, which is 3: shards count from 0',
    ]);
    expect(parseSettings(['--organizations.shard=1'], { OPENAI_ADMIN_KEY: 'sk-admin-1' })).toEqual({
      errors: ['--organizations.shard: does nothing without --organizations.file'],
    });
  });
});

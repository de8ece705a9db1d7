/** Names and limits, from the API's lists to the page, through what goes wrong and what changes. */
import { afterEach, describe, expect, test } from 'vitest';
import { managementScope, simulatedKey, usageScope } from '../../src/simulation/api.ts';
import { demoProfile } from '../../src/simulation/demo-profile.ts';
import { createOrganization } from '../../src/simulation/organization.ts';
import { customProfile, type Profile } from '../../src/simulation/profile.ts';
import type {
  Directory,
  SimulatedKey,
  SimulatedProject,
  SimulatedRateLimit,
  SimulatedUser,
} from '../../src/simulation/simulated-directory.ts';
import type { Exposition, Labels } from '../helpers/exposition-parser.ts';
import { refuseDimension } from '../helpers/faults.ts';
import { type RunningExporter, runSimulated, type SimulationOptions } from '../helpers/running-exporter.ts';

const minute = 60_000;
const hour = 60 * minute;
const start = Date.UTC(2026, 4, 15, 9, 7, 3);

let running: RunningExporter | undefined;
afterEach(async () => {
  await running?.end();
  running = undefined;
});

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };
/** A directory that a test changes while the exporter runs. */
type OpenDirectory = Mutable<Directory>;

function live(
  profile: Profile,
  {
    createdAt = start / 1_000 - 40 * 86_400,
    flags = [],
    ...options
  }: Partial<SimulationOptions> & { readonly createdAt?: number } = {},
): ReturnType<typeof runSimulated> & { readonly directory: OpenDirectory } {
  const directory: OpenDirectory = { ...profile.directory };
  const organization = createOrganization({
    seed: 1,
    createdAt,
    profile: { ...profile, directory },
  });
  const refreshed = flags.includes('--names.refresh=0') ? flags : ['--names.refresh=10m', ...flags];
  const simulated = runSimulated({
    organization,
    start: new Date(start).toISOString(),
    latency: 50,
    flags: refreshed,
    ...options,
  });
  running = simulated;
  return { ...simulated, directory };
}

const small = (options: Parameters<typeof customProfile>[1] = {}) =>
  customProfile(1, { groups: 6, apis: ['completions', 'costs'], rhythm: false, activity: 0.5, ...options });
const polled = '--poll.apis=completions,costs';

function samples(page: Exposition, name: string): readonly { readonly labels: Labels; readonly value: number }[] {
  return page.families.get(name)?.samples ?? [];
}

function labelsOf(page: Exposition, name: string, by: string): Record<string, Labels> {
  return Object.fromEntries(samples(page, name).map(({ labels }) => [labels[by], labels]));
}

/** Returns what a join needs: each id on a series has exactly one info series, on the same page. */
function expectWhole(page: Exposition): void {
  const infos = { project_id: 'openai_project_info', api_key_id: 'openai_api_key_info', user_id: 'openai_user_info' };
  for (const [dimension, info] of Object.entries(infos)) {
    const named = samples(page, info).map(({ labels }) => labels[dimension]);
    expect(new Set(named).size).toBe(named.length);
    const shown = new Set<string | undefined>();
    for (const [name, family] of page.families) {
      if (!/^openai_(?!.*_info$)/.test(name)) continue;
      for (const { labels } of family.samples) if (dimension in labels) shown.add(labels[dimension]);
    }
    // Admin keys are no keys of a project, and have no usage.
    for (const { labels } of samples(page, 'openai_admin_api_key_expires_timestamp_seconds')) {
      shown.delete(labels[dimension]);
    }
    expect([...shown].filter((id) => !named.includes(id))).toEqual([]);
  }
}

describe('on the organization of the demonstration', { timeout: 120_000 }, () => {
  test('every figure is what the lists say', async () => {
    const profile = demoProfile();
    const { clock, page, self, directory } = live(profile, { flags: ['--names.user-email'] });
    await clock.advance(12 * minute);
    const now = page();
    expectWhole(now);

    const projects = labelsOf(now, 'openai_project_info', 'project_id');
    for (const { id, name, status, residency } of directory.projects) {
      const known = { project_id: id, project_name: name, status, residency: residency ?? 'none' };
      expect(projects[id]).toEqual(known);
    }
    expect(projects['proj_support']?.['residency']).toBe('eu');
    expect(samples(now, 'openai_organization_info').map(({ labels, value }) => ({ ...labels, value }))).toEqual([
      { organization_id: directory.id, organization_name: directory.name, value: 1 },
    ]);
    const keys = labelsOf(now, 'openai_api_key_info', 'api_key_id');
    const accounts = new Set(directory.serviceAccounts.map(({ id }) => id));
    for (const { id, name, projectId, ownerId, deleted } of directory.keys) {
      const known = {
        api_key_id: id,
        api_key_name: name,
        project_id: projectId,
        owner_type: accounts.has(ownerId) ? 'service_account' : 'user',
        owner_id: ownerId,
      };
      const unknown = { api_key_id: id, api_key_name: id, project_id: 'none', owner_type: 'none', owner_id: 'none' };
      expect(keys[id]).toEqual(deleted ? unknown : known);
    }
    const users = labelsOf(now, 'openai_user_info', 'user_id');
    for (const { id, name, email } of directory.users) {
      expect(users[id]).toEqual({ user_id: id, user_name: name ?? id, user_email: email ?? 'none' });
    }
    for (const { id, name } of directory.serviceAccounts) {
      expect(users[id]).toEqual({ user_id: id, user_name: name, user_email: 'none' });
    }

    const spend = (name: string) => samples(now, name).map(({ labels, value }) => ({ ...labels, value }));
    const ofOrganization = directory.spendLimits.get('');
    expect(spend('openai_organization_spend_limit_amount')).toEqual(
      ofOrganization && [
        { currency: 'usd', enforcement: ofOrganization.status, value: ofOrganization.threshold / 100 },
      ],
    );
    const byScope = <T>(all: ReadonlyMap<string, T>) => [...all].filter(([scope]) => scope !== '');
    expect(spend('openai_project_spend_limit_amount')).toEqual(
      byScope(directory.spendLimits).map(([project_id, { threshold, status }]) => ({
        currency: 'usd',
        enforcement: status,
        project_id,
        value: threshold / 100,
      })),
    );
    expect(spend('openai_organization_spend_alert_threshold_amount')).toEqual(
      directory.spendAlerts
        .get('')
        ?.map(({ id, threshold }) => ({ currency: 'usd', alert_id: id, value: threshold / 100 })),
    );
    expect(spend('openai_project_spend_alert_threshold_amount')).toEqual(
      byScope(directory.spendAlerts).flatMap(([project_id, alerts]) =>
        alerts.map(({ id, threshold }) => ({ currency: 'usd', alert_id: id, project_id, value: threshold / 100 })),
      ),
    );
    const created = start / 1_000 - 40 * 86_400 - 86_400;
    expect(spend('openai_admin_api_key_expires_timestamp_seconds')).toEqual(
      directory.adminKeys.flatMap(({ id, name, expiresAfterDays }) =>
        expiresAfterDays === null
          ? []
          : [{ api_key_id: id, api_key_name: name ?? id, value: Math.floor(created) + expiresAfterDays * 86_400 }],
      ),
    );
    const expiring = directory.keys.filter(({ expiresAfterDays }) => typeof expiresAfterDays === 'number');
    expect(expiring.length).toBeGreaterThan(1);
    expect(spend('openai_api_key_expires_timestamp_seconds')).toEqual(
      expect.arrayContaining(
        expiring.map(({ id, expiresAfterDays }) => ({
          api_key_id: id,
          value: Math.floor(created) + (expiresAfterDays ?? 0) * 86_400,
        })),
      ),
    );
    expect(spend('openai_api_key_expires_timestamp_seconds')).toHaveLength(expiring.length);
    expectRateLimits(now, profile, directory);
    for (const api of [
      'projects',
      'api_keys',
      'service_accounts',
      'users',
      'rate_limits',
      'spend_limits',
      'spend_alerts',
    ]) {
      expect(await self(`openai_up{api="${api}"}`)).toBe(1);
      expect(await self(`openai_exporter_malformed_rows_total{api="${api}"}`)).toBe(0);
      expect(await self(`openai_exporter_polls_total{api="${api}"}`)).toBeGreaterThan(0);
      expect(await self(`openai_exporter_last_success_timestamp_seconds{api="${api}"}`)).toBeGreaterThan(start / 1_000);
    }
  });

  /** Exactly the limits of the models that the project has used, to the field. */
  function expectRateLimits(page: Exposition, profile: Profile, directory: Directory): void {
    const used = new Map<string, string>();
    for (const [api, groups] of profile.usage) {
      if (['vector_stores', 'code_interpreter_sessions', 'file_search_calls'].includes(api)) continue;
      // project_id comes first, model fourth.
      for (const { labels, since = 0 } of groups) {
        if (since * 1_000 > start) continue;
        if (typeof labels[0] === 'string' && typeof labels[3] === 'string') used.set(`${labels[0]} ${labels[3]}`, '');
      }
    }
    const expected: Record<string, number> = {};
    const mapped: Record<string, string> = {};
    for (const pair of used.keys()) {
      const [project = '', model = ''] = pair.split(' ');
      const limits = directory.rateLimits.get(project) ?? [];
      const alias = model.replace(/^ft:([^:]+):.*$/, '$1').replace(/-\d{4}-\d{2}-\d{2}$/, '');
      const limit = limits.find((each) => each.model === model) ?? limits.find((each) => each.model === alias);
      if (limit === undefined) continue;
      mapped[pair] = limit.model;
      for (const [field, value] of Object.entries(limit)) {
        if (typeof value === 'number') {
          expected[`${project} ${limit.model} ${field}`] = value === 2_147_483_647 ? Number.POSITIVE_INFINITY : value;
        }
      }
    }
    const prefix = 'openai_project_rate_limit_';
    const shown = [...page.families.keys()]
      .filter((name) => name.startsWith(prefix))
      .flatMap((name) =>
        samples(page, name).map(({ labels, value }) => [
          `${labels['project_id']} ${labels['model']} ${name.slice(prefix.length)}`,
          value,
        ]),
      );
    expect(Object.fromEntries(shown)).toEqual(expected);
    expect(Object.values(expected)).toContain(Number.POSITIVE_INFINITY);
    expect(Object.values(expected)).toContain(0);
    const infos = samples(page, 'openai_project_model_limit_info').map(({ labels }) => [
      `${labels['project_id']} ${labels['model']}`,
      labels['limit_model'],
    ]);
    expect(Object.fromEntries(infos)).toEqual(mapped);
  }
});

describe('every id on the page has exactly one info series', { timeout: 30_000 }, () => {
  test('from the first page on, before any list was read, and on every page after', async () => {
    const { clock, page } = live(small({ groups: 8 }), { flags: [polled] });
    let pages = 0;
    for (let i = 0; i < 60; i++) {
      await clock.advance(i < 45 ? 2_500 : minute);
      if (page().families.size > 0) pages++;
      expectWhole(page());
    }
    expect(pages).toBeGreaterThan(50);
  });

  test('where groups are folded, through the end of a month and a rollover', async () => {
    const profile = small({ groups: 16, activity: 0.2 });
    const { clock, page } = live(profile, {
      flags: [polled, '--series.max-groups=8'],
      start: '2026-05-31T23:40:00Z',
    });
    for (let i = 0; i < 28; i++) {
      await clock.advance(5 * minute);
      expectWhole(page());
    }
    const projects = labelsOf(page(), 'openai_project_info', 'project_id');
    expect(projects['other']).toEqual({
      project_id: 'other',
      project_name: 'other',
      status: 'none',
      residency: 'none',
    });
  });

  test('with names and limits turned off: then the name is the id', async () => {
    const { clock, page, self, dispatcher } = live(small(), { flags: [polled, '--names.refresh=0'] });
    await clock.advance(10 * minute);
    expectWhole(page());
    const projects = samples(page(), 'openai_project_info');
    expect(projects.length).toBeGreaterThan(1);
    for (const { labels } of projects) {
      expect(labels).toEqual({
        project_id: labels['project_id'],
        project_name: labels['project_id'],
        status: 'none',
        residency: 'none',
      });
    }
    expect([...dispatcher.counts.keys()].sort()).toEqual(['completions', 'costs']);
    expect(await self('openai_exporter_polls_total{api="projects"}')).toBeUndefined();
  });

  test('also the projects of budgets', async () => {
    const { clock, page } = live(small(), { flags: [polled, '--budget.monthly-project=proj_unused=5'] });
    await clock.advance(minute);
    expectWhole(page());
    expect(labelsOf(page(), 'openai_project_info', 'project_id')['proj_unused']).toBeDefined();
  });

  test('when two lists disagree, and when two projects have one name', async () => {
    const { clock, page, directory } = live(small(), { flags: [polled] });
    const [first] = directory.keys;
    if (first === undefined) throw new Error('no key');
    directory.keys = [...directory.keys, { ...first, projectId: 'proj_4', name: 'elsewhere' }];
    directory.users = [...directory.users, { id: 'both', name: 'as user', email: null, role: 'reader' }];
    directory.serviceAccounts = [{ id: 'both', name: 'as service account', projectId: 'proj_1' }];
    directory.projects = directory.projects.map((project) => ({ ...project, name: 'the same' }));
    await clock.advance(30 * minute);
    expectWhole(page());
    expect(labelsOf(page(), 'openai_api_key_info', 'api_key_id')[first.id]?.['project_id']).toBe(first.projectId);
    expect(labelsOf(page(), 'openai_user_info', 'user_id')['both']?.['user_name']).toBe('as user');
    const names = samples(page(), 'openai_project_info').filter(({ labels }) => labels['project_name'] === 'the same');
    expect(names).toHaveLength(5);
  });
});

describe('what changes', { timeout: 30_000 }, () => {
  test('a renamed project, key and user have their new names after the next refresh', async () => {
    const { clock, page, directory } = live(small(), { flags: [polled] });
    await clock.advance(15 * minute);
    const rename = <T extends { readonly id: string }>(all: readonly T[]) =>
      all.map((item) => ({ ...item, name: `new ${item.id}` }));
    directory.projects = rename<SimulatedProject>(directory.projects);
    directory.keys = rename<SimulatedKey>(directory.keys);
    directory.users = rename<SimulatedUser>(directory.users);
    await clock.advance(11 * minute);
    for (const { id } of directory.projects) {
      expect(labelsOf(page(), 'openai_project_info', 'project_id')[id]?.['project_name']).toBe(`new ${id}`);
    }
    for (const { id } of directory.keys) {
      expect(labelsOf(page(), 'openai_api_key_info', 'api_key_id')[id]?.['api_key_name']).toBe(`new ${id}`);
    }
    for (const { id } of directory.users) {
      expect(labelsOf(page(), 'openai_user_info', 'user_id')[id]?.['user_name']).toBe(`new ${id}`);
    }
    expectWhole(page());
  });

  test('what is gone keeps its name while its usage is shown; an unused one goes', async () => {
    const { clock, page, directory } = live(small(), { flags: [polled] });
    directory.keys = [
      ...directory.keys,
      { id: 'key_unused', name: 'never used', projectId: 'proj_0', ownerId: 'user-0' },
    ];
    await clock.advance(15 * minute);
    expect(labelsOf(page(), 'openai_api_key_info', 'api_key_id')['key_unused']).toBeDefined();
    const [key] = directory.keys;
    directory.keys = [];
    directory.projects = directory.projects.filter(({ id }) => id !== 'proj_1');
    await clock.advance(2 * hour);
    const keys = labelsOf(page(), 'openai_api_key_info', 'api_key_id');
    expect(keys['key_unused']).toBeUndefined();
    expect(keys[key?.id ?? '']).toMatchObject({ api_key_name: key?.name, project_id: key?.projectId });
    expect(labelsOf(page(), 'openai_project_info', 'project_id')['proj_1']).toEqual({
      project_id: 'proj_1',
      project_name: 'Project 1',
      status: 'none',
      residency: 'none',
    });
    expectWhole(page());
  });

  test('an archived project is not asked any more, and its limits go', async () => {
    const { clock, page, directory, dispatcher, self } = live(small(), { flags: [polled] });
    await clock.advance(15 * minute);
    const limits = () =>
      samples(page(), 'openai_project_rate_limit_max_requests_per_1_minute').filter(
        ({ labels }) => labels['project_id'] === 'proj_0',
      ).length;
    expect(limits()).toBeGreaterThan(0);
    directory.projects = directory.projects.map((project) =>
      project.id === 'proj_0' ? { ...project, status: 'archived' } : project,
    );
    await clock.advance(11 * minute);
    expect(limits()).toBe(0);
    expect(labelsOf(page(), 'openai_project_info', 'project_id')['proj_0']?.['status']).toBe('archived');
    dispatcher.forget();
    await clock.advance(30 * minute);
    expect(dispatcher.requests.filter(({ path }) => path.includes('/projects/proj_0/'))).toEqual([]);
    expect(await self('openai_up{api="api_keys"}')).toBe(1);
    expectWhole(page());
  });

  test('limits are set, changed and taken away', async () => {
    const { clock, page, directory } = live(small(), { flags: [polled] });
    const shown = () => samples(page(), 'openai_project_spend_limit_amount').map(({ value }) => value);
    await clock.advance(15 * minute);
    expect(shown()).toEqual([]);
    directory.spendLimits = new Map([['proj_1', { threshold: 12_345, status: 'enforcing' }]]);
    await clock.advance(11 * minute);
    expect(shown()).toEqual([123.45]);
    directory.spendLimits = new Map([['proj_1', { threshold: 29, status: 'inactive' }]]);
    await clock.advance(11 * minute);
    expect(shown()).toEqual([0.29]);
    directory.spendLimits = new Map();
    await clock.advance(11 * minute);
    expect(shown()).toEqual([]);
  });
});

describe('what goes wrong', () => {
  test('a failing project fails alone, and keeps what it had', async () => {
    const faults = [
      {
        when: { path: '/organization/projects/proj_0/', from: start + 15 * minute, to: start + 75 * minute },
        fault: { kind: 'status', status: 500 },
      },
    ] as const;
    const { clock, page, self, directory, log } = live(small(), { flags: [polled], faults });
    await clock.advance(15 * minute);
    const before = page();
    directory.users = directory.users.map((user) => ({ ...user, name: `new ${user.id}` }));
    directory.keys = directory.keys.map((key) => ({ ...key, name: `new ${key.id}` }));
    await clock.advance(20 * minute);
    const keys = labelsOf(page(), 'openai_api_key_info', 'api_key_id');
    for (const { id, projectId } of directory.keys) {
      const old = labelsOf(before, 'openai_api_key_info', 'api_key_id')[id];
      expect(keys[id]?.['api_key_name']).toBe(projectId === 'proj_0' ? old?.['api_key_name'] : `new ${id}`);
    }
    const limits = (from: Exposition) => samples(from, 'openai_project_rate_limit_max_tokens_per_1_minute');
    expect(limits(page())).toEqual(limits(before));
    expect(await self('openai_up{api="api_keys"}')).toBe(0);
    expect(await self('openai_up{api="users"}')).toBe(1);
    expect(await self('openai_exporter_poll_failures_total{api="api_keys",reason="server"}')).toBeGreaterThan(0);
    const said = log.of('warn').filter((line) => line.includes('api_keys') && line.includes('proj_0'));
    expect(said).toHaveLength(1);
    await clock.advance(60 * minute);
    expect(await self('openai_up{api="api_keys"}')).toBe(1);
    for (const { id } of directory.keys) {
      expect(labelsOf(page(), 'openai_api_key_info', 'api_key_id')[id]?.['api_key_name']).toBe(`new ${id}`);
    }
    expectWhole(page());
  });

  test('without the scope of management only names and limits are off, and that is said once', async () => {
    const scopes = [usageScope];
    const { clock, page, self, log, dispatcher } = live(small(), {
      flags: [polled],
      keys: new Map([[simulatedKey, scopes]]),
    });
    await clock.advance(45 * minute);
    expectWhole(page());
    for (const api of [
      'projects',
      'users',
      'spend_limits',
      'spend_alerts',
      'admin_api_keys',
      'api_keys',
      'rate_limits',
    ]) {
      expect(await self(`openai_up{api="${api}"}`)).toBeUndefined();
    }
    expect(await self('openai_up{api="completions"}')).toBe(1);
    expect(await self('openai_up{api="costs"}')).toBe(1);
    const said = log.of('warn', 'error');
    expect(said).toHaveLength(1);
    expect(said[0]).toMatch(/names and limits are off.*api\.management\.read.*https:\/\/platform\.openai\.com/);
    expect(dispatcher.counts.get('users')).toBeLessThanOrEqual(6);

    scopes.push(managementScope);
    await clock.advance(12 * minute);
    expect(await self('openai_up{api="projects"}')).toBe(1);
    expect(await self('openai_up{api="api_keys"}')).toBe(1);
    expect(labelsOf(page(), 'openai_project_info', 'project_id')['proj_0']?.['project_name']).toBe('Project 0');

    scopes.pop();
    await clock.advance(12 * minute);
    expect(await self('openai_up{api="projects"}')).toBeUndefined();
    expect(await self('openai_up{api="api_keys"}')).toBeUndefined();
    // What is known stays.
    expect(labelsOf(page(), 'openai_project_info', 'project_id')['proj_0']?.['project_name']).toBe('Project 0');
  });

  test('a list whose cursor repeats gives what it gave; others are not held up', async () => {
    const faults = [{ when: { api: 'users' }, fault: { kind: 'repeated-cursor' } }] as const;
    const { clock, page, self, directory } = live(small(), { flags: [polled], faults });
    await clock.advance(15 * minute);
    const users = labelsOf(page(), 'openai_user_info', 'user_id');
    for (const { id, name } of directory.users) expect(users[id]?.['user_name']).toBe(name);
    expect(await self('openai_up{api="users"}')).toBe(0);
    expect(await self('openai_exporter_poll_failures_total{api="users",reason="malformed"}')).toBeGreaterThan(0);
    expect(await self('openai_up{api="api_keys"}')).toBe(1);
  });

  test.each([
    { kind: 'html' },
    { kind: 'null-data' },
    { kind: 'json', body: '[]' },
    { kind: 'cut', share: 0.5 },
    { kind: 'hang' },
  ] as const)('an answer of kind $kind to every list: usage and costs go on', { timeout: 20_000 }, async (fault) => {
    const faults = [
      { when: { path: '/organization/projects' }, fault },
      { when: { path: '/organization/users' }, fault },
    ];
    const { clock, page, self } = live(small(), { flags: [polled], faults });
    await clock.advance(15 * minute);
    expectWhole(page());
    expect(await self('openai_up{api="projects"}')).toBe(0);
    expect(await self('openai_up{api="completions"}')).toBe(1);
    expect(await self('openai_up{api="spend_limits"}')).toBe(1);
  });

  test('items that are malformed are refused alone and counted', async () => {
    const body = JSON.stringify({
      data: [
        { id: 'user-0', name: 'Ada' },
        { id: 7 },
        null,
        { id: 'user-1', name: ['x'] },
        { id: 'user-2', name: null },
      ],
      has_more: false,
    });
    const faults = [{ when: { api: 'users' }, fault: { kind: 'json', body } }] as const;
    const { clock, page, self } = live(small(), { flags: [polled], faults });
    await clock.advance(5 * minute);
    const users = labelsOf(page(), 'openai_user_info', 'user_id');
    expect(users['user-0']?.['user_name']).toBe('Ada');
    expect(users['user-2']?.['user_name']).toBe('user-2');
    expect(await self('openai_up{api="users"}')).toBe(1);
    expect(await self('openai_exporter_malformed_rows_total{api="users"}')).toBe(3);
  });

  test('names of any kind make a valid page', async () => {
    const { clock, page, directory } = live(small(), { flags: [polled] });
    const names = ['"quotes" and \\', 'line\nfeed', '🤖 模型', 'x'.repeat(10_000), 'lone \ud800 surrogate', '', null];
    directory.projects = names.map((name, i) => ({ id: `proj_${i}`, name, status: 'active' }));
    await clock.advance(15 * minute);
    const shown = labelsOf(page(), 'openai_project_info', 'project_id');
    expect(names.map((_, i) => shown[`proj_${i}`]?.['project_name'])).toEqual([
      '"quotes" and \\',
      'line\nfeed',
      '🤖 模型',
      'x'.repeat(256),
      'lone \ufffd surrogate',
      'proj_5',
      'proj_6',
    ]);
    expectWhole(page());
  });
});

describe('rate limits', () => {
  const limit = (model: string): SimulatedRateLimit => ({
    model,
    max_requests_per_1_minute: 5,
    max_tokens_per_1_minute: 7,
  });

  test('of models that nobody uses are shown on request alone', async () => {
    for (const all of [false, true]) {
      const { clock, page, directory, end } = live(small(), {
        flags: [polled, ...(all ? ['--names.all-rate-limits'] : [])],
      });
      directory.projects = [...directory.projects, { id: 'proj_idle', name: 'Idle', status: 'active' }];
      directory.rateLimits = new Map([...directory.rateLimits, ['proj_idle', [limit('unused')]]]);
      await clock.advance(15 * minute);
      const idle = samples(page(), 'openai_project_rate_limit_max_requests_per_1_minute').filter(
        ({ labels }) => labels['project_id'] === 'proj_idle',
      );
      expect(idle.map(({ value }) => value)).toEqual(all ? [5] : []);
      await end();
      running = undefined;
    }
  });

  test.each([
    ['model', 'every limit of the projects with usage'],
    ['project_id', 'the limits that any project has for the models with usage'],
  ])('are shown where OpenAI does not tell usage by %s: %s', async (dimension) => {
    const begun = Date.UTC(2026, 4, 15, 23, 25, 3);
    const faults = [refuseDimension('completions', dimension, { says: 'nothing', to: begun + 30 * minute })];
    const flags = ['--poll.apis=completions', '--poll.group-by=user_id'];
    const profile = small();
    const used = new Set(profile.usage.get('completions')?.map(({ labels: [project] }) => project));
    const run = live(profile, { start: new Date(begun).toISOString(), flags, faults });
    const { clock, page, self, directory, log, dispatcher } = run;
    const [busy = ''] = [...directory.rateLimits.values()].flat().map(({ model }) => model);
    directory.projects = [...directory.projects, { id: 'proj_idle', name: 'Idle', status: 'active' }];
    directory.rateLimits = new Map([...directory.rateLimits, ['proj_idle', [limit('unused'), limit(busy)]]]);
    await clock.advance(20 * minute);
    const family = 'openai_project_rate_limit_max_requests_per_1_minute';
    const shown = () => samples(page(), family).map(({ labels }) => [labels['project_id'], labels['model']]);
    const before = shown();
    expect(used.size).toBeGreaterThan(1);
    if (dimension === 'model') {
      for (const [project, limits] of directory.rateLimits) {
        const models = before.filter(([each]) => each === project).map(([, model]) => model);
        expect(models.sort()).toEqual(used.has(project) ? limits.map(({ model }) => model).sort() : []);
      }
    } else {
      expect(before).toContainEqual(['proj_idle', busy]);
      expect(before).not.toContainEqual(['proj_idle', 'unused']);
    }
    expect(await self('openai_up{api="rate_limits"}')).toBe(1);
    expect(log.of('warn')).toEqual([
      expect.stringMatching(new RegExp(`^completions: OpenAI does not grant grouping by ${dimension}, .*rate limit`)),
    ]);
    // Granted again: it is asked for again the next day.
    expect(samples(page(), 'openai_project_model_limit_info')).toEqual([]);
    await clock.advance(95 * minute);
    expect(samples(page(), 'openai_project_model_limit_info').length).toBeGreaterThan(3);
    const asked = dispatcher.requests.filter(({ query }) => query.getAll('group_by[]').includes(dimension));
    expect(asked.length).toBeLessThan(15);
  });

  test('of a model that comes into use are there within an hour', async () => {
    const { clock, page } = live(small(), { flags: [polled], createdAt: start / 1_000 + 5 * 60 });
    await clock.advance(5 * minute);
    expect(samples(page(), 'openai_project_model_limit_info')).toEqual([]);
    // Usage is up to a quarter of an hour late.
    await clock.advance(80 * minute);
    expect(samples(page(), 'openai_project_model_limit_info').length).toBeGreaterThan(3);
  });
});

test('names and limits take at most 20 requests in any minute, and no poll is late for them', {
  timeout: 30_000,
}, async () => {
  const profile = small({ projects: 60, groups: 60 });
  const { clock, dispatcher, page } = live(profile, { flags: [polled] });
  await clock.advance(25 * minute);
  expectWhole(page());
  const isPoll = (api = '', query: URLSearchParams) =>
    api === 'costs' || (api === 'completions' && query.getAll('group_by[]').length > 2);
  const names = dispatcher.requests.filter(({ api, query }) => !isPoll(api, query)).map(({ receivedAt }) => receivedAt);
  for (const [index, at] of names.entries()) {
    expect(names.slice(index).filter((other) => other < at + minute).length).toBeLessThanOrEqual(20);
  }
  expect(names.length).toBeGreaterThan(300);
  const minutes = dispatcher.requests.filter(
    ({ api, query, receivedAt }) =>
      api === 'completions' && query.get('bucket_width') === '1m' && receivedAt > start + 5 * minute,
  );
  expect(minutes.length).toBeGreaterThanOrEqual(20);
  for (const { receivedAt } of minutes) expect(receivedAt % minute).toBeLessThan(1_000);
});

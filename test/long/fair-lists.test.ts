/** Names and limits of an organization with far more projects and users than the request budget can go round. */
import { afterEach, expect, test } from 'vitest';
import { listApis } from '../../src/openai/catalogue.ts';
import { createOrganization } from '../../src/simulation/organization.ts';
import { customProfile } from '../../src/simulation/profile.ts';
import type { Exposition } from '../helpers/exposition-parser.ts';
import { type RunningExporter, runSimulated, type SimulationOptions } from '../helpers/running-exporter.ts';

const minute = 60_000;
const start = Date.UTC(2026, 4, 15, 9, 7, 3);

let running: RunningExporter | undefined;
afterEach(async () => {
  await running?.end();
  running = undefined;
});

/** The projects with usage are the last of the list, and its users are the last of theirs. */
function huge({
  projects = 8_000,
  users = 13_000,
  used = 40,
  ...options
}: Partial<SimulationOptions> & { readonly projects?: number; readonly users?: number; readonly used?: number } = {}) {
  const profile = customProfile(1, { groups: { completions: 4 * used, costs: used }, projects: used, rhythm: false });
  const { directory } = profile;
  const organization = createOrganization({
    seed: 1,
    createdAt: start / 1_000 - 40 * 86_400,
    profile: {
      ...profile,
      directory: {
        ...directory,
        projects: [
          ...Array.from({ length: Math.max(0, projects - used) }, (_, i) => ({
            id: `proj_idle_${i}`,
            name: `Idle ${i}`,
            status: 'active' as const,
          })),
          ...directory.projects,
        ],
        users: [
          ...Array.from({ length: users - directory.users.length }, (_, i) => ({
            id: `user-idle-${i}`,
            name: `Idle ${i}`,
            email: null,
            role: 'reader' as const,
          })),
          ...directory.users,
        ],
        spendLimits: new Map(
          directory.projects.map(({ id }) => [id, { threshold: 5_000, status: 'inactive' as const }]),
        ),
        spendAlerts: new Map(directory.projects.map(({ id }) => [id, [{ id: `alert_${id}`, threshold: 4_000 }]])),
      },
    },
  });
  const simulated = runSimulated({
    organization,
    start: new Date(start).toISOString(),
    latency: 300,
    flags: ['--names.refresh=10m'],
    ...options,
  });
  running = simulated;
  return { ...simulated, directory };
}

const idsOf = (page: Exposition, name: string, label: string) =>
  new Set((page.families.get(name)?.samples ?? []).map(({ labels }) => labels[label]));

function namesOf(page: Exposition, kind: string): ReadonlyMap<string | undefined, string | undefined> {
  const samples = page.families.get(`openai_${kind}_info`)?.samples ?? [];
  return new Map(samples.map(({ labels }) => [labels[`${kind}_id`], labels[`${kind}_name`]]));
}

test('8,000 projects, 13,000 users: keys and limits of projects with usage are there within 20 minutes', {
  timeout: 120_000,
}, async () => {
  const { clock, page, dispatcher, directory } = huge();
  await clock.advance(20 * minute);
  const now = page();
  const keys = namesOf(now, 'api_key');
  for (const { id, name } of directory.keys) expect(keys.get(id)).toBe(name);
  for (const family of [
    'openai_project_rate_limit_max_requests_per_1_minute',
    'openai_project_spend_limit_amount',
    'openai_project_spend_alert_threshold_amount',
  ]) {
    expect(idsOf(now, family, 'project_id').size).toBe(40);
  }
  const asked = dispatcher.requests.filter(({ api = '' }) => listApis.some((list) => list === api));
  const pages = asked.map(({ path, query }) => `${path} ${query.get('after')}`);
  expect(new Set(pages).size).toBe(pages.length);
  // The long list and the other projects have had their share meanwhile.
  expect(dispatcher.counts.get('users')).toBeGreaterThan(10);
  expect(pages.filter((each) => each.includes('/proj_idle_')).length).toBeGreaterThan(5);
});

test('a list of many pages goes on where it failed, and its first pages are not read again', {
  timeout: 30_000,
}, async () => {
  const from = start + 4 * minute;
  const { clock, page, dispatcher, log, self } = huge({
    projects: 4,
    users: 3_000,
    used: 4,
    faults: [{ when: { api: 'users', from, to: from + 5 * minute }, fault: { kind: 'status', status: 500 } }],
  });
  await clock.advance(4 * minute);
  const before = dispatcher.counts.get('users') ?? 0;
  expect(before).toBeGreaterThan(2);
  expect(before).toBeLessThan(30);
  await clock.advance(5 * minute);
  expect(await self('openai_up{api="users"}')).toBe(0);
  // What came before the failure stands.
  expect(namesOf(page(), 'user').get('user-idle-0')).toBe('Idle 0');
  await clock.advance(7 * minute);
  expect(await self('openai_up{api="users"}')).toBe(1);
  expect(namesOf(page(), 'user').size).toBe(3_000 + 1);
  expect(log.of('warn').filter((line) => line.startsWith('users: '))).toHaveLength(1);
  const answered = dispatcher.requests.filter(
    ({ api, receivedAt }) => api === 'users' && !(receivedAt >= from && receivedAt < from + 5 * minute),
  );
  const pages = answered.map(({ query }) => query.get('after'));
  expect(new Set(pages.slice(0, 30)).size).toBe(30);
});

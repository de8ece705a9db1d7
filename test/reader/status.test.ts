/** Tests what the status page and /api/status are told of failures: facts and what to do, once each; and of the lists. */
import { afterEach, expect, test } from 'vitest';
import { statusOf } from '../../src/reader/make-status.ts';
import { managementScope, simulatedKey, usageScope } from '../../src/simulation/api.ts';
import { createOrganization } from '../../src/simulation/organization.ts';
import type { Status } from '../../src/status.ts';
import type { FaultRule } from '../helpers/faults.ts';
import { type RunningExporter, runSimulated, type SimulationOptions } from '../helpers/running-exporter.ts';

let running: RunningExporter | undefined;
afterEach(async () => {
  await running?.end();
  running = undefined;
});

const start = '2026-05-15T09:07:03Z';
const organization = createOrganization({
  seed: 1,
  createdAt: Date.parse('2026-05-10T00:00:00Z') / 1_000,
  profile: { groups: 4, apis: ['completions', 'costs'], activity: 0.5 },
});

function run(options: Partial<SimulationOptions> = {}): () => Status {
  const flags = ['--poll.apis=completions,costs', ...(options.flags ?? ['--names.refresh=10m'])];
  const simulated = runSimulated({ organization, start, ...options, flags });
  const { clock, exporter } = simulated;
  running = simulated;
  const about = { version: '0', revision: '0', simulated: true, startedAt: Date.parse(start) };
  return () => statusOf({ ...about, exporter, now: clock.now() });
}

const listsOf = ({ lists }: Status) => Object.fromEntries(lists.map(({ api, ...list }) => [api, list]));

test('a failure is told with what happened and what to do, once each', async () => {
  const when = { api: 'completions' };
  const faults: readonly FaultRule[] = [{ when, fault: { kind: 'status', status: 403 } }];
  const status = run({ faults });
  await running?.minutes(3);
  const { apis } = await status();
  const [completions, costs] = apis;
  expect(completions).toMatchObject({ api: 'completions', up: false, reason: 'permission' });
  expect(completions?.message).toMatch(/^GET \/organization\/usage\/completions, status 403, .*\.$/);
  expect(completions?.message).not.toContain('admin-keys');
  expect(completions?.whatToDo).toMatch(/^Give the key the scope api\.usage\.read, or .*admin-keys\.$/);
  expect(costs).toMatchObject({ up: true, reason: null, message: null, whatToDo: null });
});

test('rows that are refused are not blamed on the address', async () => {
  const when = { api: 'completions' };
  const status = run({ faults: [{ when, fault: { kind: 'wrong-types', where: 'rows' } }] });
  await running?.minutes(3);
  const [completions] = (await status()).apis;
  expect(completions?.message).toMatch(
    /^GET \/organization\/usage\/completions: \d+ rows? contains? impossible values/,
  );
  expect(completions?.whatToDo).toMatch(/^Some rows were refused: report it if it stays\.$/);
});

test('lists are told of: not asked yet, read, failing', async () => {
  const users = { api: 'users', from: Date.parse(start) + 8 * 60_000 };
  const status = run({ faults: [{ when: users, fault: { kind: 'status', status: 400 } }] });
  const unknown = { up: null, lastSuccess: null, reason: null, message: null, whatToDo: null, leftOut: null };
  expect(listsOf(await status())).toEqual(Object.fromEntries((await status()).lists.map(({ api }) => [api, unknown])));
  expect(Object.keys(listsOf(await status()))).toHaveLength(8);
  await running?.minutes(7);
  const read = { up: true, lastSuccess: expect.stringMatching(/^2026-05-15T09:/), reason: null, message: null };
  expect(listsOf(await status())).toMatchObject({ projects: read, users: read, api_keys: read, rate_limits: read });
  await running?.minutes(14);
  expect(listsOf(await status())).toMatchObject({
    projects: read,
    users: {
      up: false,
      lastSuccess: read.lastSuccess,
      reason: 'rejected',
      message: expect.stringMatching(/^GET \/organization\/users, status 400, /),
      whatToDo: expect.stringContaining('report it'),
    },
  });
});

test('lists that the key may not read say which scope it lacks, those of projects too, until it has it', async () => {
  const scopes = [usageScope];
  const status = run({ keys: new Map([[simulatedKey, scopes]]) });
  await running?.minutes(5);
  for (const list of (await status()).lists) {
    expect(list).toMatchObject({ up: null, lastSuccess: null, reason: 'permission' });
    expect(list.whatToDo).toMatch(/^Give the key the scope api\.management\.read, or .*admin-keys\.$/);
  }
  scopes.push(managementScope);
  await running?.minutes(20);
  for (const list of (await status()).lists) expect(list).toMatchObject({ up: true, reason: null, whatToDo: null });
  scopes.pop();
  await running?.minutes(12);
  const lists = listsOf(await status());
  const gone = { up: null, reason: 'permission', lastSuccess: expect.any(String) };
  expect(lists).toMatchObject({ projects: gone, users: gone, api_keys: gone, rate_limits: gone });
});

test('no list is told of where none is read', async () => {
  const status = run({ flags: ['--names.refresh=0'] });
  await running?.minutes(2);
  expect((await status()).lists).toEqual([]);
});

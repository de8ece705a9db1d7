import { expect, test } from 'vitest';
import { createBudget } from '../../src/openai/budget.ts';
import { createClient } from '../../src/openai/client.ts';
import { fixedKey } from '../../src/openai/key.ts';
import { simulatedKey } from '../../src/simulation/api.ts';
import { SimulatedDispatcher } from '../../src/simulation/dispatcher.ts';
import { createOrganization } from '../../src/simulation/organization.ts';
import { createVirtualClock } from '../../src/simulation/virtual-clock.ts';

const start = Date.UTC(2026, 4, 15, 12);

test.each([
  [1, 1],
  [3, 3],
  [undefined, 10],
])('with %j attempts allowed, %d are made or more, however much time is left', async (attempts, made) => {
  const clock = createVirtualClock({ start });
  const dispatcher = new SimulatedDispatcher({
    organization: createOrganization({ seed: 1, createdAt: start / 1_000 }),
    clock,
    faults: [{ fault: { kind: 'status', status: 500 } }],
  });
  const client = createClient({
    baseUrl: new URL('http://simulated/v1'),
    key: fixedKey(simulatedKey),
    dispatcher,
    budget: createBudget({ clock, maxPerMinute: 60 }),
    clock,
    random: () => 0.5,
    timeoutMs: 30_000,
    userAgent: 'test',
    observer: { attempt: () => {}, retry: () => {} },
  });
  const request = {
    api: 'users',
    path: '/organization/users',
    query: [],
    priority: 'names',
    deadline: clock.monotonic() + 600_000,
    ...(attempts === undefined ? {} : { attempts }),
  } as const;
  const answer = client.get(request, () => 1);
  await expect(clock.settle(answer)).rejects.toMatchObject({ reason: 'server', status: 500 });
  if (attempts === undefined) expect(dispatcher.requests.length).toBeGreaterThanOrEqual(made);
  else expect(dispatcher.requests).toHaveLength(made);
});

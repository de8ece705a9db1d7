import { expect, test } from 'vitest';
import { createOrganization } from '../../src/simulation/organization.ts';
import { simulatedClient } from '../helpers/simulated-client.ts';
import { SimulatedDispatcher } from '../helpers/simulated-dispatcher.ts';
import { createVirtualClock } from '../helpers/virtual-clock.ts';

const start = Date.UTC(2026, 4, 15, 12);

test.each([
  [1, 1],
  [3, 3],
  // Three at once, and two a minute as long as nothing is answered.
  [undefined, 22],
])('with %j attempts allowed, %d are made in ten minutes', async (attempts, made) => {
  const clock = createVirtualClock({ start });
  const dispatcher = new SimulatedDispatcher({
    organization: createOrganization({ seed: 1, createdAt: start / 1_000 }),
    clock,
    faults: [{ fault: { kind: 'status', status: 500 } }],
  });
  const client = simulatedClient({ dispatcher, clock });
  const request = {
    api: 'users',
    path: '/organization/users',
    query: [],
    priority: 'poll',
    deadline: clock.monotonic() + 600_000,
    ...(attempts === undefined ? {} : { attempts }),
  } as const;
  const answer = client.get(request, () => 1);
  await expect(clock.settle(answer)).rejects.toMatchObject({ reason: 'server', status: 500 });
  expect(dispatcher.requests).toHaveLength(made);
});

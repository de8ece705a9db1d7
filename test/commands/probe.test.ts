import { expect, test } from 'vitest';
import { probeApi } from '../../src/commands/probe.ts';
import { type Api, allDimensions } from '../../src/openai/catalogue.ts';
import { createOrganization } from '../../src/simulation/organization.ts';
import { refuseDimension } from '../helpers/faults.ts';
import { simulatedClient } from '../helpers/simulated-client.ts';
import { SimulatedDispatcher } from '../helpers/simulated-dispatcher.ts';
import { createVirtualClock } from '../helpers/virtual-clock.ts';

async function probe(api: Api, groupByGranted: boolean) {
  const clock = createVirtualClock({ start: Date.parse('2026-11-20T09:27:03Z') });
  const dispatcher = new SimulatedDispatcher({
    organization: createOrganization({ seed: 7, createdAt: Date.parse('2026-11-18T00:00Z') / 1_000 }),
    clock,
    faults: [refuseDimension('costs', 'api_key_id', { says: 'nothing' })],
  });
  const client = simulatedClient({ dispatcher, clock });
  return await probeApi({ client, clock, groupBy: allDimensions, groupByGranted, filters: {} }, api);
}

test('what is granted is ok', async () => {
  expect(await probe('completions', true)).toEqual({ ok: true });
});

test('a dimension that is not granted is reported, and is no failure', async () => {
  expect(await probe('costs', true)).toEqual({
    ok: true,
    note: 'OpenAI does not grant grouping by api_key_id: its numbers come without that label.',
  });
});

test('one that the user named is a failure, and the flag that works is named', async () => {
  const works = allDimensions.filter((name) => name !== 'api_key_id').join(',');
  expect(await probe('costs', false)).toMatchObject({
    ok: false,
    reason: 'rejected',
    whatToDo: expect.stringContaining(`use --poll.group-by=${works}, or --poll.group-by=all`),
  });
});

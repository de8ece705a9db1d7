/** The simulated organization in a thread of its own, so that the heap of the other is that of the exporter. */
import { setTimeout as wait } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import type { Clock } from '../../src/clock.ts';
import { createOrganization } from '../../src/simulation/organization.ts';
import { startFaultyServer } from '../helpers/faulty-server.ts';
import { faultsOf, organizationOf, type Plan } from './plan.ts';
import { sharedTime } from './shared-time.ts';

const { buffer, plan }: { readonly buffer: SharedArrayBuffer; readonly plan: Plan } = workerData;
const time = sharedTime(buffer);

const clock: Clock = {
  now: time.now,
  monotonic: time.now,
  async sleep(ms, signal) {
    const until = time.now() + ms;
    const place = time.wait(until);
    try {
      while (time.now() < until) await wait(1, undefined, signal === undefined ? {} : { signal });
    } finally {
      place.release();
    }
  },
};
const organization = createOrganization(organizationOf(plan));
const { url } = await startFaultyServer({ organization, clock, faults: faultsOf(plan) });
parentPort?.postMessage(url);

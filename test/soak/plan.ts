/** Tests what goes wrong in the days of a soak, and to whom. */

import type { OrganizationOptions } from '../../src/simulation/organization.ts';
import type { Fault, FaultRule } from '../helpers/faults.ts';

export interface Plan {
  readonly days: number;
  readonly seed: number;
  /** UTC milliseconds. */
  readonly start: number;
}

export const day = 86_400_000;
export const apis = ['completions', 'embeddings', 'images'];

/** Three days old at the start, and exact but for its delays. */
export function organizationOf({ seed, start }: Plan): OrganizationOptions {
  return {
    seed,
    createdAt: Math.floor(start / day - 3) * (day / 1_000),
    profile: { groups: 12, apis, activity: 0.5, restatedUp: 0, restatedDown: 0, restatedMove: 0 },
  };
}

/** The last hours are quiet, so that all that was missed has been read at the end. */
const quiet = 26 * 3_600_000;

/** Each hits this share of the requests. */
const atRandom: readonly (readonly [number, Fault])[] = [
  [0.02, { kind: 'status', status: 500 }],
  [0.01, { kind: 'status', status: 503, headers: { 'content-type': 'text/html' }, body: '<html></html>' }],
  [0.01, { kind: 'status', status: 429, headers: { 'retry-after': '7' } }],
  [0.005, { kind: 'status', status: 429 }],
  [0.005, { kind: 'status', status: 401 }],
  [0.005, { kind: 'status', status: 403 }],
  [0.005, { kind: 'status', status: 404 }],
  [0.005, { kind: 'status', status: 408 }],
  [0.005, { kind: 'status', status: 409 }],
  [0.01, { kind: 'reset' }],
  [0.01, { kind: 'cut', share: 0.4 }],
  [0.01, { kind: 'html' }],
  [0.005, { kind: 'json', body: '{"data":{}}' }],
  [0.005, { kind: 'null-data' }],
  [0.01, { kind: 'wrong-types', where: 'rows' }],
  [0.005, { kind: 'wrong-types', where: 'times' }],
  [0.005, { kind: 'wrong-types', where: 'results' }],
  [0.005, { kind: 'more-without-cursor' }],
  [0.005, { kind: 'repeated-cursor' }],
  [0.005, { kind: 'endless-cursor' }],
  [0.005, { kind: 'past-the-end' }],
  [0.01, { kind: 'delay', ms: 5_000 }],
  // Longer than an attempt may take.
  [0.005, { kind: 'delay', ms: 45_000 }],
];

export function faultsOf({ days, seed, start }: Plan): readonly FaultRule[] {
  const to = start + days * day - quiet;
  // Two hours of each day nothing works, in one way or another, and one api fails for half a day.
  const outages: Fault[] = [{ kind: 'status', status: 503 }, { kind: 'reset' }, { kind: 'html' }];
  const rules: FaultRule[] = [];
  for (let each = 0; each < days; each++) {
    const from = start + each * day + (3 + ((each * 5) % 12)) * 3_600_000;
    const fault = outages[each % outages.length] ?? { kind: 'reset' };
    if (from + 2 * 3_600_000 < to) rules.push({ when: { from, to: from + 2 * 3_600_000 }, fault });
  }
  const half = { api: 'embeddings', from: start + day / 4, to: Math.min(to, start + (3 * day) / 4) };
  rules.push({ when: half, fault: { kind: 'status', status: 500 } });
  for (const [index, [chance, fault]] of atRandom.entries()) {
    rules.push({ when: { to, chance, seed: seed + index }, fault });
  }
  return rules;
}

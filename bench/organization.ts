/** A process that is a simulated API. Argument: an `OrganizationSize` as JSON. Sends its URL, then `Served` when asked. */
import { subscribe } from 'node:diagnostics_channel';
import { systemClock } from '../src/clock.ts';
import { createOrganization } from '../src/simulation/organization.ts';
import { customProfile, type Profile } from '../src/simulation/profile.ts';
import { startServer } from '../src/simulation/simulated-server.ts';
import type { Served } from './messages.ts';

export interface OrganizationSize {
  readonly groups: number;
  /** Fields of completions that have usage: ten, as text with some audio has; all seventeen; or others in each group. */
  readonly fields: 'ten' | 'all' | 'mixed';
  readonly historyDays: number;
  /** True for the organization of the demonstration, instead of the above. */
  readonly demo?: boolean;
}

/** Leaves after the requests: text, audio, image, cached text, audio, image, cache write (30 minutes); text, audio, image out; cache write (12 hours). */
const tenFields = [300, 0, 0, 120, 0, 0, 40, 90, 15, 0];
const allFields = [300, 20, 10, 120, 8, 6, 40, 90, 15, 12, 10];

/** Many groups in completions and nothing else, a tenth of them active in a minute. */
function largeProfile(groups: number): Profile {
  return customProfile(1, {
    groups: { completions: groups },
    apis: ['completions'],
    projects: 50,
    models: 20,
    activity: 0.1,
    rhythm: false,
  });
}

function profileOf({ groups, fields, demo = false }: OrganizationSize): Profile | 'demo' {
  if (demo) return 'demo';
  const profile = largeProfile(groups);
  if (fields === 'mixed') return profile;
  const usage = [...profile.usage].map(([api, list]) => {
    const perRequest = fields === 'ten' ? tenFields : allFields;
    return [api, list.map((group) => ({ ...group, perRequest }))] as const;
  });
  return { ...profile, usage: new Map(usage) };
}

const size: OrganizationSize = JSON.parse(process.argv[2] ?? '{}');
const today = Math.floor(systemClock.now() / 86_400_000) * 86_400;
const organization = createOrganization({
  seed: 1,
  createdAt: today - size.historyDays * 86_400,
  profile: profileOf(size),
});
const answers: number[] = [];
subscribe('http.server.response.finish', () => answers.push(systemClock.now()));
const server = await startServer({ organization, clock: systemClock });
process.on('message', () => process.send?.({ answers } satisfies Served));
process.send?.({ url: server.url });

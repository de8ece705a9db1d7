/**
 * A level of a simulated organization (bytes stored): a bucket shows the newest value known in it, and so does every
 * wider bucket around it. It moves every ten minutes and is never restated.
 */
import { type Endpoint, widthSeconds } from '../openai/catalogue.ts';
import type { UsageGroup } from './profile.ts';
import { mix, textHash, unit } from './random.ts';
import type { UsageSource } from './usage.ts';

const hourSeconds = widthSeconds['1h'];

/** The time from a minute's end until its level is known, in seconds. */
const levelDelay = 360;

/** The level of one api. `createdAt` in seconds: there is none before. */
export function createLevel(
  seed: number,
  endpoint: Endpoint,
  groups: readonly UsageGroup[],
  createdAt: number,
): UsageSource {
  const base = mix(seed, textHash(endpoint.api));
  const levelAt = (group: number, second: number): number => {
    const [start = 0, growth = 0] = groups[group]?.perRequest ?? [];
    const step = Math.floor(second / 600);
    const wave = (unit(mix(base, group), step) - 0.5) * growth;
    return Math.max(0, Math.floor(start + (growth * (second - createdAt)) / hourSeconds + wave));
  };
  return {
    groups,
    fieldCount: 1,
    at({ from, to, at, rowOf, rows }) {
      const values = new Float64Array(rows);
      const known = Math.floor((at / 1_000 - 60 - levelDelay) / 60) * 60;
      const last = Math.min(Math.ceil(to / 60) * 60 - 60, known);
      const whole = last >= Math.ceil(to / 60) * 60 - 60;
      const from60 = Math.ceil(Math.max(from, createdAt) / 60) * 60;
      if (last >= from60) {
        for (let group = 0; group < groups.length; group += 1) {
          const row = rowOf[group] ?? -1;
          if (row >= 0) values[row] = (values[row] ?? 0) + levelAt(group, last);
        }
      }
      const shownAt = (second: number) => (second + 60 + levelDelay) * 1_000;
      return {
        values,
        written: new Uint32Array(rows),
        since: last >= from60 ? shownAt(last) : -Infinity,
        until: whole ? Infinity : shownAt(Math.max(last + 60, from60)),
      };
    },
  };
}

/** Whether what a state file holds is of the same series: it is if whatever decides about them is the same. */
import type { Settings } from '../settings/settings.ts';
import { fingerprintOf } from './codec.ts';

/** @param simulated whether it is the demonstration that counts: its organization is another than any key's */
export function seriesFingerprint(
  { openai, poll, counters, series }: Pick<Settings, 'openai' | 'poll' | 'counters' | 'series'>,
  simulated: boolean,
): string {
  return fingerprintOf({
    baseUrl: openai.baseUrl,
    organization: openai.organization ?? null,
    groupBy: poll.groupBy,
    filters: poll.filters,
    anchor: counters.anchor,
    maxGroups: series.maxGroups,
    ...(simulated ? { simulated } : {}),
  });
}

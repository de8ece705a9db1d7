/** Tells which states are of the same series: those of settings that are the same in whatever decides about series. */
import { endpoints } from '../openai/catalogue.ts';
import type { Settings } from '../settings/settings.ts';
import { fingerprintOf, type State } from './codec.ts';

type Deciding = Pick<Settings, 'openai' | 'poll' | 'counters' | 'series'>;

/** @param simulated whether it is the demonstration that counts: its organization is another than any key's */
export function seriesFingerprint({ openai, poll, counters, series }: Deciding, simulated: boolean): string {
  return fingerprintOf({
    baseUrl: openai.baseUrl,
    organization: openai.organization ?? null,
    groupBy: poll.groupBy,
    // In an order of their own, so that the order in which they were given changes nothing.
    filters: Object.fromEntries(Object.entries(poll.filters).map(([name, values]) => [name, [...values].sort()])),
    anchor: counters.anchor,
    maxGroups: series.maxGroups,
    ...(simulated ? { simulated } : {}),
  });
}

/** The dimensions that version 0.1 knew, in its order: `all` meant these. */
const formerDimensions: readonly string[] = [
  'project_id',
  'user_id',
  'api_key_id',
  'model',
  'batch',
  'service_tier',
  'size',
  'source',
  'vector_store_id',
  'context_level',
  'line_item',
];

/** Returns how version 0.1 identified the same settings, and what of its state is of series that there still are. */
export function formerFingerprint(
  { openai, poll, counters, series }: Deciding,
  simulated: boolean,
): { readonly fingerprint: string; adopt(state: State): State } {
  const added = poll.groupBy.filter((name) => !formerDimensions.includes(name));
  const changed = new Set<string>(
    endpoints.filter(({ dimensions }) => dimensions.some((name) => added.includes(name))).map(({ api }) => api),
  );
  return {
    fingerprint: fingerprintOf({
      baseUrl: openai.baseUrl,
      organization: openai.organization ?? null,
      groupBy: formerDimensions.filter((name) => poll.groupBy.includes(name)),
      filters: poll.filters,
      anchor: counters.anchor,
      maxGroups: series.maxGroups,
      ...(simulated ? { simulated } : {}),
    }),
    adopt: (state) => ({ ...state, apis: state.apis.filter(({ api }) => !changed.has(api)) }),
  };
}

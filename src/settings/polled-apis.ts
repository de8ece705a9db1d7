/** The apis that are read, by what was set: apart from the parser of settings, which a reading thread does not need. */
import { type Api, endpoints, userCosts } from '../openai/catalogue.ts';
import { unsupportedFilters } from '../openai/query.ts';
import type { Settings } from './settings.ts';

/** Returns the apis of `--poll.apis` that have every filter in use; any other would answer for everybody. */
export function polledApis({ apis, filters }: Pick<Settings['poll'], 'apis' | 'filters'>): readonly Api[] {
  return endpoints
    .filter((endpoint) => apis.includes(endpoint.api) && unsupportedFilters(endpoint, filters).length === 0)
    .map((endpoint) => endpoint.api);
}

/** Returns the polled apis, and costs by user, which follow costs where users are grouped by. */
export function readApis(poll: Pick<Settings['poll'], 'apis' | 'filters' | 'groupBy'>): readonly Api[] {
  const polled = polledApis(poll);
  return poll.groupBy.includes('user_id') && polled.includes('costs') ? [...polled, userCosts.api] : polled;
}

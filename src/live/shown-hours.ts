/** Which hours the gauges of live usage show: the same as the gauges of usage, so that one can be taken from the other. */

import { widthSeconds } from '../openai/catalogue.ts';
import { inMilliseconds, type Milliseconds, type Seconds } from '../units.ts';
import type { State } from '../usage/recent.ts';
import { settlesAt } from '../usage/settle.ts';
import { bucketAt, bucketEnd } from '../usage/windows.ts';

export interface ShownHour {
  readonly state: State;
  readonly start: Seconds;
}

const hourSeconds = widthSeconds['1h'];

/** The hours on show by the clock alone, and when that changes. */
export function shownHours(
  now: Milliseconds,
  settleDelay: Milliseconds,
): { readonly hours: readonly ShownHour[]; readonly until: Milliseconds } {
  const open = bucketAt(now, '1h');
  let settled = open - hourSeconds;
  while (settlesAt(bucketEnd(settled, '1h'), settleDelay) > now) settled -= hourSeconds;
  const newest = open - hourSeconds;
  const hours: readonly ShownHour[] = [
    { state: 'settled', start: settled },
    ...(newest > settled ? [{ state: 'settling', start: newest } as const] : []),
    { state: 'open', start: open },
  ];
  const nextSettles = settlesAt(bucketEnd(settled + hourSeconds, '1h'), settleDelay);
  return { hours, until: Math.min(nextSettles, inMilliseconds(open + hourSeconds)) };
}

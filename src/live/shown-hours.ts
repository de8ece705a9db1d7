/** The hours that the gauges of live usage show: those of the usage gauges, so that one can be taken from the other. */
import { widthSeconds } from '../openai/catalogue.ts';
import { inMilliseconds, type Milliseconds, type Seconds } from '../units.ts';
import type { ShownHour, State } from '../usage/recent.ts';
import { settlesAt } from '../usage/settle.ts';
import { bucketAt, bucketEnd } from '../usage/windows.ts';
import type { LiveApi } from './vocabulary.ts';

export interface LiveHour {
  readonly state: State;
  readonly start: Seconds;
}

export interface HoursOptions {
  /** The settle delay of usage. */
  readonly settleDelay: Milliseconds;
  /** The hours that the usage gauges show; empty where that is not known. */
  readonly shownByUsage: () => readonly ShownHour[];
}

const hourSeconds = widthSeconds['1h'];

/** The hours of an api on show, and when time alone changes that. */
export function liveHours(
  api: LiveApi,
  now: Milliseconds,
  { settleDelay, shownByUsage }: HoursOptions,
): { readonly hours: readonly LiveHour[]; readonly until: Milliseconds } {
  const open = bucketAt(now, '1h');
  const turn = inMilliseconds(open + hourSeconds);
  const running = { state: 'open', start: open } as const;
  const ofUsage = shownByUsage().filter((hour) => hour.api === api && hour.state !== 'open');
  if (ofUsage.length > 0) return { hours: [...ofUsage, running], until: turn };
  // Usage that is not polled, or not read yet: by the clock alone.
  const settled = newestSettled(now, settleDelay);
  const newest = open - hourSeconds;
  const hours: readonly LiveHour[] = [
    { state: 'settled', start: settled },
    ...(newest > settled ? [{ state: 'settling', start: newest } as const] : []),
    running,
  ];
  return { hours, until: Math.min(turn, settlesAt(bucketEnd(settled + hourSeconds, '1h'), settleDelay)) };
}

/** The newest hour that has settled by the clock. */
export function newestSettled(now: Milliseconds, settleDelay: Milliseconds): Seconds {
  let settled = bucketAt(now, '1h') - hourSeconds;
  while (settlesAt(bucketEnd(settled, '1h'), settleDelay) > now) settled -= hourSeconds;
  return settled;
}

/** Decides when an api is polled. Pure; fixed on the UTC clock, so that two processes poll for the same buckets. */
import type { Milliseconds } from '../units.ts';
import { lastDue, nextDue } from '../usage/windows.ts';

export interface Cadence {
  /** Time between polls. */
  readonly interval: Milliseconds;
  /** Time between polls of an api that nobody uses. */
  readonly idleInterval: Milliseconds;
  /** The time from each multiple of the interval to this api's turn. */
  readonly offset: Milliseconds;
}

/** Spreads the apis evenly over the interval, by their place in the catalogue. */
export function offsetOf(index: number, count: number, interval: Milliseconds): Milliseconds {
  return Math.floor((interval * index) / count);
}

/** An api that fails is asked this often at the least, or at the interval where that is longer. */
const longestBackoff: Milliseconds = 300_000;

/**
 * The instant of the next poll.
 * @param now the end of the last poll
 * @param idle it is polled at the idle interval; not so while it fails, for one failure says little, and its alarm
 *   must not last until an idle api is due again
 * @param failures polls that have failed in a row: the first is followed by another after the interval; each further
 *   one doubles the time to the next, up to five minutes
 */
export function nextPollAt(cadence: Cadence, now: Milliseconds, idle: boolean, failures: number): Milliseconds {
  const { interval, idleInterval, offset } = cadence;
  if (failures === 0) return idle ? nextDue(now, idleInterval, idleOffset(cadence)) : nextDue(now, interval, offset);
  const steps = Math.min(2 ** (failures - 1), Math.max(1, Math.floor(longestBackoff / interval)));
  return lastDue(now, interval, offset) + steps * interval;
}

/** Idle apis have their turns in different intervals, or a small organization would ask for all of them in one. */
function idleOffset({ interval, idleInterval, offset }: Cadence): Milliseconds {
  const intervals = Math.floor(idleInterval / interval);
  return offset + Math.floor((offset / interval) * intervals) * interval;
}

/** When an api is polled. Pure; fixed on the UTC clock, so that two processes poll for the same buckets. */
import { lastDue, nextDue } from '../usage/windows.ts';

export interface Cadence {
  /** Milliseconds between polls. */
  readonly interval: number;
  /** Milliseconds between polls of an api that nobody uses. */
  readonly idleInterval: number;
  /** How long after each multiple of the interval this api's turn is, in milliseconds. */
  readonly offset: number;
}

/** Spreads the apis evenly over the interval, by their place in the catalogue. */
export function offsetOf(index: number, count: number, interval: number): number {
  return Math.floor((interval * index) / count);
}

/** Milliseconds: an api that fails is asked this often at the least, or at the interval where that is longer. */
const longestBackoff = 300_000;

/**
 * The instant of the next poll, in milliseconds.
 * @param now the end of the last poll
 * @param idle it is polled at the idle interval; not so while it fails, for one failure says little, and its alarm
 *   must not last until an idle api is due again
 * @param failures polls that have failed in a row: the first is followed by another after the interval; each further
 *   one doubles the time to the next, up to five minutes
 */
export function nextPollAt(cadence: Cadence, now: number, idle: boolean, failures: number): number {
  const { interval, idleInterval, offset } = cadence;
  if (failures === 0) return idle ? nextDue(now, idleInterval, idleOffset(cadence)) : nextDue(now, interval, offset);
  const steps = Math.min(2 ** (failures - 1), Math.max(1, Math.floor(longestBackoff / interval)));
  return lastDue(now, interval, offset) + steps * interval;
}

/** Idle apis have their turns in different intervals, or a small organization would ask for all of them in one. */
function idleOffset({ interval, idleInterval, offset }: Cadence): number {
  const intervals = Math.floor(idleInterval / interval);
  return offset + Math.floor((offset / interval) * intervals) * interval;
}

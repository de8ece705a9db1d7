/**
 * Which of many lists to read next. Each is due once in a period, at an instant fixed on the UTC clock and its own, so
 * that the requests are spread; when there are more than the budget allows, they come round in turn. Pure.
 */
import { nextDue } from '../usage/windows.ts';

export interface Turn {
  readonly key: string;
  /** Milliseconds between two reads when all is well. */
  readonly period: number;
  /** UTC milliseconds at which the last read began; undefined before the first. */
  readonly tried: number | undefined;
  /** Reads that have failed in a row, and whether another is worth a try before the next turn. */
  readonly failures: number;
  readonly retryPointless: boolean;
  /** The lower, the sooner: before the first read, and where it is negative, always. */
  readonly rank: number;
}

/** The first try after a failure, in milliseconds; each further one doubles it, up to the period. */
const firstRetry = 60_000;

/** When this one is to be read, in UTC milliseconds; anything up to `now` means that it is due. */
export function dueAt({ key, period, tried, failures, retryPointless }: Turn, now: number): number {
  // One that was read in the future was read by a wrong clock.
  if (tried === undefined || tried > now) return now;
  const regular = nextDue(tried, period, phaseOf(key, period));
  if (failures === 0 || retryPointless) return regular;
  return Math.min(regular, tried + firstRetry * 2 ** Math.min(failures - 1, 20));
}

/** The one to read next, if any is due: what has not been read yet by rank, then what was read longest ago. */
export function nextTurn<T extends Turn>(turns: Iterable<T>, now: number): T | undefined {
  let next: T | undefined;
  for (const turn of turns) {
    if (dueAt(turn, now) <= now && (next === undefined || comesBefore(turn, next))) next = turn;
  }
  return next;
}

function comesBefore(a: Turn, b: Turn): boolean {
  const [first, second] = [classOf(a), classOf(b)];
  return first === second ? (a.tried ?? 0) < (b.tried ?? 0) : first < second;
}

function classOf({ rank, tried }: Turn): number {
  return rank < 0 || tried === undefined ? rank : Number.POSITIVE_INFINITY;
}

/** Spreads by name: the same in every process, and whatever else there is to read. */
function phaseOf(key: string, period: number): number {
  let hash = 2_166_136_261;
  for (let index = 0; index < key.length; index++) {
    hash = Math.imul(hash ^ key.charCodeAt(index), 16_777_619);
  }
  // The last letters, in which most keys differ, must move the high bits, too.
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return Math.floor(((hash >>> 0) / 2 ** 32) * period);
}

/**
 * Which of many lists to ask for its next page. Each list is due once in a period, at an instant fixed on the UTC clock
 * and its own, so that the requests are spread. Where there are more lists than the budget allows, they come round in
 * turn, and the lanes share the requests, so that no list waits for the end of another. No network, no clock.
 */
import { hour, nextDue } from '../usage/windows.ts';

/**
 * What the lists of a lane have a share of the requests for, while other lanes have lists that are due, too: without
 * the projects nothing that is theirs can be asked for, and those with usage are the ones that somebody looks at.
 */
export const shares = { projects: 12, used: 12, organization: 2, others: 1 } as const;

export type Lane = keyof typeof shares;

const lanes = Object.keys(shares) as readonly Lane[];

export interface Turn {
  /** Milliseconds between two reads when all is well. */
  readonly period: number;
  /** Milliseconds after the start of each period at which the list is due. See `phaseOf`. */
  readonly phase: number;
  readonly lane: Lane;
  /** The lower, the sooner, among the lists of a lane that have not been read yet. */
  readonly rank: number;
  /** UTC milliseconds at which the last read began, whether it has ended or not; undefined before the first. */
  readonly begun: number | undefined;
  /** A read has begun and has pages to go. */
  readonly reading: boolean;
  /** UTC milliseconds of the last page that was asked for; undefined before the first. */
  readonly tried: number | undefined;
  /** Pages that have failed in a row, and whether another try is pointless before the next period. */
  readonly failures: number;
  readonly retryPointless: boolean;
}

/** The first try after a failure, in milliseconds; each further one doubles it, up to the period. */
const firstRetry = 60_000;

/**
 * A round of everything may take a day. What is worth looking at is read again after so many milliseconds, whether the
 * round has ended or not.
 */
const longestRound = hour;

/** The instant at which the next page is to be asked for, in UTC milliseconds; at or before `now` means that it is due. */
export function dueAt({ period, phase, begun, reading, tried, failures, retryPointless }: Turn, now: number): number {
  // What was read in the future was read by a wrong clock.
  if (begun === undefined || tried === undefined || begun > now || tried > now) return now;
  const regular = nextDue(reading ? tried : begun, period, phase);
  if (failures > 0) return retryPointless ? regular : Math.min(regular, tried + retryAfter(failures));
  return reading ? now : regular;
}

function retryAfter(failures: number): number {
  return firstRetry * 2 ** Math.min(failures - 1, 20);
}

export interface Rounds {
  /** The list to ask for its next page, if any is due. */
  next<T extends Turn>(turns: Iterable<T>, now: number): T | undefined;
}

/** Rounds of which none has begun. */
export function createRounds(): Rounds {
  /** UTC milliseconds at which the running round began: what has begun to be read since then has had its turn. */
  let roundBegan = Number.NEGATIVE_INFINITY;
  // Each page moves its lane on by the inverse of its share, and the lane that is least far comes next. A lane that had
  // nothing to read meanwhile begins where the others are, so it cannot save its share up.
  let reached = 0;
  const positions = new Map<Lane, number>(lanes.map((lane) => [lane, 0]));

  function hasTurn(turn: Turn, now: number): boolean {
    const { begun, reading, failures, retryPointless, lane } = turn;
    if (dueAt(turn, now) > now) return false;
    if (begun === undefined || begun > now || begun < roundBegan || reading) return true;
    // It has not been read, so it is not read twice.
    if (failures > 0 && !retryPointless) return true;
    return lane !== 'others' && now - begun >= longestRound;
  }

  /** The first of each lane. */
  function firsts<T extends Turn>(turns: Iterable<T>, now: number): ReadonlyMap<Lane, T> {
    const found = new Map<Lane, T>();
    for (const turn of turns) {
      if (!hasTurn(turn, now)) continue;
      const best = found.get(turn.lane);
      if (best === undefined || comesBefore(turn, best)) found.set(turn.lane, turn);
    }
    return found;
  }

  return {
    next(turns, now) {
      // A clock that was put back must not keep a round from ending.
      roundBegan = Math.min(roundBegan, now);
      let found = firsts(turns, now);
      if (found.size === 0) {
        // Everything has had its turn: what is due again is due in the next round.
        roundBegan = now;
        found = firsts(turns, now);
      }
      let next: { readonly lane: Lane; readonly position: number } | undefined;
      for (const lane of found.keys()) {
        const position = Math.max(positions.get(lane) ?? 0, reached);
        if (
          next === undefined ||
          position < next.position ||
          (position === next.position && isAhead(lane, next.lane))
        ) {
          next = { lane, position };
        }
      }
      if (next === undefined) return undefined;
      reached = next.position;
      positions.set(next.lane, next.position + 1 / shares[next.lane]);
      return found.get(next.lane);
    },
  };
}

function isAhead(a: Lane, b: Lane): boolean {
  return lanes.indexOf(a) < lanes.indexOf(b);
}

/** What was never asked for by rank, then the one that was asked longest ago: pages of long lists take turns. */
function comesBefore(a: Turn, b: Turn): boolean {
  if (a.tried === undefined || b.tried === undefined) {
    return a.tried === b.tried ? a.rank < b.rank : a.tried === undefined;
  }
  return a.tried < b.tried;
}

/** Spreads lists by name over the period: the same in every process, and whatever else there is to read. */
export function phaseOf(key: string, period: number): number {
  let hash = 2_166_136_261;
  for (let index = 0; index < key.length; index++) {
    hash = Math.imul(hash ^ key.charCodeAt(index), 16_777_619);
  }
  // The last letters, in which most keys differ, must move the high bits, too.
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return Math.floor(((hash >>> 0) / 2 ** 32) * period);
}

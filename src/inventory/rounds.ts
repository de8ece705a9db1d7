/**
 * Chooses which of many lists to ask for its next page. Each list is due once in a period, at an instant fixed on the
 * UTC clock and its own, so that the requests are spread. Where there are more lists than the budget allows, they come
 * round in turn, and the lanes share the requests, so that no list waits for the end of another. No network, no clock.
 */
import { hour, nextDue } from '../usage/windows.ts';

/**
 * The shares that the lanes have of the requests while they all have lists that are due. Without the projects nothing
 * that is theirs can be asked for, and those with usage are the ones that somebody looks at. `again` is for what is
 * read a second time in a round that takes long: it must not keep the round from its end.
 */
export const shares = { projects: 24, used: 24, organization: 3, others: 1, again: 1 } as const;

type Line = keyof typeof shares;
export type Lane = Exclude<Line, 'again'>;

const lines = Object.keys(shares) as readonly Line[];

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
  // Each page moves its line on by the inverse of its share, and the line that is least far comes next. One that had
  // nothing to read meanwhile begins where the others are, so it cannot save its share up.
  let reached = 0;
  const positions = new Map<Line, number>(lines.map((line) => [line, 0]));
  /** Lists that are being read for a second time in the round. */
  const again = new WeakSet<Turn>();

  /** The turn of the list; undefined while it has none. */
  function lineOf(turn: Turn, now: number): Line | undefined {
    const { begun, reading, failures, retryPointless, lane } = turn;
    if (dueAt(turn, now) > now) return undefined;
    if (reading) return again.has(turn) ? 'again' : lane;
    if (begun === undefined || begun > now || begun < roundBegan) return lane;
    // It has not been read, so it is not read twice.
    if (failures > 0 && !retryPointless) return lane;
    return lane !== 'others' && now - begun >= longestRound ? 'again' : undefined;
  }

  /** The first of each line. */
  function firsts<T extends Turn>(turns: Iterable<T>, now: number): ReadonlyMap<Line, T> {
    const found = new Map<Line, T>();
    for (const turn of turns) {
      const line = lineOf(turn, now);
      if (line === undefined) continue;
      const best = found.get(line);
      if (best === undefined || comesBefore(turn, best)) found.set(line, turn);
    }
    return found;
  }

  /** The line that is least far; of two, the one with the larger share. */
  function leastOf(found: ReadonlyMap<Line, Turn>): { readonly line: Line; readonly position: number } | undefined {
    let least: { readonly line: Line; readonly position: number } | undefined;
    for (const line of lines) {
      const position = Math.max(positions.get(line) ?? 0, reached);
      if (found.has(line) && (least === undefined || position < least.position)) least = { line, position };
    }
    return least;
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
      const least = leastOf(found);
      const next = least && found.get(least.line);
      if (least === undefined || next === undefined) return undefined;
      reached = least.position;
      positions.set(least.line, least.position + 1 / shares[least.line]);
      if (least.line === 'again') again.add(next);
      else again.delete(next);
      return next;
    },
  };
}

/** Orders what was never asked for by rank, then the one that was asked longest ago: pages of long lists take turns. */
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

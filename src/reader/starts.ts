/**
 * Lets threads start a few at a time: all at once, each would hold the garbage of its start until the last one is done.
 * A thread that hangs holds up the others no longer than a turn may last.
 */
import { alarm, type Clock } from '../clock.ts';
import type { Milliseconds } from '../units.ts';

export interface Starts {
  /**
   * Waits for a turn, in the order of the calls.
   * @returns what ends the turn; it ends by itself after its longest time
   * @throws the signal's reason if it is aborted before
   */
  turn(signal: AbortSignal): Promise<() => void>;
}

export interface StartsOptions {
  /** Turns at a time. */
  readonly atOnce: number;
  /** The time after which a turn ends by itself. */
  readonly longest: Milliseconds;
  readonly clock: Pick<Clock, 'sleep'>;
}

/** Returns turns that nobody has taken. */
export function createStarts({ atOnce, longest, clock }: StartsOptions): Starts {
  const waiting = new Set<() => void>();
  let taken = 0;

  function next(): void {
    for (const take of waiting) {
      if (taken >= atOnce) return;
      waiting.delete(take);
      take();
    }
  }

  function begin(): () => void {
    taken++;
    let ended = false;
    const end = () => {
      off();
      if (ended) return;
      ended = true;
      taken--;
      next();
    };
    const off = alarm(clock, longest, end);
    return end;
  }

  return {
    turn: (signal) =>
      new Promise((resolve, reject) => {
        signal.throwIfAborted();
        const take = () => {
          signal.removeEventListener('abort', leave);
          resolve(begin());
        };
        const leave = () => {
          waiting.delete(take);
          reject(signal.reason);
        };
        signal.addEventListener('abort', leave);
        waiting.add(take);
        next();
      }),
  };
}

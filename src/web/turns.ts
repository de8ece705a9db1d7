/**
 * Spreads work that comes all at once over turns of the event loop, so that what is asked for meanwhile, such as a
 * scrape, waits for a few pieces of it and not for all.
 */
export interface Turns {
  /**
   * Does a piece of work in this turn if there is room, or else in a later one, after those that came before it.
   * @returns true if it is done
   */
  soon(work: () => void): boolean;
}

/** @param most pieces of work in one turn */
export function createTurns(most: number): Turns {
  let waiting: (() => void)[] = [];
  let done = 0;
  let isDue = false;

  function due(): void {
    if (isDue) return;
    isDue = true;
    setImmediate(turn);
  }

  function turn(): void {
    isDue = false;
    const now = waiting.slice(0, most);
    waiting = waiting.slice(most);
    done = now.length;
    if (done > 0) due();
    for (const work of now) work();
  }

  return {
    soon(work) {
      due();
      if (done >= most || waiting.length > 0) {
        waiting.push(work);
        return false;
      }
      done++;
      work();
      return true;
    },
  };
}

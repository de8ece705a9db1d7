/**
 * The passwords that wait to be compared, one after another. A client that has sent the fewest wrong passwords is
 * served first, so that nobody who guesses makes others wait, however many connections or addresses the guesses come
 * from.
 */
import { LRUCache } from 'lru-cache';

export interface PasswordQueue {
  /**
   * Runs the comparison when it is its turn.
   * @param client who asks: see `clientAt`
   * @param name the same whenever the same password is sent for the same user
   * @returns what it returns, or `busy` if others go first and no place to wait is left
   * @throws what it throws
   */
  compare(client: string, name: string, run: () => Promise<boolean>): Promise<boolean | 'busy'>;
}

interface Waiting {
  readonly client: string;
  readonly name: string;
  /** Counts up with each password that is seen for the first time. */
  readonly firstSeen: number;
  readonly run: () => Promise<boolean>;
  settle(answer: boolean | 'busy' | Promise<boolean>): void;
}

/** A tenth of a second each, with the usual hash: who is alone at an address waits two seconds at the most. */
const mostOfClient = 16;
const mostOfAll = 256;
/** Clients whose wrong passwords are counted, and passwords that were sent away and may come again. */
const mostRemembered = 10_000;

export function createPasswordQueue(): PasswordQueue {
  const waiting = new Set<Waiting>();
  const wrong = new LRUCache<string, number>({ max: mostRemembered });
  /**
   * The order in which passwords that were sent away came first. A scraper sends the same one again and a guesser
   * another one, so the scraper moves up even where both have the same address.
   */
  const sentAway = new LRUCache<string, number>({ max: mostRemembered });
  let lastSeen = 0;
  let isRunning = false;

  /** Negative if `a` goes before `b`. */
  const order = (a: Waiting, b: Waiting): number =>
    (wrong.get(a.client) ?? 0) - (wrong.get(b.client) ?? 0) || a.firstSeen - b.firstSeen;

  function add(one: Waiting): void {
    waiting.add(one);
    const same = [...waiting].filter(({ client }) => client === one.client);
    const crowd = same.length > mostOfClient ? same : waiting.size > mostOfAll ? [...waiting] : [];
    if (crowd.length === 0) return;
    const last = crowd.reduce((a, b) => (order(a, b) > 0 ? a : b));
    waiting.delete(last);
    sentAway.set(last.name, last.firstSeen);
    last.settle('busy');
  }

  async function runAll(): Promise<void> {
    if (isRunning) return;
    isRunning = true;
    while (waiting.size > 0) {
      const next = [...waiting].reduce((a, b) => (order(a, b) <= 0 ? a : b));
      waiting.delete(next);
      sentAway.delete(next.name);
      const answer = next.run();
      next.settle(answer);
      // Its failure is told to the one who waits for it.
      const isRight = await answer.catch(() => true);
      if (!isRight) wrong.set(next.client, (wrong.get(next.client) ?? 0) + 1);
    }
    isRunning = false;
  }

  return {
    compare: (client, name, run) =>
      new Promise((settle) => {
        lastSeen += 1;
        add({ client, name, firstSeen: sentAway.get(name) ?? lastSeen, run, settle });
        void runAll();
      }),
  };
}

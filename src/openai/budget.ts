/**
 * Who may send, and when. OpenAI publishes no quota for the organization API, so the exporter keeps one of its own:
 * so many requests in any span of a minute, two at once, polls before replay before names.
 */
import { alarm, type Clock } from '../clock.ts';

/** In order: the first has precedence. */
export const priorities = ['poll', 'replay', 'names'] as const;

export type Priority = (typeof priorities)[number];

export interface Budget {
  /**
   * Resolves when one request may be sent; the caller calls what it resolves to once the answer is there or given up.
   * @throws the signal's reason as soon as it is aborted; the place in the queue is given up then
   */
  acquire(priority: Priority, signal?: AbortSignal): Promise<() => void>;
  /** Nothing is sent before `until`, in monotonic milliseconds, whoever asks. Earlier than a former hold: no effect. */
  holdUntil(until: number): void;
  /** The monotonic instant before which nothing is sent; in the past if nothing is held. */
  heldUntil(): number;
}

export interface BudgetOptions {
  readonly clock: Clock;
  /** No span of 60 s holds more requests than this. At least 1. */
  readonly maxPerMinute: number;
  readonly maxInFlight?: number;
  /** Most requests for names and limits in any span of 60 s. Default: a third of `maxPerMinute`. */
  readonly maxNamesPerMinute?: number;
}

/** A minute, and a margin for clocks that do not run at quite the same rate. */
const spanMs = 60_250;

/** A request that counts against the minute. */
interface Sent {
  readonly priority: Priority;
  until: number;
}

interface Waiter {
  grant(one: Sent): void;
}

/** A budget of which nothing is used yet. It holds one alarm on the clock, and that only while somebody waits for time. */
export function createBudget({
  clock,
  maxPerMinute,
  maxInFlight = 2,
  maxNamesPerMinute = Math.floor(maxPerMinute / 3),
}: BudgetOptions): Budget {
  // What is left to the lower classes, so that polls find room whatever those do.
  const share: Readonly<Record<Priority, number>> = {
    poll: maxPerMinute,
    replay: Math.max(1, Math.floor(maxPerMinute * 0.6)),
    names: Math.max(1, Math.min(maxNamesPerMinute, Math.floor(maxPerMinute / 3))),
  };
  // Both together: a third is for polls alone, which at the default is as much as eleven busy apis ask for.
  const lowerShare = Math.max(1, Math.floor((maxPerMinute * 2) / 3));
  // A replay that hangs must leave a place in which polls go on.
  const lowerInFlight = Math.max(1, maxInFlight - 1);

  const queues: Readonly<Record<Priority, Set<Waiter>>> = { poll: new Set(), replay: new Set(), names: new Set() };
  // The other side sees a request somewhere between its grant and its end (a connection may have to be made first),
  // so it counts from the one until a span after the other: then no latency can push two minutes into one.
  let sent: Sent[] = [];
  let inFlight = 0;
  let held = Number.NEGATIVE_INFINITY;
  let wakeUp: { readonly at: number; readonly off: () => void } | undefined;

  /** When a request of this class may be sent, if no other is sent until then; Infinity: not before one has ended. */
  function freeAt(priority: Priority): number {
    const bounds: [number, Sent[]][] = [[maxPerMinute, sent]];
    if (priority !== 'poll') {
      bounds.push([share[priority], sent.filter((one) => one.priority === priority)]);
      bounds.push([lowerShare, sent.filter((one) => one.priority !== 'poll')]);
    }
    let at = held;
    for (const [most, counted] of bounds) {
      if (counted.length >= most) at = Math.max(at, Math.min(...counted.map((one) => one.until)));
    }
    return at;
  }

  /** How many more of this class may be in flight now. */
  function placesFor(priority: Priority): number {
    const places = maxInFlight - inFlight;
    if (priority === 'poll') return places;
    const lower = sent.filter((one) => one.priority !== 'poll' && one.until === Number.POSITIVE_INFINITY).length;
    return Math.min(places, lowerInFlight - lower);
  }

  function release(one: Sent): void {
    if (one.until !== Number.POSITIVE_INFINITY) return;
    one.until = clock.monotonic() + spanMs;
    inFlight -= 1;
    serve();
  }

  /** Grants what can be granted now, and sets an alarm for the next time that something can. */
  function serve(): void {
    const now = clock.monotonic();
    sent = sent.filter((one) => one.until > now);
    let next = Number.POSITIVE_INFINITY;
    for (const priority of priorities) {
      for (const waiter of queues[priority]) {
        // With every place taken, it is an end that wakes the next, not the time.
        const at = placesFor(priority) <= 0 ? Number.POSITIVE_INFINITY : freeAt(priority);
        if (at > now) {
          next = Math.min(next, at);
          break;
        }
        inFlight += 1;
        queues[priority].delete(waiter);
        const one = { priority, until: Number.POSITIVE_INFINITY };
        sent.push(one);
        waiter.grant(one);
      }
    }
    setAlarm(next);
  }

  function setAlarm(at: number): void {
    if (wakeUp?.at === at) return;
    wakeUp?.off();
    wakeUp = undefined;
    if (at === Number.POSITIVE_INFINITY) return;
    const off = alarm(clock, Math.ceil(at - clock.monotonic()), () => {
      wakeUp = undefined;
      serve();
    });
    wakeUp = { at, off };
  }

  return {
    acquire(priority, signal) {
      return new Promise((resolve, reject) => {
        if (signal?.aborted) {
          reject(signal.reason);
          return;
        }
        const queue = queues[priority];
        const waiter: Waiter = {
          grant(one) {
            signal?.removeEventListener('abort', leave);
            resolve(() => release(one));
          },
        };
        const leave = () => {
          queue.delete(waiter);
          reject(signal?.reason);
          serve();
        };
        signal?.addEventListener('abort', leave, { once: true });
        queue.add(waiter);
        serve();
      });
    },
    holdUntil(until) {
      if (until <= held) return;
      held = until;
      serve();
    },
    heldUntil: () => held,
  };
}

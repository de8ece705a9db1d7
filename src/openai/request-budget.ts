/**
 * Decides which request may be sent, and when. OpenAI publishes no quota for the organization API, so the exporter keeps one of its own:
 * so many requests in any span of a minute, two at once, polls before replay before names. It keeps to what a
 * `Retry-After` says, and spares an API that does not answer.
 */
import { alarm, type Clock } from '../clock.ts';
import { createOutage } from './outage.ts';

/** Ordered: the first has precedence. */
export const priorities = ['poll', 'replay', 'names'] as const;

export type Priority = (typeof priorities)[number];

/** The client that asks. */
export interface Asker {
  readonly priority: Priority;
  readonly api: string;
  /** The requests that a `Retry-After` on its answer would hold. */
  readonly kind: string;
}

export interface Budget {
  /**
   * Resolves when one request may be sent; the caller calls what it resolves to once the answer is there or given up.
   * @throws the signal's reason as soon as it is aborted; the place in the queue is given up then
   */
  acquire(asker: Asker, signal?: AbortSignal): Promise<() => void>;
  /**
   * Nothing of this kind is sent before `until`, in monotonic milliseconds; without a kind, nothing at all. Earlier
   * than a former hold: no effect.
   */
  holdUntil(until: number, kind?: string): void;
  /** The monotonic instant before which nothing of this kind is sent; in the past if nothing is held. */
  heldUntil(kind: string): number;
  /** A request has failed for a reason that others are likely to share. */
  failed(api: string): void;
  /**
   * A request was answered. Returns the milliseconds without any answer before it if that is news: OpenAI had not
   * answered for a while.
   */
  answered(api: string): number | undefined;
  /** The monotonic instant since which OpenAI does not answer, so that hardly anything is sent; undefined if it does. */
  sparingSince(): number | undefined;
  /** Milliseconds in which OpenAI did not answer, from the beginning until now. */
  spared(): number;
}

export interface BudgetOptions {
  readonly clock: Clock;
  /** No span of 60 s holds more requests than this. At least 1. */
  readonly maxPerMinute: number;
  readonly maxInFlight?: number;
  /**
   * True if an API that does not answer is asked no more than twice a minute. Not where a person waits for each
   * answer. Default: yes.
   */
  readonly sparing?: boolean;
}

/** A minute, and a margin for clocks that do not run at quite the same rate. */
const spanMs = 60_250;

/**
 * A lower class waits for the higher ones so many milliseconds, and then comes before what has been asked later: where
 * polls alone want more than there is, history and names must still come, if late.
 */
const patience: Readonly<Record<Priority, number>> = { poll: 0, replay: 60_000, names: 120_000 };

/** A request that counts against the minute. */
interface Sent {
  readonly priority: Priority;
  readonly api: string;
  until: number;
}

interface Waiter extends Asker {
  /** Monotonic milliseconds: the lower, the sooner. */
  readonly rank: number;
  grant(one: Sent): void;
}

/** A budget of which nothing is used yet. It holds one alarm on the clock, and that only while somebody waits for time. */
export function createBudget({ clock, maxPerMinute, maxInFlight = 2, sparing = true }: BudgetOptions): Budget {
  // What is left to the lower classes, so that polls find room whatever those do.
  const share: Readonly<Record<Priority, number>> = {
    poll: maxPerMinute,
    replay: Math.max(1, Math.floor(maxPerMinute * 0.6)),
    names: Math.max(1, Math.floor(maxPerMinute / 3)),
  };
  // Both together: a third is for polls alone, which at the default is as much as ten busy apis ask for.
  const lowerShare = Math.max(1, Math.floor((maxPerMinute * 2) / 3));
  // A replay that hangs must leave a place in which polls go on; and so must apis that hang to those that do not.
  const lowerInFlight = Math.max(1, maxInFlight - 1);
  const suspectsInFlight = Math.max(1, maxInFlight - 1);

  const queues: Readonly<Record<Priority, Set<Waiter>>> = { poll: new Set(), replay: new Set(), names: new Set() };
  // The other side sees a request somewhere between its grant and its end (a connection may have to be made first),
  // so it counts from the one until a span after the other: then no latency can push two minutes into one.
  let sent: Sent[] = [];
  let inFlight = 0;
  /** Keyed by kind. */
  const holds = new Map<string, number>();
  let heldAll = Number.NEGATIVE_INFINITY;
  const outage = createOutage();
  let wakeUp: { readonly at: number; readonly off: () => void } | undefined;

  const heldUntil = (kind: string) => Math.max(heldAll, holds.get(kind) ?? Number.NEGATIVE_INFINITY);

  /**
   * Returns when a request of this class may be sent, if no other is sent until then; Infinity: not before one has
   * ended.
   */
  function freeAt(priority: Priority): number {
    // With every place taken, it is an end that wakes the next, not the time.
    if (placesFor(priority) <= 0) return Number.POSITIVE_INFINITY;
    const bounds: [number, Sent[]][] = [[maxPerMinute, sent]];
    if (priority !== 'poll') {
      bounds.push([share[priority], sent.filter((one) => one.priority === priority)]);
      bounds.push([lowerShare, sent.filter((one) => one.priority !== 'poll')]);
    }
    let at = Number.NEGATIVE_INFINITY;
    for (const [most, counted] of bounds) {
      if (counted.length >= most) at = Math.max(at, Math.min(...counted.map((one) => one.until)));
    }
    return at;
  }

  /** Returns how many more requests of this class may be in flight now. */
  function placesFor(priority: Priority): number {
    const places = maxInFlight - inFlight;
    if (priority === 'poll') return places;
    const lower = sent.filter((one) => one.priority !== 'poll' && one.until === Number.POSITIVE_INFINITY).length;
    return Math.min(places, lowerInFlight - lower);
  }

  /** Reports whether the apis that fail have all the places that they can have. */
  function isTaken(api: string): boolean {
    if (!outage.isSuspect(api)) return false;
    const those = sent.filter((one) => one.until === Number.POSITIVE_INFINITY && outage.isSuspect(one.api));
    return those.length >= suspectsInFlight;
  }

  function release(one: Sent): void {
    if (one.until !== Number.POSITIVE_INFINITY) return;
    one.until = clock.monotonic() + spanMs;
    inFlight -= 1;
    serve();
  }

  /** Whoever may send now and comes first, or else the next instant at which somebody may. */
  function choose(now: number): Waiter | number {
    let chosen: Waiter | undefined;
    let next = Number.POSITIVE_INFINITY;
    for (const priority of priorities) {
      const free = freeAt(priority);
      for (const waiter of queues[priority]) {
        const spare = isTaken(waiter.api) ? Number.POSITIVE_INFINITY : outage.freeAt(waiter.api, priority === 'poll');
        const at = Math.max(free, heldUntil(waiter.kind), spare);
        if (at > now) {
          next = Math.min(next, at);
          if (free > now) break;
        } else {
          if (chosen === undefined || waiter.rank < chosen.rank) chosen = waiter;
          break;
        }
      }
    }
    return chosen ?? next;
  }

  /** Grants what can be granted now, and sets an alarm for the next time that something can. */
  function serve(): void {
    const now = clock.monotonic();
    sent = sent.filter((one) => one.until > now);
    for (;;) {
      const chosen = choose(now);
      if (typeof chosen === 'number') {
        setAlarm(chosen);
        return;
      }
      inFlight += 1;
      queues[chosen.priority].delete(chosen);
      const { priority, api } = chosen;
      const one = { priority, api, until: Number.POSITIVE_INFINITY };
      sent.push(one);
      outage.sent(api, now);
      chosen.grant(one);
    }
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
    acquire(asker, signal) {
      return new Promise((resolve, reject) => {
        if (signal?.aborted) {
          reject(signal.reason);
          return;
        }
        const queue = queues[asker.priority];
        const waiter: Waiter = {
          ...asker,
          rank: clock.monotonic() + patience[asker.priority],
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
    holdUntil(until, kind) {
      const former = kind === undefined ? heldAll : (holds.get(kind) ?? Number.NEGATIVE_INFINITY);
      if (until <= former) return;
      if (kind === undefined) heldAll = until;
      else holds.set(kind, until);
      serve();
    },
    heldUntil,
    failed(api) {
      if (sparing) outage.failed(api, clock.monotonic());
    },
    answered(api) {
      const quiet = outage.answered(api, clock.monotonic());
      if (quiet !== undefined) serve();
      return quiet;
    },
    sparingSince: () => outage.since,
    spared: () => outage.total(clock.monotonic()),
  };
}

/**
 * Knows whether OpenAI answers, from what the requests ended with, and spares it while it does not: one request now
 * and then asks whether it is back, whoever waits. The first answer opens the way for all.
 */
import type { Reason } from './errors.ts';

/** Failures that say more of OpenAI, or of the way there, than of what was asked. */
const commonReasons: ReadonlySet<Reason> = new Set<Reason>(['network', 'timeout', 'server', 'rate_limited']);

/** Reports whether a failure is likely to be shared by whatever else is asked now. */
export function isCommon(reason: Reason | undefined): boolean {
  return reason !== undefined && commonReasons.has(reason);
}

/** Failures in a row, without an answer in between, after which OpenAI counts as not answering. */
const failuresToClose = 3;

/** While OpenAI does not answer, no span of this many milliseconds holds more than two requests. */
const spanMs = 62_000;
const mostInSpan = 2;

export interface Outage {
  /** The monotonic instant since which OpenAI counts as not answering; undefined while it answers. */
  readonly since: number | undefined;
  /** Milliseconds in which it has not answered, all outages together. */
  total(now: number): number;
  /**
   * The monotonic instant from which a request may be sent as far as this is concerned. An api that has not failed in
   * this outage may show that it was none, so it goes first; of the others only what `persists` is sent again.
   */
  freeAt(api: string, persists: boolean, now: number): number;
  sent(now: number): void;
  /** A request has failed for a common reason. */
  failed(api: string, now: number): void;
  /** A request was answered. Returns whether that ends an outage. */
  answered(now: number): boolean;
}

/** An outage that has not begun. */
export function createOutage(): Outage {
  /** The apis that have failed since the last answer. */
  const tried = new Set<string>();
  let failures = 0;
  let since: number | undefined;
  let before = 0;
  let lastSent = Number.NEGATIVE_INFINITY;
  /** When requests were sent in the outage, as far as they still count. */
  let probes: number[] = [];

  return {
    get since() {
      return since;
    },
    total: (now) => before + (since === undefined ? 0 : now - since),
    freeAt(api, persists, now) {
      if (since === undefined) return Number.NEGATIVE_INFINITY;
      if (tried.has(api) && !persists) return Number.POSITIVE_INFINITY;
      const counted = probes.filter((at) => at > now - spanMs);
      const room = (counted.length < mostInSpan ? undefined : counted[0]) ?? Number.NEGATIVE_INFINITY;
      return Math.max(room + spanMs, tried.has(api) ? lastSent + spanMs / mostInSpan : Number.NEGATIVE_INFINITY);
    },
    sent(now) {
      lastSent = now;
      if (since !== undefined) probes = [...probes.filter((at) => at > now - spanMs), now];
    },
    failed(api, now) {
      tried.add(api);
      failures += 1;
      if (failures >= failuresToClose) since ??= now;
    },
    answered(now) {
      const ends = since !== undefined;
      if (since !== undefined) before += now - since;
      since = undefined;
      failures = 0;
      tried.clear();
      probes = [];
      return ends;
    },
  };
}

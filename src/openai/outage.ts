/**
 * Knows whether OpenAI answers, from what the requests ended with, and spares it while it does not: one request now
 * and then asks whether it is back, whoever waits. The first answer opens the way for all. Apis that fail while others
 * are answered have trouble of their own: they are told apart, so that the others do not wait behind them.
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

/**
 * While OpenAI does not answer, a span of this many milliseconds, a minute and a margin, holds two requests: one of an
 * api that has failed, and one of an api that has not and may show that there is no outage. The second is for those
 * that have failed, too, where no other has asked for a whole span.
 */
const spanMs = 60_250;

/** Milliseconds after which trouble that an api had of its own is forgotten, if it was answered since. */
const troubleMs = 600_000;

export interface Outage {
  /** The monotonic instant since which OpenAI counts as not answering; undefined while it answers. */
  readonly since: number | undefined;
  /** Milliseconds in which it has not answered, all outages together. */
  total(now: number): number;
  /** Reports whether the api has failed and was not answered since, or fails now and then while others do not. */
  isSuspect(api: string): boolean;
  /**
   * The monotonic instant from which a request may be sent as far as this is concerned. Of the apis that have failed
   * only what `persists` is sent again.
   */
  freeAt(api: string, persists: boolean): number;
  sent(api: string, now: number): void;
  /** A request has failed for a common reason. */
  failed(api: string, now: number): void;
  /** A request was answered. Returns the milliseconds without any answer if that ends an outage. */
  answered(api: string, now: number): number | undefined;
}

/** An outage that has not begun. */
export function createOutage(): Outage {
  /** The last failure of each api that is a suspect. */
  const suspects = new Map<string, number>();
  /** The suspects that failed while others were answered. */
  const troubled = new Set<string>();
  let failures = 0;
  let since: number | undefined;
  let before = 0;
  let lastAnswer = Number.NEGATIVE_INFINITY;
  /**
   * The instants at which the turn of the suspects and that of the others were used last, and at which another api used
   * it.
   */
  let suspectTurn = Number.NEGATIVE_INFINITY;
  let otherTurn = Number.NEGATIVE_INFINITY;
  let otherAsked = Number.NEGATIVE_INFINITY;

  /** Decides whose failures were the outage's, and whose are their own. */
  function judge(api: string, quiet: number, now: number): void {
    if (quiet < spanMs) for (const name of suspects.keys()) troubled.add(name);
    else if (since !== undefined) for (const name of suspects.keys()) if (!troubled.has(name)) suspects.delete(name);
    if (troubled.has(api) && now - (suspects.get(api) ?? now) < troubleMs) return;
    troubled.delete(api);
    suspects.delete(api);
  }

  return {
    get since() {
      return since;
    },
    total: (now) => before + (since === undefined ? 0 : now - since),
    isSuspect: (api) => suspects.has(api),
    freeAt(api, persists) {
      if (since === undefined) return Number.NEGATIVE_INFINITY;
      if (!suspects.has(api)) return otherTurn + spanMs;
      if (!persists) return Number.POSITIVE_INFINITY;
      return Math.min(suspectTurn, Math.max(otherTurn, otherAsked + spanMs)) + spanMs;
    },
    sent(api, now) {
      if (since === undefined) return;
      if (!suspects.has(api)) otherAsked = now;
      if (suspects.has(api) && now >= suspectTurn + spanMs) suspectTurn = now;
      else otherTurn = now;
    },
    failed(api, now) {
      suspects.set(api, now);
      failures += 1;
      if (failures < failuresToClose || since !== undefined) return;
      since = now;
      // The turns come half a span apart, so that the end of an outage is not missed for long.
      suspectTurn = now - spanMs / 2;
      otherTurn = now - spanMs;
      otherAsked = now - spanMs;
    },
    answered(api, now) {
      const quiet = now - lastAnswer;
      judge(api, quiet, now);
      const ends = since !== undefined;
      if (since !== undefined) before += now - since;
      since = undefined;
      failures = 0;
      lastAnswer = now;
      return ends ? quiet : undefined;
    },
  };
}

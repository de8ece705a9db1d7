/**
 * Tells whether polls can keep their interval: what they ask for in a minute, against what the request limit and the
 * speed of the answers allow. Where they cannot, everything still comes, but late, and that must be said.
 */
import type { Clock } from '../clock.ts';
import type { Logger } from '../log.ts';

export interface PaceOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** `--openai.max-requests-per-minute`. */
  readonly maxPerMinute: number;
  /** Requests a minute that the polls ask for as things are: less when apis are idle. */
  readonly needed: () => number;
}

export interface Pace {
  /** An answer has come, after so many seconds. */
  answered(seconds: number): void;
  /** Logs when polling has become too slow, and when it is no longer. Called now and then. */
  look(): void;
  /** Returns what is too slow, with the numbers and what to do; undefined while polls keep up. */
  trouble(): string | undefined;
}

/** Requests that the client has on the way at once. */
const atOnce = 2;
/** History and names need requests, too: polls that ask for more than this share of what is possible are too many. */
const mostOfIt = 0.8;
/** A slow answer is not a slow API: how much of what is known stays with each new answer. */
const memory = 0.9;
/** Milliseconds that it has to last before it is said: at the start it is not known yet which apis are idle. */
const patience = 300_000;

export function createPace({ clock, log, maxPerMinute, needed }: PaceOptions): Pace {
  let seconds: number | undefined;
  /** Monotonic milliseconds. */
  let since: number | undefined;
  let said = false;

  /** The most that is possible a minute. */
  function possible(): { readonly limit: number; readonly byAnswers: number } {
    return {
      limit: maxPerMinute,
      byAnswers: seconds === undefined ? Number.POSITIVE_INFINITY : (atOnce * 60) / seconds,
    };
  }

  function isTooSlow(): boolean {
    const { limit, byAnswers } = possible();
    return needed() > mostOfIt * Math.min(limit, byAnswers);
  }

  function trouble(): string | undefined {
    if (since === undefined || clock.monotonic() - since < patience || !isTooSlow()) return undefined;
    const { limit, byAnswers } = possible();
    const need = `polls at these settings need about ${rounded(needed())} requests a minute`;
    const all = 'Every number still comes, oldest first, but late.';
    if (limit <= byAnswers) {
      return `The request limit is too low for these settings: ${need}, and --openai.max-requests-per-minute allows ${limit}. ${all} Raise it, or raise --poll.interval, or poll fewer apis with --poll.apis.`;
    }
    return `OpenAI answers too slowly for these settings: an answer takes ${rounded(seconds ?? 0)} s, so ${rounded(byAnswers)} requests a minute are possible, and ${need}. ${all} Look at the way to OpenAI, or raise --poll.interval, or poll fewer apis with --poll.apis.`;
  }

  return {
    answered(taken) {
      seconds = seconds === undefined ? taken : memory * seconds + (1 - memory) * taken;
    },
    look() {
      if (!isTooSlow()) {
        if (said) log.info('requests are fast enough for these settings again');
        since = undefined;
        said = false;
        return;
      }
      since ??= clock.monotonic();
      const message = trouble();
      if (message === undefined || said) return;
      said = true;
      log.warn(message);
    },
    trouble,
  };
}

function rounded(value: number): string {
  return String(value < 10 ? Math.round(value * 10) / 10 : Math.round(value));
}

/**
 * Keeps an api to the dimensions that OpenAI grants. One that is refused is found and left out, and tried again once a
 * day; one that the user named is not left out: then the error says which value of the flag works.
 */
import type { Clock } from '../clock.ts';
import type { Logger } from '../log.ts';
import type { Api } from '../openai/catalogue.ts';
import type { Client } from '../openai/client.ts';
import { ApiError } from '../openai/errors.ts';
import { aboutGrouping, askerOf, findGranted, type Granted, grantedOf, withAdvice } from '../openai/granted.ts';
import type { Filters } from '../openai/query.ts';
import type { Milliseconds, Seconds } from '../units.ts';
import type { Account } from '../usage/account.ts';
import type { Ledger } from '../usage/ledger.ts';
import type { Span } from '../usage/plan.ts';
import { bucketAt, day, hour, lastDue, minute } from '../usage/windows.ts';

/** The refusal of a dimension by OpenAI. */
export interface DimensionRefusal {
  /** The words that OpenAI said. */
  readonly reason: string;
  readonly since: Milliseconds;
}

export interface GroupingOptions {
  readonly account: Account;
  /** Dimensions that are wanted of this api. */
  readonly wanted: readonly string[];
  /** All dimensions that the user named; undefined where every one is wanted that is granted. */
  readonly named: readonly string[] | undefined;
  readonly filters: Filters;
  readonly client: Client;
  readonly clock: Clock;
  /** Delay of the daily try after midnight UTC. */
  readonly offset: Milliseconds;
  readonly log: Logger;
  /** The reason why a dimension is refused at present, by dimension. It is kept up to date. */
  readonly refusals: Map<string, DimensionRefusal>;
  /** The refusals are others now. */
  changed(): void;
}

export interface Grouping {
  /**
   * Looks into why a span could not be read into a ledger. Returns undefined if the account reads by other dimensions
   * now, so that the read is worth repeating; otherwise the error to go on with: the same, or the one that ended the
   * search, or, where the user named the dimensions, one that says which of them work.
   */
  settle(error: unknown, ledger: Ledger, span: Span, signal: AbortSignal): Promise<unknown>;
  /** Tries what is refused again, if it is time to. */
  tryAgain(signal: AbortSignal): Promise<void>;
  /** Takes note that the account has turned: dimensions that are granted again may be on show. */
  turned(): void;
}

/** The time that the questions about one refusal may take. */
const searchDeadline: Milliseconds = 300_000;
/** The time for which no error is looked into that is like one that was about something else. */
const searchPause: Milliseconds = 10 * minute;
/** The time for which history may be read by more dimensions than are shown before that is left for the next day. */
const longestTrial: Milliseconds = 6 * hour;

export function createGrouping(options: GroupingOptions): Grouping {
  const { account, wanted, named, filters, client, clock, offset, log, refusals } = options;
  const { endpoint } = account;
  const { api } = endpoint;
  let searching: Promise<unknown> | undefined;
  /** The instant of the last try. */
  let triedAt: Milliseconds = Number.NEGATIVE_INFINITY;
  /** Monotonic. */
  let tryingSince: Milliseconds | undefined;
  /** The monotonic instants until which errors of each kind are taken to be about something else, because one was. */
  const isOther = { yes: Number.NEGATIVE_INFINITY, maybe: Number.NEGATIVE_INFINITY };
  /** The dimensions that the user named: which of them are granted, and the day on which that was found. */
  let advice: { readonly on: Seconds; readonly granted: Granted } | undefined;

  function asker(span: Span, signal: AbortSignal) {
    const deadline = clock.monotonic() + searchDeadline;
    return askerOf(client, { endpoint, ...span, filters, now: clock.now() }, { priority: 'poll', deadline, signal });
  }

  /** Goes on by what is granted, and says what is not. */
  function goBy({ dimensions, refused }: Granted): void {
    const now = clock.now();
    const news = [...refused].filter(([name]) => !refusals.has(name));
    for (const [name, reason] of news) refusals.set(name, { reason, since: now });
    if (news.length > 0) {
      triedAt = now;
      log.warn(refusedIn(api, news), { api, dimensions: news.map(([name]) => name) });
    }
    account.regroup(dimensions);
    options.changed();
  }

  /** Returns what the daily search for an advice has found; undefined where the error is about something else. */
  async function found(error: ApiError, asked: readonly string[], span: Span, signal: AbortSignal) {
    const today = bucketAt(clock.now(), '1d');
    if (advice?.on === today) return advice.granted;
    const granted = await findGranted(asked, error, asker(span, signal));
    if (granted !== undefined) advice = { on: today, granted };
    return granted;
  }

  /** Does the same as `settle`, for an error that may be about the dimensions. */
  async function search(
    error: ApiError,
    ledger: Ledger,
    span: Span,
    signal: AbortSignal,
  ): Promise<ApiError | undefined> {
    const asked = ledger.groups.dimensions;
    if (named !== undefined) {
      const granted = await found(error, asked, span, signal);
      return granted === undefined ? error : withAdvice(error, granted, named);
    }
    const granted = await findGranted(asked, error, asker(span, signal));
    // Meanwhile the period can have ended, for example.
    if (!account.isCurrent(ledger)) return undefined;
    if (granted === undefined) {
      const about = aboutGrouping(error, asked);
      if (about !== 'no') isOther[about] = clock.monotonic() + searchPause;
      return error;
    }
    goBy(granted);
    return undefined;
  }

  return {
    async settle(error, ledger, span, signal) {
      const about = aboutGrouping(error, ledger.groups.dimensions);
      if (!(error instanceof ApiError) || about === 'no') return error;
      // Polls and history are read at once, and one search is enough for both.
      while (searching !== undefined) await searching.catch(() => undefined);
      if (!account.isCurrent(ledger)) return undefined;
      if (clock.monotonic() < isOther[about]) return error;
      const own = search(error, ledger, span, signal);
      searching = own;
      try {
        return await own;
      } catch (cause) {
        signal.throwIfAborted();
        return cause;
      } finally {
        searching = undefined;
      }
    },

    async tryAgain(signal) {
      const now = clock.now();
      if (refusals.size === 0 || searching !== undefined || !account.canRegroup(now)) return;
      // A try in the future was made under a wrong clock.
      if (triedAt <= now && lastDue(now, day, offset) <= triedAt) return;
      const span = account.pollSpans(now).at(-1);
      if (span === undefined) return;
      try {
        const ask = asker(span, signal);
        const found = await grantedOf(wanted, ask);
        triedAt = now;
        if (found === undefined || sameNames(found.dimensions, account.ledger.groups.dimensions)) return;
        // The polls may have been refused meanwhile.
        if (!account.canRegroup(clock.now())) return;
        tryingSince = clock.monotonic();
        goBy(found);
      } catch (error) {
        signal.throwIfAborted();
        log.debug(`${api}: the refused dimensions could not be tried again: ${String(error)}`, { api });
      }
    },

    turned() {
      const shown = account.ledger.groups.dimensions;
      const granted = [...refusals.keys()].filter((name) => shown.includes(name) && account.polled === account.ledger);
      for (const name of granted) refusals.delete(name);
      if (granted.length > 0) {
        const labels = granted.length === 1 ? 'that label' : 'those labels';
        log.info(`${api}: OpenAI grants grouping by ${granted.join(', ')} again; the numbers have ${labels} now`, {
          api,
        });
        options.changed();
      }
      if (!account.isRegrouping) tryingSince = undefined;
      if (tryingSince === undefined || clock.monotonic() - tryingSince < longestTrial) return;
      tryingSince = undefined;
      if (account.polled === account.ledger) account.regroup(shown);
    },
  };
}

function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name) => b.includes(name));
}

function refusedIn(api: Api, news: readonly (readonly [name: string, reason: string])[]): string {
  const [[, reason] = ['', '']] = news;
  const names = news.map(([name]) => name).join(', ');
  return `${api}: OpenAI does not grant grouping by ${names}, so the numbers come without ${news.length === 1 ? 'that label' : 'those labels'}; it is tried again each day and at the next start. OpenAI said: ${reason}`;
}

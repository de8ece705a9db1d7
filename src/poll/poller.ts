/**
 * Keeps one api up to date: polls what is recent at its cadence, and beside that reads the history that its
 * counters need. Never two polls at once, never two reads of history at once; an api that fails keeps no other waiting.
 */
import type { Clock } from '../clock.ts';
import type { Logger } from '../log.ts';
import type { Endpoint } from '../openai/catalogue.ts';
import { ApiError, isBeyondLookback, whatToDoAbout } from '../openai/errors.ts';
import { inMilliseconds, type Milliseconds } from '../units.ts';
import type { CostAccount } from '../usage/cost-account.ts';
import type { Ledger } from '../usage/ledger.ts';
import type { Span } from '../usage/plan.ts';
import type { UsageAccount } from '../usage/usage-account.ts';
import { attempt, type Outcome } from './attempt.ts';
import { createDue } from './due.ts';
import type { FailureLog } from './failure-log.ts';
import type { Grouping } from './grouping.ts';
import type { PollStatus } from './poll-status.ts';
import { type ReadContext, type ReadOptions, type ReadReport, readSpan } from './read-spans.ts';
import { isDown, type Recovery } from './recovery.ts';
import { type Cadence, nextPollAt } from './schedule.ts';

/** The time that one poll, or one read of a span of history, may take. */
const pollDeadline: Milliseconds = 300_000;
const historyDeadline: Milliseconds = 1_800_000;

/** Times that a poll begins anew because a dimension was refused. */
const mostRegroupings = 3;

/** Times that the history is gone through before it is left for the next turn. */
const mostPasses = 4;

export interface PollerOptions {
  readonly account: UsageAccount | CostAccount;
  readonly grouping: Grouping;
  readonly status: PollStatus;
  readonly context: ReadContext;
  readonly cadence: Cadence;
  readonly clock: Clock;
  readonly report: ReadReport;
  readonly log: Logger;
  readonly failureLog: FailureLog;
  readonly recovery: Recovery;
  /** A poll has ended. */
  polled(outcome: Outcome): void;
  /** A poll that goes on counts as failed until it succeeds: there was no answer for too long. */
  late(): void;
  /** Called when what is to be shown has changed. */
  changed(): void;
}

export interface Poller {
  /** Polls until the signal is aborted. */
  run(signal: AbortSignal): Promise<void>;
}

interface HistoryOutcome extends Outcome {
  /** True if nothing was lacking in the end. */
  readonly complete: boolean;
  /** Read into last. */
  readonly ledger: Ledger;
}

/** A poller that has asked nothing. `run` rejects with the reason of its signal. */
export function createPoller(options: PollerOptions): Poller {
  const { account, grouping, status, context, cadence, clock, report, log, failureLog, recovery } = options;
  const { api } = account.endpoint;
  const costs = account.kind === 'costs';
  const pollDue = createDue(clock, clock.now());
  const historyDue = createDue(clock, clock.now());
  /** Reads of history that have failed in a row. */
  let historyFailures = 0;
  const member = {
    status,
    dueAt(instant: Milliseconds) {
      status.nextPoll = instant;
      pollDue.set(instant);
      if (historyFailures > 0) historyDue.set(instant);
    },
  };
  recovery.join(member);

  function late(error: ApiError): void {
    const { reason, message, whatToDo } = error;
    status.up = false;
    status.failure = { reason, message, whatToDo, at: clock.now() };
    failureLog.failed(api, 'poll', { reason, error }, clock.now());
    options.late();
  }

  async function readRecent(signal: AbortSignal): Promise<void> {
    const deadline = clock.monotonic() + pollDeadline;
    const how = { priority: 'poll', deadline, signal, patience: { waited: 0 }, late, byPage: false } as const;
    for (let regroupings = 0; ; regroupings++) {
      const isLast = regroupings === mostRegroupings;
      if (await readRecentSpans(how, isLast)) return;
    }
  }

  /** Returns false if the account groups by other dimensions now, so that all has to be read again. */
  async function readRecentSpans(how: ReadOptions, isLast: boolean): Promise<boolean> {
    let failure: unknown;
    let refused = 0;
    const spans = account.pollSpans(clock.now());
    for (const span of spans) {
      const ledger = account.polled;
      try {
        refused += await readSpan(context, account, ledger, span, how, report);
        // The minutes need not wait for the hours, which are the larger half of a new page.
        if (span !== spans.at(-1) && ledger === account.ledger) options.changed();
      } catch (cause) {
        const error = isLast ? cause : await grouping.settle(cause, ledger, span, how.signal);
        if (error === undefined) return false;
        // Another width may still be readable, unless the answer would be the same.
        if (!(error instanceof ApiError)) throw error;
        // The first failure is the cause: trying again took the time that the next width lacks.
        failure ??= error;
        if (!isOfOneRequest(error)) break;
      }
    }
    if (failure !== undefined) throw failure;
    // Where a row of usage is refused, a count is unknown, and that must be seen. A cost line that is refused is only
    // counted: the API has been seen to send amounts that are none.
    if (refused > 0 && !costs) throw refusedRows(account.endpoint, refused);
    return true;
  }

  async function poll(signal: AbortSignal): Promise<void> {
    const begun = clock.now();
    const wasDown = isDown(status);
    const outcome = await attempt({ api, clock, log, signal }, () => readRecent(signal));
    const now = clock.now();
    const { failure } = outcome;
    status.polls++;
    status.lastPoll = begun;
    status.duration = outcome.duration;
    status.up = failure === undefined;
    if (failure === undefined) {
      status.failures = 0;
      status.failure = undefined;
      status.lastSuccess = now;
      log.debug(`${api}: polled`, { api, seconds: outcome.duration });
    } else {
      status.failures++;
      const { reason, error } = failure;
      status.failure = { reason, message: error.message, whatToDo: whatToDoAbout(error), at: now };
    }
    status.nextPoll = nextPollAt(cadence, now, account.isSlow(now), status.failures);
    pollDue.set(status.nextPoll);
    recovery.ended(member, wasDown, now);
    if (failure === undefined && historyFailures > 0 && wasDown) historyDue.set(now);
    if (failure === undefined) failureLog.succeeded(api, 'poll');
    else failureLog.failed(api, 'poll', failure, status.nextPoll);
    options.polled(outcome);
    account.turn(now, clock.monotonic());
    grouping.turned();
    options.changed();
    if (failure === undefined) await grouping.tryAgain(signal);
  }

  /** Reads what the history lacks. */
  async function readHistory(signal: AbortSignal): Promise<HistoryOutcome> {
    let complete = false;
    let ledger = account.ledger;
    const outcome = await attempt({ api, clock, log, signal }, async () => {
      // While a long replay runs, more comes due; but a bucket that the API does not return stays due for ever.
      for (let pass = 0; pass < mostPasses; pass++) {
        const due = account.history(clock.now());
        const { spans } = due;
        ledger = due.ledger;
        complete = spans.length === 0;
        if (complete) return;
        let failure: unknown;
        for (const span of spans) {
          const deadline = clock.monotonic() + (costs ? pollDeadline : historyDeadline);
          const how = { priority: 'replay', deadline, signal, patience: { waited: 0 }, byPage: true } as const;
          try {
            await readSpan(context, account, ledger, span, how, report);
          } catch (cause) {
            const error = await grouping.settle(cause, ledger, span, signal);
            if (error === undefined) break;
            if (account.kind === 'usage') {
              if (isBeyondLookback(error) && account.leave(span)) continue;
              throw error;
            }
            // Days of costs count one by one: a month that cannot be read must not keep the others away.
            if (!(error instanceof ApiError) || isOfEveryRequest(error)) throw error;
            if (!isBeyondLookback(error)) failure ??= error;
            else if (account.skip(span)) log.warn(costsBeyondLookback(span, error), { api });
          }
        }
        options.changed();
        if (failure !== undefined) throw failure;
      }
    });
    return { ...outcome, complete, ledger };
  }

  async function historyLoop(signal: AbortSignal): Promise<void> {
    for (;;) {
      const { failure, complete, ledger } = await readHistory(signal);
      if (account.kind === 'costs' && account.historyEnded()) options.changed();
      const now = clock.now();
      historyFailures = complete ? 0 : historyFailures + 1;
      const next = nextPollAt(cadence, now, false, historyFailures);
      historyDue.set(next);
      if (failure === undefined) failureLog.succeeded(api, 'reading of history');
      else if (!isBeyondLookback(failure.error)) failureLog.failed(api, 'reading of history', failure, next);
      else if (account.kind === 'usage' && account.abandon(ledger)) {
        log.warn(
          `${api}: OpenAI no longer has the history back to the anchor; counters stay absent until the next period. ${failure.error.message}`,
          { api },
        );
      }
      const before = account.counters;
      if (account.turn(now, clock.monotonic())) {
        if (before !== account.counters)
          log.info(`${api}: its history has been read, and its counters are shown`, { api });
        grouping.turned();
        options.changed();
      }
      await historyDue.wait(signal);
    }
  }

  async function pollLoop(signal: AbortSignal): Promise<void> {
    for (;;) {
      await pollDue.wait(signal);
      await poll(signal);
    }
  }

  return {
    async run(signal) {
      await poll(signal);
      await Promise.all([pollLoop(signal), historyLoop(signal)]);
    },
  };
}

function refusedRows({ api, path }: Endpoint, count: number): ApiError {
  const rows = count === 1 ? '1 row contains' : `${count} rows contain`;
  const groups = count === 1 ? 'its group is' : 'their groups are';
  const detail = `${rows} impossible values; ${groups} left out, and everything else is kept`;
  return new ApiError({ reason: 'malformed', kind: 'refused_rows', api, path, detail });
}

/** Failures that the next request would share. */
function isOfEveryRequest({ reason }: ApiError): boolean {
  return reason === 'auth' || reason === 'permission' || reason === 'rate_limited';
}

function costsBeyondLookback({ from, to }: Span, error: ApiError): string {
  const [first, last] = [from, to].map((start) => new Date(inMilliseconds(start)).toISOString().slice(0, 10));
  return `costs: OpenAI does not return the days from ${first} up to, not including, ${last}; sums that need them are absent or leave them out. ${error.message}`;
}

/** Failures that say nothing about the next request: its answer may be another. */
function isOfOneRequest(error: ApiError): boolean {
  return (
    error.reason === 'malformed' ||
    error.reason === 'too_large' ||
    error.reason === 'rejected' ||
    error.reason === 'server'
  );
}

/**
 * A reading thread as the serving thread has it: started, listened to, watched, and started again when it dies. The
 * page that it showed last stays on show meanwhile.
 */
import type { Worker } from 'node:worker_threads';
import type { Clock } from '../clock.ts';
import type { PriceEntry } from '../estimate/prices.ts';
import type { Logger } from '../log.ts';
import type { OwnText } from '../metrics/own-text.ts';
import { emptyPage, type PageSource } from '../metrics/page.ts';
import { createShownPage } from '../metrics/shown-page.ts';
import { type OrganizationSummary, type Status, StatusUnavailable } from '../status.ts';
import type { ShownHour } from '../usage/recent.ts';
import type { FromReader, ToReader } from './messages.ts';
import type { Starts } from './starts.ts';

/** All in milliseconds, but for `deaths` and `messages`. */
const usualLimits = {
  /** The time from a death until the next start, or its turn, is asked for; it doubles with each death that follows soon. */
  firstPause: 1_000,
  longestPause: 60_000,
  /** The number of deaths, and the time within which they are too many to go on. */
  deaths: 10,
  deathsWithin: 600_000,
  /** A thread that gives no sign of life for so long is ended. */
  silence: 300_000,
  lookEvery: 10_000,
  /** A thread that sends more messages than this between two looks is ended. */
  messages: 20_000,
  /** A status that takes longer than this is not waited for. */
  status: 5_000,
  /** The time that a thread has to end by itself when it is told to. */
  stop: 3_500,
  /** The time that ending a thread by force may take. */
  terminate: 500,
};

export interface ReaderOptions {
  /** Starts the thread. */
  readonly spawn: () => Worker;
  readonly clock: Clock;
  readonly log: Logger;
  /** Writes a line of the thread's log. */
  readonly writeLine: (line: string) => void;
  /** Called each time the thread has died and will be started again. */
  readonly restarting: () => void;
  /** Called with the hours whose usage is shown, with each page. */
  readonly showsHours?: (hours: readonly ShownHour[]) => void;
  /** Called with the prices that estimates go by, each time they have changed. */
  readonly goesBy?: (prices: readonly PriceEntry[]) => void;
  /** Gives each life of the thread a turn for its start; without it, it starts at once. */
  readonly starts?: Starts | undefined;
  /** Limits that differ from the usual ones. */
  readonly limits?: Partial<typeof usualLimits>;
}

export interface Reader {
  readonly page: PageSource;
  /** Returns what the thread told last about itself; undefined before the first time. */
  own(): OwnText | undefined;
  /** Reports whether every api was tried once. */
  ready(): boolean;
  /**
   * Reports whether OpenAI answers one api at least, false after a death; undefined until that is known. A thread that is
   * started anew has the value of the one before until it knows better.
   */
  up(): boolean | undefined;
  /** Returns the thread's line in the list of several; undefined before the first time. */
  summary(): OrganizationSummary | undefined;
  /** Reports whether the thread could not be ended: something that it waits for hangs. */
  isStuck(): boolean;
  /**
   * Asks the thread what it knows. Calls that come while one is under way share its answer.
   * @throws {StatusUnavailable} if there is no answer in time
   */
  status(): Promise<Status>;
  /**
   * Keeps the thread running until the signal is aborted.
   * @throws {ReaderFailed} if it dies again and again
   */
  run(signal: AbortSignal): Promise<void>;
  /**
   * Ends the thread as `run` does at its end, and starts it anew; the page stays on show meanwhile. One that waits for its
   * turn goes on waiting: it has not been started.
   */
  restart(): void;
}

/** The reading thread has died so often that there is no point in starting it once more. */
export class ReaderFailed extends Error {
  override readonly name = 'ReaderFailed';
}

/** Returns a reader whose thread has not been started. */
export function createReader(options: ReaderOptions): Reader {
  const { spawn, clock, log, writeLine, restarting, showsHours = () => {}, goesBy = () => {}, starts } = options;
  const limits = { ...usualLimits, ...options.limits };
  let page: PageSource = { current: () => emptyPage };
  let own: OwnText | undefined;
  let ready = false;
  let up: boolean | undefined;
  let summary: OrganizationSummary | undefined;
  /** Ends the running thread when it is to make room for the next one. */
  let life = new AbortController();
  let worker: Worker | undefined;
  let lastId = 0;
  let stuck = false;
  let waitsForTurn = false;
  let asked: { readonly answer: Promise<Status>; readonly take: (id: number, status: Status) => void } | undefined;

  const tell = (to: Worker, message: ToReader) => to.postMessage(message);

  function ask(to: Worker): NonNullable<typeof asked> {
    lastId++;
    const id = lastId;
    let take: NonNullable<typeof asked>['take'] = () => {};
    const answer = new Promise<Status>((resolve, reject) => {
      const timer = setTimeout(() => reject(silent()), limits.status);
      take = (answered, status) => {
        if (answered !== id) return;
        clearTimeout(timer);
        resolve(status);
      };
      tell(to, { kind: 'status', id });
    }).finally(() => {
      asked = undefined;
    });
    return { answer, take: (answered, status) => take(answered, status) };
  }

  /** One life of the thread. Resolves with the reason of its death; undefined if it was told to stop. */
  async function live(signal: AbortSignal): Promise<unknown> {
    let started = () => {};
    let thread: Worker;
    try {
      if (starts !== undefined) {
        waitsForTurn = true;
        started = await starts.turn(signal).finally(() => {
          waitsForTurn = false;
        });
        signal.throwIfAborted();
      }
      thread = spawn();
    } catch (error) {
      started();
      return signal.aborted ? undefined : error;
    }
    worker = thread;
    // Parts of pages are numbered anew in each life; the last page of the life before stays until the first of this one.
    const shown = createShownPage();
    let reason: unknown;
    let heardAt = clock.monotonic();
    let heard = 0;
    /** Stops waiting for the end of the thread. */
    let giveUp: (() => void) | undefined;

    const end = (why: Error) => {
      if (reason === undefined) void thread.terminate();
      reason ??= why;
    };
    const watch = setInterval(() => {
      if (clock.monotonic() - heardAt > limits.silence) {
        end(new Error(`it gave no sign of life for ${limits.silence / 60_000} minutes`));
      }
      heard = 0;
    }, limits.lookEvery);

    thread.on('message', (message: FromReader) => {
      heardAt = clock.monotonic();
      heard++;
      if (heard > limits.messages) {
        end(new Error(`it sent more than ${limits.messages} messages within ${limits.lookEvery / 1_000} seconds`));
      }
      switch (message.kind) {
        case 'page':
          shown.show(message.update);
          page = shown;
          showsHours(message.hours);
          tell(thread, { kind: 'taken' });
          break;
        case 'health':
          own = message.own;
          ready ||= message.ready;
          if (message.ready) started();
          // A thread that was started anew does not know yet what the one before it did.
          up = message.up ?? up;
          break;
        case 'summary':
          summary = message.summary;
          break;
        case 'status':
          asked?.take(message.id, message.status);
          break;
        case 'prices':
          goesBy(message.prices);
          break;
        case 'log':
          writeLine(message.line);
          break;
        case 'hanging':
          if (signal.aborted) giveUp?.();
          break;
        case 'alive':
          break;
      }
    });
    thread.on('error', (error) => {
      reason ??= error;
    });

    return await new Promise((resolve) => {
      let killer: NodeJS.Timeout | undefined;
      giveUp = () => {
        stuck = true;
        clearInterval(watch);
        clearTimeout(killer);
        // Whatever it still says is not about the thread that takes its place.
        thread.removeAllListeners('message');
        resolve(undefined);
      };
      const stop = () => {
        tell(thread, { kind: 'stop' });
        killer = setTimeout(() => {
          void thread.terminate();
          // A thread of the system that hangs, on a disk that does not answer, keeps this one from ending.
          killer = setTimeout(() => giveUp?.(), limits.terminate);
        }, limits.stop);
      };
      thread.on('exit', (code) => {
        started();
        clearInterval(watch);
        clearTimeout(killer);
        signal.removeEventListener('abort', stop);
        if (worker === thread) worker = undefined;
        resolve(signal.aborted ? undefined : (reason ?? new Error(`it ended with code ${code}`)));
      });
      signal.addEventListener('abort', stop, { once: true });
    });
  }

  return {
    page: { current: () => page.current() },
    own: () => own,
    ready: () => ready,
    up: () => up,
    summary: () => summary,
    restart() {
      if (!waitsForTurn) life.abort();
    },
    isStuck: () => stuck,
    async status() {
      if (worker === undefined) throw silent();
      asked ??= ask(worker);
      return await asked.answer;
    },
    async run(signal) {
      const deaths: number[] = [];
      signal.addEventListener('abort', () => life.abort(), { once: true });
      while (!signal.aborted) {
        life = new AbortController();
        const reason = await live(life.signal);
        // It was told to end, for good or to be started anew.
        if (reason === undefined) continue;
        up = false;
        const now = clock.monotonic();
        deaths.push(now);
        while (now - (deaths[0] ?? now) > limits.deathsWithin) deaths.shift();
        if (deaths.length >= limits.deaths) {
          throw new ReaderFailed(
            `the thread that reads OpenAI died ${deaths.length} times within ${limits.deathsWithin / 60_000} minutes`,
            { cause: reason },
          );
        }
        const pause = Math.min(limits.longestPause, limits.firstPause * 2 ** (deaths.length - 1));
        log.error(
          'the thread that reads OpenAI has died; its last page stays on show until it has been started again',
          {
            error: reason,
            startsAgainInSeconds: pause / 1_000,
          },
        );
        restarting();
        await clock.sleep(pause, life.signal).catch(() => undefined);
      }
    },
  };
}

function silent(): StatusUnavailable {
  return new StatusUnavailable('the thread that reads OpenAI does not answer: it is busy, or is being started again');
}

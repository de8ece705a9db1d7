/**
 * The thread of live usage as the serving thread has it: started, asked, and started again when it dies. Its counters
 * begin anew then, which Prometheus sees as a reset.
 */
import type { Worker } from 'node:worker_threads';
import type { Clock } from '../clock.ts';
import type { PriceEntry } from '../estimate/prices.ts';
import type { Logger } from '../log.ts';
import { emptyPage, type PageSource } from '../metrics/page.ts';
import { createShownPage } from '../metrics/shown-page.ts';
import type { LiveStatus } from '../status.ts';
import type { ShownHour } from '../usage/recent.ts';
import type { Asked, FromLive, ToLive } from './messages.ts';
import type { Report, ReportAnswer } from './report.ts';

/** Bounds, in milliseconds. */
const limits = {
  /** The pause from a death to the next start; doubles with each death that follows soon. */
  firstPause: 1_000,
  longestPause: 60_000,
  /** A thread that has lived for so long begins with the first pause again. */
  soundAfter: 600_000,
  /** The time that a thread has to end by itself when it is told to. */
  stop: 1_000,
  /** The time for which reports are gathered: a message costs more than most of what is in it. */
  gather: 1,
} as const;

export interface LiveThreadOptions {
  /** Starts the thread, which has died so often before. */
  readonly spawn: (restarts: number) => Worker;
  readonly clock: Clock;
  readonly log: Logger;
  /** Writes a line of the thread's log. */
  readonly writeLine: (line: string) => void;
  /** Called with the bytes of the bodies that are handed over. */
  readonly handedOver?: ((bytes: number) => void) | undefined;
}

export interface LiveThread {
  readonly page: PageSource;
  /** Returns what the thread told last; undefined before the first time. */
  status(): LiveStatus | undefined;
  /**
   * Hands a report over and resolves with its answer.
   * @throws {LiveUnavailable} if the thread dies before, or is not there
   */
  report(report: Report): Promise<ReportAnswer>;
  /** Counts a report that was refused before anybody looked into it. */
  refused(): void;
  /** Takes the hours whose usage is on show, so that live usage shows the same. */
  showsHours(hours: readonly ShownHour[]): void;
  /** Hands prices over, which the thread goes by from now on. */
  goBy(prices: readonly PriceEntry[]): void;
  /** Keeps the thread running until the signal is aborted. */
  run(signal: AbortSignal): Promise<void>;
}

/** An error for the time in which nobody takes live usage: whoever reports should do so again soon. */
export class LiveUnavailable extends Error {
  override readonly name = 'LiveUnavailable';
}

interface Waiting {
  readonly resolve: (answer: ReportAnswer) => void;
  readonly reject: (error: Error) => void;
}

/** Returns one whose thread has not been started. */
export function createLiveThread({ spawn, clock, log, writeLine, handedOver }: LiveThreadOptions): LiveThread {
  let page: PageSource = { current: () => emptyPage };
  let status: LiveStatus | undefined;
  let worker: Worker | undefined;
  let lastId = 0;
  let hours: readonly ShownHour[] = [];
  let prices: readonly PriceEntry[] = [];
  const waiting = new Map<number, Waiting>();
  /** Reports that are not handed over yet: one message takes them all. */
  let gathered: Asked[] = [];
  /** Reports that were refused, and not told of yet. */
  let refused = 0;
  let isDue = false;
  let restarts = 0;

  function sendSoon(): void {
    if (isDue) return;
    isDue = true;
    setTimeout(send, limits.gather);
  }

  function send(): void {
    isDue = false;
    if (worker === undefined) return;
    if (refused > 0) {
      const message: ToLive = { kind: 'refused', reports: refused };
      worker.postMessage(message);
      refused = 0;
    }
    const reports = gathered;
    gathered = [];
    if (reports.length === 0) return;
    const pieces = reports.flatMap(({ body }) => body);
    handedOver?.(pieces.reduce((sum, { byteLength }) => sum + byteLength, 0));
    // What has a buffer of its own is handed over; the rest is copied.
    const moved = pieces.flatMap(ownBuffer);
    const message: ToLive = { kind: 'reports', reports };
    worker.postMessage(message, moved);
  }

  function tellHours(): void {
    const message: ToLive = { kind: 'hours', hours };
    worker?.postMessage(message);
  }

  function tellPrices(): void {
    const message: ToLive = { kind: 'prices', prices };
    if (prices.length > 0) worker?.postMessage(message);
  }

  function hear(message: FromLive, show: ReturnType<typeof createShownPage>): void {
    switch (message.kind) {
      case 'answers':
        for (const { id, ...answer } of message.answers) {
          waiting.get(id)?.resolve(answer);
          waiting.delete(id);
        }
        break;
      case 'page':
        show.show(message.update);
        page = show;
        ({ status } = message);
        break;
      case 'log':
        writeLine(message.line);
        break;
    }
  }

  /** One life of the thread. Resolves with the reason of its death; undefined if it was told to stop. */
  function live(signal: AbortSignal): Promise<unknown> {
    const thread = spawn(restarts);
    worker = thread;
    if (refused > 0) sendSoon();
    if (hours.length > 0) tellHours();
    tellPrices();
    const shown = createShownPage();
    let reason: unknown;
    thread.on('message', (message: FromLive) => hear(message, shown));
    thread.on('error', (error) => {
      reason ??= error;
    });
    return new Promise((resolve) => {
      let killer: NodeJS.Timeout | undefined;
      const stop = () => {
        const message: ToLive = { kind: 'stop' };
        thread.postMessage(message);
        killer = setTimeout(() => void thread.terminate(), limits.stop);
      };
      thread.on('exit', (code) => {
        clearTimeout(killer);
        signal.removeEventListener('abort', stop);
        worker = undefined;
        gathered = [];
        for (const one of waiting.values()) one.reject(unavailable());
        waiting.clear();
        resolve(signal.aborted ? undefined : (reason ?? new Error(`it ended with code ${code}`)));
      });
      signal.addEventListener('abort', stop, { once: true });
      if (signal.aborted) stop();
    });
  }

  return {
    page: { current: () => page.current() },
    status: () => status,
    report(report) {
      if (worker === undefined) return Promise.reject(unavailable());
      lastId++;
      const id = lastId;
      gathered.push({ id, ...report });
      sendSoon();
      return new Promise((resolve, reject) => waiting.set(id, { resolve, reject }));
    },
    refused() {
      refused++;
      sendSoon();
    },
    showsHours(shown) {
      if (sameHours(hours, shown)) return;
      hours = shown;
      tellHours();
    },
    goBy(entries) {
      prices = entries;
      tellPrices();
    },
    async run(signal) {
      let pause: number = limits.firstPause;
      while (!signal.aborted) {
        const began = clock.monotonic();
        const reason = await live(signal);
        if (reason === undefined) return;
        restarts++;
        if (clock.monotonic() - began > limits.soundAfter) pause = limits.firstPause;
        log.error('the thread of live usage has died; its counters begin anew when it has been started again', {
          error: reason,
          startsAgainInSeconds: pause / 1_000,
        });
        await clock.sleep(pause, signal).catch(() => undefined);
        pause = Math.min(limits.longestPause, pause * 2);
      }
    },
  };
}

/** Returns the buffer of a piece that is alone in it. */
function ownBuffer({ buffer, byteLength }: Uint8Array): readonly ArrayBuffer[] {
  return buffer instanceof ArrayBuffer && buffer.byteLength === byteLength ? [buffer] : [];
}

function sameHours(a: readonly ShownHour[], b: readonly ShownHour[]): boolean {
  const isSame = ({ api, state, start }: ShownHour, at: number) =>
    b[at]?.api === api && b[at].state === state && b[at].start === start;
  return a.length === b.length && a.every(isSame);
}

function unavailable(): LiveUnavailable {
  return new LiveUnavailable('live usage cannot be taken at the moment; report it again in a few seconds');
}

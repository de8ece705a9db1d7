/**
 * Writes lines to stderr without ever waiting for whoever reads them: what cannot be taken is dropped and counted, so
 * that neither a full disk nor a reader that stands still ends the process or holds up a scrape.
 */
import { fstatSync, write } from 'node:fs';
import { codeOf } from './error-code.ts';

/** Takes one text at a time. */
export interface Sink {
  /** A thread waits for each write, and with it the end of the process. */
  readonly threaded: boolean;
  /** @param done called once, later or at once, with the error if not all of the text was taken */
  write(text: string, done: (error?: Error | null) => void): void;
}

export interface LineOutput {
  /** @param line ends with a line feed */
  write(line: string): void;
  /** Lines lost since the start. */
  dropped(): number;
  /** Reports whether a thread waits for a write. */
  holdsThread(): boolean;
  /** Resolves once everything is written, or after so many milliseconds. */
  flush(within: number): Promise<void>;
}

export interface LineOutputOptions {
  readonly sink: Sink;
  /** Called when everything is written again after lines were lost, with how many since the last time. */
  readonly recovered?: (lines: number) => void;
  /** Most bytes that wait to be written. */
  readonly mostWaiting?: number;
}

/** More than a thousand lines. */
const usualWaiting = 262_144;

/** An output whose lines are written in their order, one after the other. */
export function createLineOutput({ sink, recovered, mostWaiting = usualWaiting }: LineOutputOptions): LineOutput {
  let waiting: string[] = [];
  let waitingBytes = 0;
  /** Lines of the write that is under way; 0 if there is none. */
  let underWay = 0;
  let dropped = 0;
  let toldDropped = 0;
  /** The last write broke off, perhaps in the middle of a line. */
  let torn = false;
  let idle: (() => void)[] = [];

  function next(): void {
    if (underWay > 0) return;
    if (waiting.length === 0) {
      const waiters = idle;
      idle = [];
      for (const resolve of waiters) resolve();
      return;
    }
    const text = `${torn ? '\n' : ''}${waiting.join('')}`;
    underWay = waiting.length;
    waiting = [];
    waitingBytes = 0;
    sink.write(text, (error) => {
      const lines = underWay;
      underWay = 0;
      const failed = error !== undefined && error !== null;
      torn = failed;
      if (failed) dropped += lines;
      else tellRecovered();
      next();
    });
  }

  function tellRecovered(): void {
    if (waiting.length > 0 || dropped === toldDropped) return;
    const lines = dropped - toldDropped;
    toldDropped = dropped;
    recovered?.(lines);
  }

  return {
    write(line) {
      const bytes = Buffer.byteLength(line);
      if (waitingBytes + bytes > mostWaiting) {
        dropped++;
        return;
      }
      waiting.push(line);
      waitingBytes += bytes;
      next();
    },
    dropped: () => dropped,
    holdsThread: () => sink.threaded && underWay > 0,
    flush(within) {
      if (underWay === 0 && waiting.length === 0) return Promise.resolve();
      return new Promise((resolve) => {
        const timer = setTimeout(resolve, within);
        idle.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    },
  };
}

/**
 * stderr. Node writes to a pipe or a socket without waiting; what it would wait for (a file, a terminal, a device) is
 * written by a thread of its pool: by one at most, for there is one write at a time.
 */
export function stderrSink(): Sink {
  const { stderr } = process;
  const kind = fstatSync(stderr.fd);
  if (!kind.isFIFO() && !kind.isSocket()) return fileSink(stderr.fd);
  // Each write is told of its own failure.
  stderr.on('error', () => {});
  return { threaded: false, write: (text, done) => void stderr.write(text, done) };
}

/** Milliseconds after which a file that can take nothing at the moment is tried again. */
const retryAfter = 100;

function fileSink(fd: number): Sink {
  return {
    threaded: true,
    write(text, done) {
      const bytes = Buffer.from(text);
      const writeFrom = (offset: number): void =>
        write(fd, bytes, offset, bytes.length - offset, null, (error, written) => {
          if (error !== null && codeOf(error) === 'EAGAIN') setTimeout(writeFrom, retryAfter, offset).unref();
          else if (error !== null || offset + written >= bytes.length) done(error);
          else writeFrom(offset + written);
        });
      writeFrom(0);
    },
  };
}

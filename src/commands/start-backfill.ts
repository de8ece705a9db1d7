/**
 * Runs `backfill` in a thread of its own: it computes for long without a pause, and a signal is still heard at once.
 * The messages between that thread and the program's first one are in this file.
 */
import type { Worker } from 'node:worker_threads';
import type { Logger } from '../log.ts';
import type { BackfillSettings } from '../settings/backfill-settings.ts';
import type { KeySetting } from '../settings/key-setting.ts';
import type { Settings } from '../settings/settings.ts';

/** The work of the thread, handed over when it starts. */
export interface BackfillTask {
  readonly settings: Settings;
  readonly history: BackfillSettings;
  readonly key: KeySetting;
  /** True if levels in log lines are coloured. */
  readonly coloured: boolean;
}

export type ToBackfill =
  /** The text that was sent last has been taken; more may be sent. */
  | { readonly kind: 'taken' }
  /** Asks the thread to end, and says why. */
  | { readonly kind: 'stop'; readonly reason: string };

export type FromBackfill =
  /** Text for stdout; it is taken when the reader of stdout has room for more. */
  | { readonly kind: 'out'; readonly text: string }
  /** Text for stderr: what is wrong with the command line. */
  | { readonly kind: 'mistake'; readonly text: string }
  /** A finished line for the log. */
  | { readonly kind: 'log'; readonly line: string }
  /** The last message. */
  | { readonly kind: 'end'; readonly code: 0 | 1 | 2 };

export interface StartOptions {
  readonly spawn: () => Worker;
  readonly log: Logger;
  readonly writeLine: (line: string) => void;
  readonly out: { write(text: string, taken: () => void): unknown };
  readonly err: { write(text: string): unknown };
  /** The signal that is aborted when the program is told to stop. */
  readonly signal: AbortSignal;
  /** Called if the thread does not end although it was told to: a disk that does not answer can hold it. */
  readonly stuck: () => void;
}

/** Milliseconds that the thread has for ending once it was told to. */
const patience = 4_000;

/** Resolves with the exit code. @throws what the thread died of */
export function startBackfill({ spawn, log, writeLine, out, err, signal, stuck }: StartOptions): Promise<0 | 1 | 2> {
  const thread = spawn();
  const tell = (message: ToBackfill) => thread.postMessage(message);
  return new Promise((resolve, reject) => {
    let waiting: NodeJS.Timeout | undefined;
    const stop = () => {
      tell({ kind: 'stop', reason: signal.reason instanceof Error ? signal.reason.message : String(signal.reason) });
      waiting = setTimeout(() => {
        log.error(
          'the backfill was told to stop and does not end, perhaps because a disk does not answer; it is cut off where it is',
        );
        stuck();
        resolve(1);
      }, patience);
    };
    const end = () => {
      clearTimeout(waiting);
      signal.removeEventListener('abort', stop);
    };
    thread.on('message', (message: FromBackfill) => {
      switch (message.kind) {
        case 'out':
          out.write(message.text, () => tell({ kind: 'taken' }));
          break;
        case 'mistake':
          err.write(message.text);
          break;
        case 'log':
          writeLine(message.line);
          break;
        case 'end':
          end();
          resolve(message.code);
      }
    });
    thread.once('error', (error) => {
      end();
      reject(error);
    });
    thread.once('exit', (code) => {
      end();
      // Nothing happens if it has said that it ends.
      reject(new Error(`the thread of the backfill ended with code ${code}`));
    });
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}

/** Takes text: a file, through one buffer that is used again and again, or a stream such as stdout. */
import { once } from 'node:events';
import { closeSync, openSync, writeSync } from 'node:fs';
import type { Writable } from 'node:stream';

export interface Sink {
  write(text: string): Promise<void>;
  /** Closes it; called in any case. */
  close(): void;
}

/** Bytes that are written at once. */
const bufferSize = 2 ** 19;

/** @param path overwritten */
export function fileSink(path: string): Sink {
  const file = openSync(path, 'w');
  const encoder = new TextEncoder();
  const buffer = new Uint8Array(bufferSize);
  return {
    async write(text) {
      for (let rest = text; rest !== ''; ) {
        const { read, written } = encoder.encodeInto(rest, buffer);
        for (let from = 0; from < written; ) from += writeSync(file, buffer, from, written - from);
        rest = rest.slice(read);
      }
    },
    close: () => closeSync(file),
  };
}

/** @param signal ends the wait for a reader that does not read */
export function streamSink(out: Writable, signal: AbortSignal): Sink {
  return {
    async write(text) {
      if (out.write(text)) return;
      await once(out, 'drain', { signal }).catch((error: unknown) => {
        // Why it was told to stop says more.
        signal.throwIfAborted();
        throw error;
      });
    },
    close() {},
  };
}

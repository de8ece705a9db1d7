/** Gives the memory of a buffer back at once. Otherwise it waits until V8 collects, which it then does the more often. */
import threads from 'node:worker_threads';

/** A buffer as it is from Node 22 on, where memory is gone before `transfer` returns. */
type Memory = ArrayBuffer & { readonly transfer?: (length: number) => ArrayBuffer };

/** The module as it is from Node 22 on, where the pool of small buffers is marked. */
type Threads = typeof threads & { readonly isMarkedAsUntransferable?: (value: object) => boolean };

const { isMarkedAsUntransferable }: Threads = threads;

/** Bytes up to which a buffer is not worth the while; the pool of Node 20 has as many. */
const small = 8_192;

/** A port at which nobody listens: what is moved there is gone, too. */
const nowhere = closedPort();

/** Frees all memory under a view, for all views of it; memory of Node's pool stays. */
export function freeBuffer({ buffer }: Uint8Array): void {
  if (!(buffer instanceof ArrayBuffer) || buffer.byteLength <= small || isMarkedAsUntransferable?.(buffer)) return;
  const memory: Memory = buffer;
  if (memory.transfer === undefined) nowhere.postMessage(undefined, [memory]);
  else memory.transfer(0);
}

function closedPort() {
  const { port1 } = new threads.MessageChannel();
  port1.close();
  return port1;
}

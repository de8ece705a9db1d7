/** Gives the memory of a buffer back at once. Otherwise it waits until V8 collects, which it then does the more often. */
import { MessageChannel } from 'node:worker_threads';

/** As Node has it from 22 on: what is given back is gone before the call returns. */
type Memory = ArrayBuffer & { readonly transfer?: (length: number) => ArrayBuffer };

/** Nobody listens: what is moved there is gone, too. */
const nowhere = closedPort();

/** Frees all memory under a view, for all views of it; memory of Node's pool, from which small buffers are, stays. */
export function freeBuffer({ buffer }: Uint8Array): void {
  if (!(buffer instanceof ArrayBuffer) || buffer.byteLength <= Buffer.poolSize) return;
  const memory: Memory = buffer;
  if (memory.transfer === undefined) nowhere.postMessage(undefined, [memory]);
  else memory.transfer(0);
}

function closedPort() {
  const { port1 } = new MessageChannel();
  port1.close();
  return port1;
}

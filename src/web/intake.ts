/**
 * Hands what a connection sends to Node's parser in small pieces, and nothing while a request is being answered. Node
 * takes 64 KiB at a time by itself and makes a request of everything in it: thousands, before one answer is read.
 */
import type { Socket } from 'node:net';

/** Bytes. The shortest request has 25, so that at most twenty wait behind the one that is answered. */
const piece = 512;

export interface Intake {
  /** Hands over what there is; to be called when nothing is being answered any more. */
  read(): void;
  /** Reports whether all that came has been handed over. */
  isEmpty(): boolean;
}

/**
 * Takes over a connection that Node's HTTP server has begun to read.
 * @param isBusy reports whether a request is being answered
 */
export function readInPieces(socket: Socket, isBusy: () => boolean): Intake {
  const parsers = socket.listeners('data');
  socket.removeAllListeners('data');
  let unread: Buffer = Buffer.alloc(0);
  let isHeld = false;
  let isReading = false;

  function read(): void {
    // Handing over a piece can end an answer, which calls this again.
    if (isReading) return;
    isReading = true;
    while (unread.length > 0 && !isBusy() && !socket.destroyed) {
      const next = unread.subarray(0, piece);
      unread = unread.subarray(piece);
      for (const parse of parsers) Reflect.apply(parse, socket, [next]);
    }
    isReading = false;
    if (unread.length > 0) {
      socket.pause();
      isHeld = true;
    } else if (isHeld) {
      socket.resume();
      isHeld = false;
    }
  }

  socket.on('data', (chunk: Buffer) => {
    unread = unread.length === 0 ? chunk : Buffer.concat([unread, chunk]);
    read();
  });
  return { read, isEmpty: () => unread.length === 0 };
}

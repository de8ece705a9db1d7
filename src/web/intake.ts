/**
 * Hands what a connection sends to Node's parser in small pieces, and nothing while a request is being answered. Node
 * takes 64 KiB at a time by itself and makes a request of everything in it: thousands, before one answer is read.
 */
import type { Socket } from 'node:net';
import { freeBuffer } from '../free-buffer.ts';
import type { Turns } from './turns.ts';

/** Bytes. The shortest request has 25, so that at most twenty wait behind the one that is answered. */
export const piece = 512;
/** Bytes of a body that is being read. */
const bodyPiece = 65_536;

export interface Intake {
  /** Hands over what there is; to be called when nothing is being answered any more. */
  read(): void;
  /** Reports whether all that came has been handed over. */
  isEmpty(): boolean;
  /** Returns how many bytes have been handed over, the piece in which the parser is included. */
  handed(): number;
}

export interface IntakeOptions {
  /** Reports whether a request is being answered, and nothing more of it is wanted. */
  readonly isBusy: () => boolean;
  /** Reports whether a body is being read. */
  readonly isBodyRead: () => boolean;
  /** Returns the bytes that are left of a body that is being read; 0 where that is not known. */
  readonly bodyLeft: () => number;
  /** Spreads what comes of reports, of all connections together; scrapes do not wait for a turn. */
  readonly turns: Turns;
}

const nothing: Buffer = Buffer.alloc(0);

/** The first letter of POST, by which only reports come that often. */
const post = 0x50;

/** Takes over a connection that Node's HTTP server has begun to read. */
export function readInPieces(socket: Socket, { isBusy, isBodyRead, bodyLeft, turns }: IntakeOptions): Intake {
  const parsers = socket.listeners('data');
  socket.removeAllListeners('data');
  let unread: Buffer = nothing;
  /** True if what is unread began with a report or the rest of one. */
  let isReport = false;
  let isHeld = false;
  let isReading = false;
  let handed = 0;

  function read(): void {
    // Handing over a piece can end an answer, which calls this again.
    if (isReading) return;
    isReading = true;
    while (unread.length > 0 && !isBusy() && !socket.destroyed) {
      const size = Math.max(piece, Math.min(bodyPiece, bodyLeft()));
      const next = unread.subarray(0, size);
      unread = unread.subarray(size);
      handed += next.length;
      for (const parse of parsers) Reflect.apply(parse, socket, [next]);
    }
    isReading = false;
    if (unread.length > 0) {
      hold();
      return;
    }
    free();
    if (isHeld) {
      socket.resume();
      isHeld = false;
    }
  }

  /** Frees what has been handed over: the parser has copied what it needs. */
  function free(): void {
    if (isReport) freeBuffer(unread);
    unread = nothing;
  }

  function hold(): void {
    socket.pause();
    isHeld = true;
  }

  socket.on('data', (chunk: Buffer) => {
    unread = unread.length === 0 ? chunk : Buffer.concat([unread, chunk]);
    isReport = isBodyRead() || unread[0] === post;
    if (!isReport) read();
    else if (!turns.soon(read)) hold();
  });
  return { read, isEmpty: () => unread.length === 0, handed: () => handed };
}

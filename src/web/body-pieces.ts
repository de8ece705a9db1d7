/**
 * The pieces in which a body comes, small ones put together as they come: a client can send a body byte by byte, and
 * each piece costs far more than its bytes.
 */

/** Bytes from which on a piece is kept as it is. */
const large = 16_384;
/** Bytes of a buffer that small pieces are put into, at the most. */
const joinedSize = 65_536;

export interface BodyPieces {
  add(piece: Buffer): void;
  /** Returns all of them, in order, each in memory of its own. Nothing can be added any more. */
  end(): readonly Uint8Array[];
}

/** @param expected the bytes of the whole body as its sender says; 0 if unknown */
export function createBodyPieces(expected = 0): BodyPieces {
  const pieces: Buffer[] = [];
  let joined: Buffer | undefined;
  let length = 0;
  /** Bytes of all pieces so far. */
  let sum = 0;

  function close(): void {
    if (joined !== undefined) pieces.push(joined.subarray(0, length));
    joined = undefined;
    length = 0;
  }

  /** A small body, as most are, has one buffer for all of it; else there is room for as much again as has come. */
  function newBuffer(piece: Buffer): Buffer {
    const rest = expected < large ? expected - sum : 0;
    return Buffer.allocUnsafeSlow(Math.max(piece.length, rest, Math.min(sum, joinedSize)));
  }

  return {
    add(piece) {
      if (piece.length >= large) {
        close();
        pieces.push(piece);
      } else {
        if (joined !== undefined && length + piece.length > joined.length) close();
        joined ??= newBuffer(piece);
        length += piece.copy(joined, length);
      }
      sum += piece.length;
    },
    end() {
      close();
      return pieces;
    },
  };
}

/**
 * The pieces in which a body comes, small ones put together as they come: a client can send a body byte by byte, and
 * each piece costs far more than its bytes.
 */

/** Bytes from which on a piece is kept as it is. */
const large = 16_384;
/** Bytes of a buffer that small pieces are put into. */
const joinedSize = 65_536;

export interface BodyPieces {
  add(piece: Buffer): void;
  /** Returns all of them, in order. Nothing can be added any more. */
  end(): readonly Uint8Array[];
}

export function createBodyPieces(): BodyPieces {
  const pieces: Buffer[] = [];
  let joined: Buffer | undefined;
  let length = 0;

  function close(): void {
    if (joined !== undefined) pieces.push(joined.subarray(0, length));
    joined = undefined;
    length = 0;
  }

  return {
    add(piece) {
      // Most bodies are one small piece.
      if (piece.length >= large || pieces.length === 0) {
        close();
        pieces.push(piece);
        return;
      }
      if (length + piece.length > joinedSize) close();
      joined ??= Buffer.allocUnsafe(joinedSize);
      length += piece.copy(joined, length);
    },
    end() {
      close();
      return pieces;
    },
  };
}

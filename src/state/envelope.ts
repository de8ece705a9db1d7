/** The envelope that both forms of the state file share: a line that says what it is, a line of JSON, parts, and a checksum. */
import { crc32 } from 'node:zlib';

const checksumBytes = 4;

/**
 * Returns the pieces of a file, in their order.
 * @param magic the first line, with its end
 */
export function seal(magic: string, header: unknown, parts: readonly Uint8Array[]): readonly Uint8Array[] {
  const pieces = [Buffer.from(`${magic}${JSON.stringify(header)}\n`), ...parts];
  const checksum = Buffer.alloc(checksumBytes);
  checksum.writeUInt32LE(pieces.reduce((sum, piece) => crc32(piece, sum), 0));
  return [...pieces, checksum];
}

export interface Opened<Header> {
  readonly header: Header;
  /** Returns the next so many bytes of the parts. @throws if there are fewer */
  take(length: number): Uint8Array;
  /** @throws if not all has been taken */
  end(): void;
}

/**
 * Opens what `seal` made.
 * @throws if the bytes are something else; the message says what is wrong
 */
export function open<Header>(
  bytes: Buffer,
  magic: string,
  isHeader: (value: unknown) => value is Header,
): Opened<Header> {
  if (!bytes.subarray(0, magic.length).equals(Buffer.from(magic))) {
    throw new Error('it does not begin as a state file of this version does');
  }
  const body = bytes.subarray(0, Math.max(0, bytes.length - checksumBytes));
  if (bytes.length < magic.length + checksumBytes || crc32(body) !== bytes.readUInt32LE(body.length)) {
    throw new Error('its checksum does not match; it was cut off or changed');
  }
  const headerEnd = body.indexOf('\n', magic.length);
  if (headerEnd === -1) throw new Error('its header has no end');
  const header: unknown = JSON.parse(body.subarray(magic.length, headerEnd).toString());
  if (!isHeader(header)) throw new Error('its header is not of the form that it should have');
  let position = headerEnd + 1;
  return {
    header,
    take(length) {
      if (position + length > body.length) throw new Error('it is shorter than its header says');
      position += length;
      return body.subarray(position - length, position);
    },
    end() {
      if (position !== body.length) throw new Error('it is longer than its header says');
    },
  };
}

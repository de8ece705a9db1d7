/**
 * The file's form as a whole: the states of the last few settings, so that going back to earlier ones finds theirs,
 * and the names of what is gone. A line that says what it is, a line of JSON, then the parts, and a checksum.
 */
import { crc32 } from 'node:zlib';
import { decodeState } from './codec.ts';

export interface ShelvedState {
  readonly fingerprint: string;
  /** A state as `encodeState` made it. */
  readonly bytes: Uint8Array;
}

export interface Shelf {
  /** The newest first. */
  readonly states: readonly ShelvedState[];
  /** Names as whoever keeps them wrote them; undefined where there are none. */
  readonly names: Uint8Array | undefined;
}

/** States that are kept, that of the running settings included. */
export const mostStates = 5;

const magic = Buffer.from('openai-usage-exporter state, version 2\n');
const checksumBytes = 4;

interface Header {
  readonly states: readonly { readonly fingerprint: string; readonly length: number }[];
  /** Length of the names; 0 if there are none. */
  readonly names: number;
}

/** The pieces of the file, in their order. */
export function encodeShelf({ states, names }: Shelf): readonly Uint8Array[] {
  const kept = states.slice(0, mostStates);
  const header: Header = {
    states: kept.map(({ fingerprint, bytes }) => ({ fingerprint, length: bytes.length })),
    names: names?.length ?? 0,
  };
  const pieces = [
    magic,
    Buffer.from(`${JSON.stringify(header)}\n`),
    ...kept.map(({ bytes }) => bytes),
    ...(names === undefined ? [] : [names]),
  ];
  const checksum = Buffer.alloc(checksumBytes);
  checksum.writeUInt32LE(pieces.reduce((sum, piece) => crc32(piece, sum), 0));
  return [...pieces, checksum];
}

/**
 * Reads also a file of the version before, which held one state and nothing else.
 * @throws if the bytes are neither; the message says what is wrong
 */
export function decodeShelf(bytes: Buffer): Shelf {
  if (!bytes.subarray(0, magic.length).equals(magic)) {
    return { states: [{ fingerprint: decodeState(bytes).fingerprint, bytes }], names: undefined };
  }
  const body = bytes.subarray(0, Math.max(0, bytes.length - checksumBytes));
  if (bytes.length < magic.length + checksumBytes || crc32(body) !== bytes.readUInt32LE(body.length)) {
    throw new Error('its checksum does not match; it was cut off or changed');
  }
  const headerEnd = body.indexOf('\n', magic.length);
  if (headerEnd === -1) throw new Error('its header has no end');
  const header = headerIn(body.subarray(magic.length, headerEnd).toString());
  let position = headerEnd + 1;
  const take = (length: number): Uint8Array => {
    if (position + length > body.length) throw new Error('it is shorter than its header says');
    position += length;
    return body.subarray(position - length, position);
  };
  const states = header.states.map(({ fingerprint, length }) => ({ fingerprint, bytes: take(length) }));
  const names = header.names === 0 ? undefined : take(header.names);
  if (position !== body.length) throw new Error('it is longer than its header says');
  return { states, names };
}

function headerIn(text: string): Header {
  const header: unknown = JSON.parse(text);
  if (!isHeader(header)) throw new Error('its header is not of the form that it should have');
  return header;
}

function isHeader(value: unknown): value is Header {
  if (typeof value !== 'object' || value === null) return false;
  const { states, names } = value as Partial<Record<keyof Header, unknown>>;
  return isLength(names) && Array.isArray(states) && states.length <= mostStates && states.every(isStateHeader);
}

function isStateHeader(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { fingerprint, length } = value as Partial<Record<keyof Header['states'][number], unknown>>;
  return typeof fingerprint === 'string' && isLength(length);
}

function isLength(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

/**
 * The file's form as a whole: the states of the last few settings, so that going back to earlier ones finds theirs,
 * and the names of what is gone. A line that says what it is, a line of JSON, then the parts, and a checksum.
 */
import { decodeState } from './codec.ts';
import { open, seal } from './envelope.ts';

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

const magic = 'openai-usage-exporter state, version 2\n';

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
  return seal(magic, header, [...kept.map(({ bytes }) => bytes), ...(names === undefined ? [] : [names])]);
}

/**
 * Reads also a file of the version before, which held one state and nothing else.
 * @throws if the bytes are neither; the message says what is wrong
 */
export function decodeShelf(bytes: Buffer): Shelf {
  if (!bytes.subarray(0, magic.length).equals(Buffer.from(magic))) {
    return { states: [{ fingerprint: decodeState(bytes).fingerprint, bytes }], names: undefined };
  }
  const { header, take, end } = open(bytes, magic, isHeader);
  const states = header.states.map(({ fingerprint, length }) => ({ fingerprint, bytes: take(length) }));
  const names = header.names === 0 ? undefined : take(header.names);
  end();
  return { states, names };
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

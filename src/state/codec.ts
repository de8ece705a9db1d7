/**
 * The state file's form: what the counters have shown, so that a restart lowers none of them. A line that says what
 * it is, a line of JSON, then for each api a hash and a value for each series, little-endian, and a checksum.
 */
import { createHash } from 'node:crypto';
import { endianness } from 'node:os';
import { open, seal } from './envelope.ts';

/** The values that one api's counters have shown. */
export interface ApiState {
  readonly api: string;
  /** Start of the period, in seconds. */
  readonly anchor: number;
  /** The dimensions that the groups were grouped by; undefined in files of older versions, which had all that the settings name. */
  readonly dimensions?: readonly string[] | undefined;
  /** True if nobody may have scraped the values yet, for the series took the place of others just now. */
  readonly unseen?: boolean | undefined;
  /** Names of the fields, in the order of the values. */
  readonly fields: readonly string[];
  /** Eight bytes for each group: `groupHash` of its labels. */
  readonly hashes: Uint8Array;
  /** The value of each field for each group; NaN for a series that was not shown. */
  readonly values: Float64Array;
}

export interface State {
  /** `fingerprintOf` the settings that decide what a series is. */
  readonly fingerprint: string;
  readonly apis: readonly ApiState[];
}

const magic = 'openai-usage-exporter state, version 1\n';
const hashBytes = 8;
const valueBytes = 8;

interface Header {
  readonly fingerprint: string;
  readonly apis: readonly {
    readonly api: string;
    readonly anchor: number;
    readonly dimensions?: readonly string[] | undefined;
    readonly unseen?: boolean | undefined;
    readonly fields: readonly string[];
    readonly groups: number;
  }[];
}

/** Identifies a group by its labels as text: eight bytes, so that two of a million share one with odds of 1 to 10^7. */
export function groupHash(api: string, labels: string): Uint8Array {
  return createHash('sha256').update(`${api}{${labels}}`).digest().subarray(0, hashBytes);
}

/** Identifies settings: any JSON value. */
export function fingerprintOf(settings: unknown): string {
  return createHash('sha256').update(JSON.stringify(settings)).digest('hex');
}

export function encodeState({ fingerprint, apis }: State): Buffer {
  const header: Header = {
    fingerprint,
    apis: apis.map(({ api, anchor, dimensions, unseen, fields, hashes }) => ({
      api,
      anchor,
      dimensions,
      unseen,
      fields,
      groups: hashes.length / hashBytes,
    })),
  };
  const parts = apis.flatMap(({ hashes, values }) => [
    hashes,
    littleEndian(new Uint8Array(values.buffer, values.byteOffset, values.byteLength)),
  ]);
  return Buffer.concat(seal(magic, header, parts));
}

/** @throws if the bytes are not what `encodeState` made; the message says what is wrong */
export function decodeState(bytes: Buffer): State {
  const { header, take, end } = open(bytes, magic, isHeader);
  const apis = header.apis.map(({ api, anchor, dimensions, unseen, fields, groups }): ApiState => {
    const hashes = Uint8Array.from(take(groups * hashBytes));
    const values = new Float64Array(littleEndian(take(groups * fields.length * valueBytes)).buffer);
    // No sum of counts is larger: it was a glitch, which earlier versions took for a count, and must not stay.
    for (const [index, value] of values.entries()) if (value > Number.MAX_SAFE_INTEGER) values[index] = Number.NaN;
    return { api, anchor, dimensions, unseen, fields, hashes, values };
  });
  end();
  return { fingerprint: header.fingerprint, apis };
}

/** The bytes of 8-byte numbers in the file's order: as they are, but on the rare machine that has the other. */
function littleEndian(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const copy = Buffer.from(bytes);
  const ordered = endianness() === 'LE' ? copy : copy.swap64();
  return Uint8Array.from(ordered);
}

function isHeader(value: unknown): value is Header {
  if (typeof value !== 'object' || value === null) return false;
  const { fingerprint, apis } = value as Partial<Record<keyof Header, unknown>>;
  return typeof fingerprint === 'string' && Array.isArray(apis) && apis.every(isApiHeader);
}

function isApiHeader(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { api, anchor, dimensions, unseen, fields, groups } = value as Partial<
    Record<keyof Header['apis'][number], unknown>
  >;
  return (
    typeof api === 'string' &&
    Number.isSafeInteger(anchor) &&
    Number.isSafeInteger(groups) &&
    Number(groups) >= 0 &&
    (dimensions === undefined || isTexts(dimensions)) &&
    (unseen === undefined || typeof unseen === 'boolean') &&
    isTexts(fields)
  );
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((each) => typeof each === 'string');
}

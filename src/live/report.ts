/** Answers a report of records: a body in, what became of them out. */
import { gunzipSync } from 'node:zlib';
import { codeOf } from '../error-code.ts';
import { freeBuffer } from '../free-buffer.ts';
import { isObject, own } from '../openai/json.ts';
import { mostRecords, type Parsed, recordsIn } from './json-body.ts';
import { givenLabels } from './labels.ts';
import type { Instant, LiveUsage } from './live-usage.ts';
import { apiNamed, type Defaults, type Reading, RecordRefused } from './read-record.ts';

/** Bytes of a body, as sent and unpacked. */
export const mostBytes: number = 8 * 1_024 * 1_024;

/** The form of a body: any mix of records, or OTLP in one of its encodings. */
export type ReportForm = 'records' | 'otlp json' | 'otlp protobuf';

/** A request as the serving thread took it in. */
export interface Report {
  readonly form: ReportForm;
  /** The body in the pieces in which it came. To put a large one together takes time that a scrape should not wait for. */
  readonly body: readonly Uint8Array[];
  readonly isGzip: boolean;
  /** The query, without the question mark. */
  readonly query: string;
}

export interface ReportAnswer {
  readonly status: 200 | 400 | 413;
  /** Encoded as the request is. */
  readonly body: string | Uint8Array;
}

/** The fate of the records of a request. */
export interface Outcomes {
  readonly counted: number;
  readonly duplicates: number;
  readonly skipped: number;
  readonly refused: readonly { readonly index: number; readonly reason: string }[];
}

/** A body that cannot be taken at all. */
export class BodyUnreadable extends Error {
  override readonly name = 'BodyUnreadable';
  readonly status: 400 | 413;

  constructor(status: 400 | 413, message: string) {
    super(message);
    this.status = status;
  }
}

/** Counts all of a body that can be counted. Nothing counts before the whole body is parsed. */
export function answerRecords(live: LiveUsage, report: Report, at: Instant): ReportAnswer {
  try {
    const defaults = readQuery(report.query);
    const records = recordsIn(readWhole(report, (whole) => whole.toString()));
    if (records === 'too many') throw new BodyUnreadable(413, `there are more than ${mostRecords} records in it`);
    const outcomes = countAll(live, records, defaults, at);
    const isReadable = records.length === 0 || records.some((record) => 'value' in record && isObject(record.value));
    return { status: isReadable ? 200 : 400, body: json(outcomes) };
  } catch (error) {
    if (!(error instanceof BodyUnreadable)) throw error;
    live.count({ format: 'unknown', reason: error.message }, at);
    return { status: error.status, body: json({ error: error.message }) };
  }
}

/** Reads and counts one record after the other, so that no more than one reading is held at a time. */
function countAll(live: LiveUsage, records: readonly Parsed[], defaults: Defaults, at: Instant): Outcomes {
  const refused: Outcomes['refused'][number][] = [];
  const sums = { counted: 0, duplicate: 0, skipped: 0, refused: 0 };
  for (const [index, record] of records.entries()) {
    const reading: Reading =
      'value' in record ? live.read(record.value, defaults) : { format: 'unknown', reason: record.reason };
    sums[live.count(reading, at)]++;
    if ('reason' in reading) refused.push({ index, reason: reading.reason });
  }
  return { counted: sums.counted, duplicates: sums.duplicate, skipped: sums.skipped, refused };
}

const nothingSaid: Defaults = { api: undefined, labels: new Map() };

/** Reads what the query says of all records. @throws {BodyUnreadable} for an api that is none */
export function readQuery(query: string): Defaults {
  if (query === '') return nothingSaid;
  const given = Object.fromEntries(new URLSearchParams(query));
  try {
    return { api: apiNamed(own(given, 'api')), labels: givenLabels(given) };
  } catch (error) {
    if (error instanceof RecordRefused) throw new BodyUnreadable(400, `the query: ${error.message}`);
    throw error;
  }
}

/**
 * Returns what `read` makes of the whole body, of which it may keep nothing.
 * @throws {BodyUnreadable}
 */
export function readWhole<T>({ body, isGzip }: Report, read: (whole: Buffer) => T): T {
  const [first] = body;
  if (body.length === 1 && first !== undefined && !isGzip) {
    return read(Buffer.from(first.buffer, first.byteOffset, first.byteLength));
  }
  const sent = Buffer.concat(body);
  const whole = isGzip ? gunzip(sent) : sent;
  try {
    return read(whole);
  } finally {
    freeBuffer(whole);
  }
}

/** Unpacks what is freed then. @throws {BodyUnreadable} */
function gunzip(sent: Buffer): Buffer {
  try {
    return gunzipSync(sent, { maxOutputLength: mostBytes });
  } catch (error) {
    if (codeOf(error) === 'ERR_BUFFER_TOO_LARGE') {
      throw new BodyUnreadable(413, `it is longer than ${mostBytes / 1_024 / 1_024} MiB when it is unpacked`);
    }
    throw new BodyUnreadable(400, 'it is not gzip, though Content-Encoding says so');
  } finally {
    freeBuffer(sent);
  }
}

function json(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}

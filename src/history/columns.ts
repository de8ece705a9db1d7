/**
 * Samples that come instant by instant and are wanted series by series: OpenMetrics wants each series in one piece.
 * They go through a file, so that no span of time and no number of series is too much for the memory.
 */
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import type { Columns } from './timeline.ts';

/** Numbers held at once while they are read back. */
const mostNumbers = 2 ** 20;

interface Instant {
  readonly at: number;
  readonly offset: number;
  readonly rows: number;
}

/** Takes the samples of a series: instants in milliseconds, and values, NaN where it has none. */
export type Series = (row: number, instants: readonly number[], values: Float64Array) => Promise<void>;

export class ColumnFile {
  readonly #file: number;
  readonly #fields: number;
  readonly #instants: Instant[] = [];
  #end = 0;

  /** @param path overwritten @param fields columns that every instant has */
  constructor(path: string, fields: number) {
    this.#file = openSync(path, 'w+');
    this.#fields = fields;
  }

  /** Samples of a later instant, in milliseconds. Its columns are equally long, and not shorter than those before. */
  append(at: number, columns: Columns): void {
    const rows = columns[0]?.length ?? 0;
    this.#instants.push({ at, offset: this.#end, rows });
    for (const column of columns) {
      const bytes = Buffer.from(column.buffer, column.byteOffset, column.byteLength);
      for (let written = 0; written < bytes.length; ) {
        written += writeSync(this.#file, bytes, written, bytes.length - written, this.#end + written);
      }
      this.#end += bytes.length;
    }
  }

  /** The series of a field that have samples in [from, to), milliseconds, one after another. */
  async series(field: number, from: number, to: number, take: Series): Promise<void> {
    const within = this.#instants.filter(({ at }) => at >= from && at < to);
    const rows = within.at(-1)?.rows ?? 0;
    if (field >= this.#fields || rows === 0) return;
    const instants = within.map(({ at }) => at);
    const stretch = Math.max(1, Math.floor(mostNumbers / within.length));
    const part = new Float64Array(Math.min(stretch, rows));
    const values = new Float64Array(within.length * part.length);
    for (let first = 0; first < rows; first += stretch) {
      const count = Math.min(stretch, rows - first);
      values.fill(Number.NaN);
      for (const [index, instant] of within.entries()) {
        const there = Math.min(count, instant.rows - first);
        if (there <= 0) continue;
        this.#read(part, there, instant.offset + (field * instant.rows + first) * 8);
        for (let row = 0; row < there; row++) values[row * within.length + index] = part[row] ?? Number.NaN;
      }
      for (let row = 0; row < count; row++) {
        const own = values.subarray(row * within.length, (row + 1) * within.length);
        if (own.some((value) => !Number.isNaN(value))) await take(first + row, instants, own);
      }
    }
  }

  close(): void {
    closeSync(this.#file);
  }

  #read(into: Float64Array, numbers: number, position: number): void {
    const length = numbers * 8;
    for (let got = 0; got < length; ) {
      const read = readSync(this.#file, new Uint8Array(into.buffer), got, length - got, position + got);
      if (read === 0) throw new Error('the work file of the backfill has become shorter');
      got += read;
    }
  }
}

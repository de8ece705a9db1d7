/**
 * Samples that come instant by instant and are wanted series by series: OpenMetrics wants each series in one piece.
 * They go through a file, so that no span of time and no number of series is too much for the memory.
 */
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import type { Columns } from './timeline.ts';

/** Numbers held at once, while they are written and while they are read back. */
const numbersHeld = 2 ** 21;

/**
 * Some instants after one another as they are in the file: field by field, in it row by row, in it instant by instant.
 * So a read gets many samples of a series, however many instants and series there are.
 */
interface Block {
  /** Milliseconds. */
  readonly instants: readonly number[];
  readonly offset: number;
  readonly rows: number;
}

/** The samples of a series: instants in milliseconds, and values, NaN where it has none. They are overwritten by those of a later series. */
export interface Series {
  readonly row: number;
  readonly instants: readonly number[];
  readonly values: Float64Array;
}

export class ColumnFile {
  readonly #file: number;
  readonly #fields: number;
  readonly #mostNumbers: number;
  readonly #blocks: Block[] = [];
  /** Instants that are not in the file yet. */
  #pending: { readonly at: number; readonly columns: Columns }[] = [];
  #pendingNumbers = 0;
  #end = 0;

  /**
   * @param path overwritten
   * @param fields columns that every instant has
   * @param mostNumbers held at once
   */
  constructor(path: string, fields: number, mostNumbers: number = numbersHeld) {
    this.#file = openSync(path, 'w+');
    this.#fields = fields;
    this.#mostNumbers = mostNumbers;
  }

  /**
   * Samples of a later instant, in milliseconds. Its columns are equally long, not shorter than those before, and do
   * not change afterwards.
   */
  append(at: number, columns: Columns): void {
    this.#pending.push({ at, columns });
    this.#pendingNumbers += this.#fields * (columns[0]?.length ?? 0);
    if (this.#pendingNumbers >= this.#mostNumbers) this.#writeBlock();
  }

  /** The series of a field that have samples in [from, to), milliseconds, one after another. */
  *series(field: number, from: number, to: number): Generator<Series> {
    this.#writeBlock();
    const blocks = this.#blocks.filter(({ instants }) => instants.some((at) => at >= from && at < to));
    const instants = blocks.flatMap((block) => block.instants.filter((at) => at >= from && at < to));
    const rows = blocks.at(-1)?.rows ?? 0;
    if (field >= this.#fields || rows === 0) return;
    const stretch = Math.max(1, Math.min(rows, Math.floor(this.#mostNumbers / instants.length)));
    const values = new Float64Array(instants.length * stretch);
    for (let first = 0; first < rows; first += stretch) {
      const count = Math.min(stretch, rows - first);
      values.fill(Number.NaN);
      let before = 0;
      for (const block of blocks) {
        const skipped = block.instants.findIndex((at) => at >= from);
        const within = block.instants.filter((at) => at >= from && at < to).length;
        const part = this.#read(block, field, first, Math.min(count, block.rows - first));
        for (let row = 0; row * block.instants.length < part.length; row++) {
          const begin = row * block.instants.length + skipped;
          values.set(part.subarray(begin, begin + within), row * instants.length + before);
        }
        before += within;
      }
      for (let row = 0; row < count; row++) {
        const own = values.subarray(row * instants.length, (row + 1) * instants.length);
        if (own.some((value) => !Number.isNaN(value))) yield { row: first + row, instants, values: own };
      }
    }
  }

  close(): void {
    closeSync(this.#file);
  }

  #writeBlock(): void {
    const pending = this.#pending;
    const rows = pending.at(-1)?.columns[0]?.length ?? 0;
    const instants = pending.map(({ at }) => at);
    if (rows > 0) {
      this.#blocks.push({ instants, offset: this.#end, rows });
      for (let field = 0; field < this.#fields; field++) {
        const numbers = new Float64Array(rows * instants.length).fill(Number.NaN);
        for (const [index, { columns }] of pending.entries()) {
          const column = columns[field] ?? [];
          for (let row = 0; row < column.length; row++)
            numbers[row * instants.length + index] = column[row] ?? Number.NaN;
        }
        this.#write(numbers);
      }
    }
    this.#pending = [];
    this.#pendingNumbers = 0;
  }

  #write(numbers: Float64Array): void {
    const bytes = Buffer.from(numbers.buffer, numbers.byteOffset, numbers.byteLength);
    for (let written = 0; written < bytes.length; ) {
      written += writeSync(this.#file, bytes, written, bytes.length - written, this.#end + written);
    }
    this.#end += bytes.length;
  }

  /** Returns the numbers of so many rows of a block from this one on, as many as it has. */
  #read({ instants, offset, rows }: Block, field: number, first: number, count: number): Float64Array {
    const numbers = new Float64Array(Math.max(0, count) * instants.length);
    const bytes = new Uint8Array(numbers.buffer);
    const position = offset + (field * rows + first) * instants.length * 8;
    for (let got = 0; got < bytes.length; ) {
      const read = readSync(this.#file, bytes, got, bytes.length - got, position + got);
      if (read === 0) throw new Error('the work file of the backfill has become shorter');
      got += read;
    }
    return numbers;
  }
}

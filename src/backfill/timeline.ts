/**
 * Turns buckets in the order of time into the counters as they would have been served. Pure; it follows what a running
 * process does: the total of all buckets since the anchor as soon as a bucket has settled, a new series at 0 first,
 * and after an anchor the old totals, then 0, then the new ones.
 */
import type { Milliseconds, Seconds } from '../units.ts';
import { Grid } from '../usage/grid.ts';
import { farewell, openingOf, settlesAt } from '../usage/settle.ts';
import { type Anchor, anchorAfter } from '../usage/windows.ts';
import type { Phase } from './backfill-plan.ts';

/** Values by field, then by row; NaN for a series that is not shown. */
export type Columns = readonly Float64Array[];

/** One value of a bucket. */
export type Cell = readonly [field: number, row: number, value: number];

export interface TimelineOptions {
  /** Number of fields that have counters; a cell's field is an index below it. */
  readonly fields: number;
  readonly settleDelay: Milliseconds;
  readonly zeroHold: Milliseconds;
  readonly anchor: Anchor;
  /** The span that is written. */
  readonly from: Seconds;
  readonly to: Seconds;
  /** Takes the samples of one instant; instants rise. */
  readonly emit: (at: Milliseconds, columns: Columns) => void;
}

export interface TimelineBucket {
  readonly phase: Phase;
  /** Start of its period. */
  readonly anchor: Seconds;
  readonly end: Seconds;
  readonly cells: Iterable<Cell>;
}

/** The series of a period: what they have come to, and which there are. */
class Period {
  readonly anchor: Seconds;
  readonly sums = new Grid(0);
  readonly used = new Grid(0);

  constructor(anchor: Seconds) {
    this.anchor = anchor;
  }
}

export class Timeline {
  readonly #options: TimelineOptions;
  #period: Period | undefined;
  #old: Period | undefined;
  /** True if the period's own series are on show, and whether its 0 was. */
  #open = false;
  #opened = false;
  #rows = 0;
  #begun = false;
  /** The newest samples: held back, for the next bucket can have series that were at 0 then. */
  #held: { readonly at: Milliseconds; readonly columns: Columns } | undefined;

  constructor(options: TimelineOptions) {
    this.#options = options;
  }

  /** Takes the next bucket. */
  add({ phase, anchor, end, cells }: TimelineBucket): void {
    const { settleDelay, zeroHold, from } = this.#options;
    if (this.#period?.anchor !== anchor) this.#turn(anchor);
    const period = this.#period ?? new Period(anchor);
    if (phase === 'span' && !this.#begun) {
      this.#begun = true;
      const at = settlesAt(from, settleDelay);
      if (from > anchor && at >= openingOf(anchor, settleDelay)) {
        this.#hold(
          at,
          this.#columns(period, (_, __, sum) => sum),
        );
        this.#open = true;
      }
    }
    const newcomers = this.#sum(period, cells);
    if (phase === 'before') return;
    if (phase === 'after') {
      if (this.#open) this.#zeroFirst(newcomers);
      return;
    }

    const at = settlesAt(end, settleDelay);
    const opening = openingOf(anchor, settleDelay);
    if (at < opening) {
      // What settles meanwhile waits until the old totals have been seen long enough.
      if (this.#old !== undefined)
        this.#hold(
          at,
          this.#columns(this.#old, (_, __, sum) => sum),
        );
      return;
    }
    if (!this.#open) {
      if (at > opening) this.#showZeros(period, opening);
      this.#open = true;
      this.#opened = true;
    } else this.#zeroFirst(newcomers);
    const old = this.#old;
    const zeroUntil = this.#opened ? opening + zeroHold : Number.NEGATIVE_INFINITY;
    const columns = this.#columns(period, (_, __, sum) => (at < zeroUntil ? 0 : sum));
    if (old !== undefined && at < opening + farewell) fillZeros(columns, old, this.#rows);
    this.#hold(at, columns);
  }

  /** Takes what there is as all there is. */
  end(): void {
    const { to, anchor, settleDelay } = this.#options;
    const period = this.#period;
    if (period !== undefined) {
      // A span that ends with its period has the zeros by which Prometheus knows it has ended.
      if (period.anchor < to && anchorAfter(period.anchor, anchor) === to) this.#turn(to);
      const current = this.#period ?? period;
      if (current.anchor === to) this.#showZeros(current, openingOf(to, settleDelay));
    }
    this.#flush();
  }

  /** Returns the series that are new. */
  #sum(period: Period, cells: Iterable<Cell>): readonly (readonly [field: number, row: number])[] {
    const newcomers: [number, number][] = [];
    for (const [field, row, value] of cells) {
      if (value === 0 || Number.isNaN(value)) continue;
      this.#rows = Math.max(this.#rows, row + 1);
      if (period.used.get(field, row) === 0) {
        period.used.set(field, row, 1);
        newcomers.push([field, row]);
      }
      period.sums.set(field, row, period.sums.get(field, row) + value);
    }
    return newcomers;
  }

  #turn(anchor: Seconds): void {
    this.#old = this.#begun ? this.#period : undefined;
    this.#period = new Period(anchor);
    this.#open = false;
    this.#opened = false;
  }

  /** The moment at which the new period takes over. */
  #showZeros(period: Period, at: Milliseconds): void {
    const columns = this.#columns(period, () => 0);
    if (this.#old !== undefined) fillZeros(columns, this.#old, this.#rows);
    this.#hold(at, columns);
  }

  #columns(period: Period, value: (field: number, row: number, sum: number) => number): Columns {
    return Array.from({ length: this.#options.fields }, (_, field) => {
      const column = new Float64Array(this.#rows).fill(Number.NaN);
      const used = period.used.column(field, this.#rows);
      const sums = period.sums.column(field, this.#rows);
      for (let row = 0; row < this.#rows; row++) {
        if (used[row] === 1) column[row] = value(field, row, sums[row] ?? 0);
      }
      return column;
    });
  }

  /** A series is at 0 before its first value. */
  #zeroFirst(newcomers: readonly (readonly [field: number, row: number])[]): void {
    const held = this.#held;
    if (held === undefined || newcomers.length === 0) return;
    const columns = held.columns.map((column) => {
      const grown = new Float64Array(this.#rows).fill(Number.NaN);
      grown.set(column);
      return grown;
    });
    for (const [field, row] of newcomers) {
      const column = columns[field];
      if (column !== undefined && Number.isNaN(column[row])) column[row] = 0;
    }
    this.#held = { at: held.at, columns };
  }

  #hold(at: Milliseconds, columns: Columns): void {
    this.#flush();
    this.#held = { at, columns };
  }

  #flush(): void {
    if (this.#held !== undefined) this.#options.emit(this.#held.at, this.#held.columns);
    this.#held = undefined;
  }
}

/** Puts 0 where the period has a series and the columns have none. */
function fillZeros(columns: Columns, { used }: Period, rows: number): void {
  for (const [field, column] of columns.entries()) {
    const known = used.column(field, rows);
    for (let row = 0; row < rows; row++) {
      if (known[row] === 1 && Number.isNaN(column[row])) column[row] = 0;
    }
  }
}

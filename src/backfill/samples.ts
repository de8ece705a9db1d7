/** Makes series of the journal of an api: which rows there are, and their samples in a file of columns. */
import type { Endpoint } from '../openai/catalogue.ts';
import { isNonZeroDecimal } from '../usage/bucket.ts';
import { bucketEnd } from '../usage/windows.ts';
import { type Step, servedAt } from './backfill-plan.ts';
import { ColumnFile } from './columns.ts';
import { type Line, linesOf } from './journal.ts';
import { type Cell, Timeline, type TimelineOptions } from './timeline.ts';

export interface ApiSamples {
  readonly endpoint: Endpoint;
  /** Indexes into the endpoint's fields: what has samples. Positions in this are the fields of `columns`. */
  readonly fields: readonly number[];
  /** The labels of each row. */
  readonly texts: readonly string[];
  readonly columns: ColumnFile;
}

/** Labels as text to small numbers that hold for the whole span, whatever their ids in a period. */
class Rows {
  readonly texts: string[] = [];
  /** The row of the same dimensions without a unit, for each row. */
  readonly bases: number[] = [];
  readonly #byText = new Map<string, number>();
  /** Rows by group id of the period at hand. */
  #ofGroup: number[] = [];
  #anchor: number | undefined;

  /** Learns what a line brings. */
  read({ news }: Line, anchor: number): void {
    if (anchor !== this.#anchor) this.#ofGroup = [];
    this.#anchor = anchor;
    for (const { text, base } of news) {
      const known = this.#byText.get(text);
      const row = known ?? this.texts.length;
      this.#ofGroup.push(row);
      if (known !== undefined) continue;
      this.#byText.set(text, row);
      this.texts.push(text);
      this.bases.push(this.of(base));
    }
  }

  of(group: number): number {
    const row = this.#ofGroup[group];
    if (row === undefined) throw new Error('the backfill journal is inconsistent');
    return row;
  }
}

export interface SamplesOptions extends Pick<TimelineOptions, 'settleDelay' | 'zeroHold' | 'anchor' | 'from' | 'to'> {
  readonly endpoint: Endpoint;
  readonly steps: readonly Step[];
  readonly journal: string;
  /** The file for the samples. */
  readonly path: string;
  /** @throws once the program was told to stop */
  readonly throwIfStopped: () => void;
}

/** Makes the samples of an api. */
export function makeSamples(options: SamplesOptions): ApiSamples {
  return options.endpoint.kind === 'costs' ? costSamples(options) : counterSamples(options);
}

function counterSamples(options: SamplesOptions): ApiSamples {
  const { endpoint, steps, journal, path, throwIfStopped } = options;
  const fields = endpoint.fields.flatMap((field, index) => (field.kind === 'flow' ? [index] : []));
  const columns = new ColumnFile(path, fields.length);
  const rows = new Rows();
  const timeline = new Timeline({
    ...options,
    fields: fields.length,
    emit: (at, samples) => columns.append(at, samples),
  });
  for (const line of linesOf(journal)) {
    const step = stepOf(steps, line);
    rows.read(line, step.anchor);
    timeline.add({
      phase: step.phase,
      anchor: step.anchor,
      end: bucketEnd(line.start, step.width),
      cells: cellsOf(line, fields, rows),
    });
    throwIfStopped();
  }
  timeline.end();
  return { endpoint, fields, texts: rows.texts, columns };
}

/** One sample a day; a group reads 0 on the day after one in which it was, as on the page. */
function costSamples(options: SamplesOptions): ApiSamples {
  const { endpoint, steps, journal, path, settleDelay, throwIfStopped } = options;
  const fields = endpoint.fields.map((_, index) => index);
  const columns = new ColumnFile(path, fields.length);
  const rows = new Rows();
  const hasSeries = fields.map(() => new Set<number>());
  let before: readonly ReadonlySet<number>[] = [];
  for (const line of linesOf(journal)) {
    const step = stepOf(steps, line);
    rows.read(line, step.anchor);
    const day = fields.map(() => new Float64Array(rows.texts.length).fill(Number.NaN));
    const present = new Set(line.groups.map((group) => rows.of(group)));
    const having = fields.map(() => new Set<number>());
    for (const [field, values] of line.fields) {
      for (const [slot, value] of values.entries()) {
        if (value === null) continue;
        const row = rows.of(line.groups[slot] ?? -1);
        having[field]?.add(row);
        if (isNonZeroDecimal(String(value))) hasSeries[field]?.add(row);
        const column = day[field];
        // Money becomes a float here and nowhere before: the sum of its rows was exact.
        if (column !== undefined && hasSeries[field]?.has(row) === true) column[row] = Number(value);
      }
    }
    for (const [field, rowsBefore] of before.entries()) {
      const column = day[field];
      for (const row of rowsBefore) {
        if (present.has(row) || present.has(rows.bases[row] ?? row)) continue;
        if (column !== undefined && hasSeries[field]?.has(row) === true) column[row] = 0;
      }
    }
    before = having;
    columns.append(servedAt(endpoint, bucketEnd(line.start, step.width), settleDelay), day);
    throwIfStopped();
  }
  return { endpoint, fields, texts: rows.texts, columns };
}

function* cellsOf(line: Line, fields: readonly number[], rows: Rows): Generator<Cell> {
  for (const [field, values] of line.fields) {
    const index = fields.indexOf(field);
    if (index < 0) continue;
    for (const [slot, value] of values.entries()) {
      if (typeof value === 'number') yield [index, rows.of(line.groups[slot] ?? -1), value];
    }
  }
}

function stepOf(steps: readonly Step[], { step }: Line): Step {
  const found = steps[step];
  if (found === undefined) throw new Error('the backfill journal does not match its plan');
  return found;
}

/**
 * Sums of all that was reported: a total for each field and group since the start, and the sums of the last hours. It
 * becomes counters that show 0 before their first value, and gauges of the hours that the usage gauges show.
 */
import { longestLabel, type RawLabel } from '../openai/bucket-page.ts';
import { inMilliseconds, inSeconds, type Milliseconds, type Seconds } from '../units.ts';
import { Grid } from '../usage/grid.ts';
import { GroupTable } from '../usage/groups.ts';
import { bucketAt, day, hour } from '../usage/windows.ts';
import type { Usage } from './read-record.ts';

export interface BookOptions {
  /** Label names. */
  readonly labels: readonly string[];
  readonly maxGroups: number;
  /** The time for which a counter stays at 0 before its first value. */
  readonly zeroHold: Milliseconds;
  /** The settle delay of usage: hours are kept until they have settled. */
  readonly settleDelay: Milliseconds;
}

export class LiveBook {
  readonly groups: GroupTable;
  readonly #options: BookOptions;
  readonly #totals = new Grid(0);
  /** The instant at which a series was first shown, in monotonic milliseconds; NaN for one that was not. */
  readonly #since = new Grid(Number.NaN);
  /** Usage by field and group in each hour; NaN where there was none. */
  readonly #hours = new Map<Seconds, Grid>();
  /** A number for each field, which rises whenever a value of the field changes. */
  readonly #revisions: number[] = [];
  /** Records whose usage went into the group that takes in what is past the bound. */
  folded = 0;

  constructor(options: BookOptions) {
    this.#options = options;
    this.groups = new GroupTable(options.labels, options.maxGroups);
  }

  /**
   * Counts usage, and returns the group that it is of.
   * @param now UTC: usage counts at its own time if that is within the last day, and else now
   */
  add({ counts, labels, at }: Usage, now: Milliseconds): number {
    const group = this.groups.intern(labels.map(shortened));
    if (group === this.groups.folded) this.folded++;
    const when = at !== undefined && at <= now && at > now - day ? at : now;
    const grid = this.#hourAt(bucketAt(when, '1h'), now);
    for (const [{ index }, value] of counts) {
      const isKnown = this.#totals.get(index, group) > 0;
      // An explicit 0 alone makes no series.
      if (value === 0 && !isKnown) continue;
      this.#totals.set(index, group, this.#totals.get(index, group) + value);
      const before = grid.get(index, group);
      grid.set(index, group, (Number.isNaN(before) ? 0 : before) + value);
      this.#revisions[index] = this.revisionOf(index) + 1;
    }
    return group;
  }

  /** Another value means that the samples of the field may be others; 0 for a field without any. */
  revisionOf(field: number): number {
    return this.#revisions[field] ?? 0;
  }

  /**
   * Calls back with each counter of the field: its group and the value on show.
   * @returns when the passing of time alone changes a value, in monotonic milliseconds; Infinity for never
   */
  counters(field: number, elapsed: Milliseconds, sample: (group: number, value: number) => void): Milliseconds {
    const { size } = this.groups;
    const totals = this.#totals.column(field, size);
    const since = this.#since.column(field, size);
    let nextChange: Milliseconds = Number.POSITIVE_INFINITY;
    for (let group = 0; group < size; group++) {
      const total = totals[group] ?? 0;
      if (total === 0) continue;
      if (Number.isNaN(since[group])) since[group] = elapsed;
      const heldUntil = (since[group] ?? elapsed) + this.#options.zeroHold;
      const isHeld = elapsed < heldUntil;
      if (isHeld) nextChange = Math.min(nextChange, heldUntil);
      sample(group, isHeld ? 0 : total);
    }
    return nextChange;
  }

  /** Calls back with each group's value in an hour; 0 for one that was in the hour before alone. */
  hour(field: number, start: Seconds, sample: (group: number, value: number) => void): void {
    const current = this.#hours.get(start);
    const before = this.#hours.get(start - inSeconds(hour));
    if (current === undefined && before === undefined) return;
    for (let group = 0; group < this.groups.size; group++) {
      const value = current?.get(field, group) ?? Number.NaN;
      if (!Number.isNaN(value)) sample(group, value);
      else if (!Number.isNaN(before?.get(field, group) ?? Number.NaN)) sample(group, 0);
    }
  }

  #hourAt(start: Seconds, now: Milliseconds): Grid {
    const known = this.#hours.get(start);
    if (known !== undefined) return known;
    // What settles last is two hours and the settle delay old, and has one before it.
    const oldest = now - day - this.#options.settleDelay - 4 * hour;
    for (const hourStart of this.#hours.keys()) {
      if (inMilliseconds(hourStart) < oldest) this.#hours.delete(hourStart);
    }
    const grid = new Grid(Number.NaN);
    this.#hours.set(start, grid);
    return grid;
  }
}

/** A label that is far too long is cut before anything else looks at it. Two UTF-16 units make one character at the most. */
function shortened(label: RawLabel): RawLabel {
  return typeof label === 'string' && label.length > 2 * longestLabel ? label.slice(0, 2 * longestLabel) : label;
}

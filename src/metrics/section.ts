/** A part of the page that changes as one: the usage of an api, the names, the limits. */

/** Lines of a family, the first with its header, and how many samples they have. Large families come in several. */
export interface Rendered {
  /** The lines in UTF-8, in a buffer of their own. */
  readonly plain: Uint8Array<ArrayBuffer>;
  readonly series: number;
  /** The family's name; absent for lines that belong to none. */
  readonly family?: string;
  /** Stands for the lines: a part that is yielded again with the same mark has the lines of before, and may leave them out. */
  readonly mark?: object;
}

/** The instants at which time alone changes a section: the first of them counts. Infinity for never. */
export interface Expiry {
  /** UTC milliseconds. */
  readonly until: number;
  /** Monotonic milliseconds. */
  readonly untilElapsed: number;
}

export interface Section {
  readonly name: string;
  /**
   * Yields its parts as of one instant, each with at least one sample.
   * @param now UTC in milliseconds
   * @param elapsed monotonic milliseconds
   * @returns undefined if time alone never changes it
   */
  render(now: number, elapsed: number): Generator<Rendered, Expiry | undefined>;
  /** Reports whether what it was made of has changed since; asked once those before it are rendered. */
  stale?(): boolean;
}

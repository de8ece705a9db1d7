/** A part of the page that changes as one: the usage of an api, the names, the limits. */

/** Lines of a family as text, the first with its header, and how many samples they have. Large families come in several. */
export interface Rendered {
  readonly text: string;
  readonly series: number;
  /** The family's name; absent for a pause, which is a part without samples. */
  readonly family?: string;
  /** Stands for the text: who yields a part again with the same mark says that its text is as it was, and may leave it out. */
  readonly mark?: object;
}

/** Yielded to give the event loop its turn. */
export const pause: Rendered = { text: '', series: 0 };

/** When time alone changes a section: at whichever comes first. Infinity for never. */
export interface Expiry {
  /** UTC milliseconds. */
  readonly until: number;
  /** Monotonic milliseconds. */
  readonly untilElapsed: number;
}

export interface Section {
  readonly name: string;
  /**
   * Its parts as of one instant, one after another with pauses in between: what it takes with the first step must not
   * change meanwhile.
   * @param now UTC in milliseconds
   * @param elapsed monotonic milliseconds
   * @returns undefined if time alone never changes it
   */
  prepare(now: number, elapsed: number): Generator<Rendered, Expiry | undefined>;
  /** Whether what it was made of has changed since, as only it can tell: asked once those before it are rendered. */
  stale?(): boolean;
}

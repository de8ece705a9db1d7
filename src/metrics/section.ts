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

/** A section as of one instant. */
export interface Prepared {
  /** Rendered one after another, with pauses in between: what they are made of must not change meanwhile. */
  readonly parts: Iterable<Rendered>;
  /** When time alone changes it, in UTC and in monotonic milliseconds; Infinity for never. To be asked after the parts. */
  readonly until: number;
  readonly untilElapsed: number;
}

export interface Section {
  readonly name: string;
  /** @param now UTC in milliseconds @param elapsed monotonic milliseconds */
  prepare(now: number, elapsed: number): Prepared;
  /** Whether what it was made of has changed since, as only it can tell: asked once those before it are rendered. */
  stale?(): boolean;
}

/** What was given, by the name of the flag, before anyone asked what it means. */

export interface Given {
  /** For a list given several times, the texts joined by commas. */
  readonly text: string;
  /** What messages call it: the flag, or the variable and the flag. */
  readonly source: string;
}

export type GivenByFlag = ReadonlyMap<string, Given>;

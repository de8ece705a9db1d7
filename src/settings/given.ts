/** The texts that were given, by the name of the flag, before anyone asked what they mean. */

export interface Given {
  /** Returns the texts of a list that was given several times, joined by commas. */
  readonly text: string;
  /** The name in messages: the flag, or the variable and the flag. */
  readonly source: string;
}

export type GivenByFlag = ReadonlyMap<string, Given>;

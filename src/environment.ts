/** The variables that the process was started with. A variable that is empty counts as not set. */

export type Environment = Readonly<Record<string, string | undefined>>;

/** The trimmed value; undefined when it is not set or empty. */
export function textOf(environment: Environment, variable: string): string | undefined {
  const text = environment[variable]?.trim();
  return text === '' ? undefined : text;
}

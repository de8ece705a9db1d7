/** Reads the texts that were given as the values of flags, and gathers what is wrong with them. */
import type { Given, GivenByFlag } from './arguments.ts';
import type { Command, Flag } from './flags.ts';

/** Gives each flag's value, the default where it is absent or wrong, and keeps what was wrong. */
export interface FlagReader {
  readonly mistakes: readonly string[];
  read<T>(flag: Flag<T>): T;
  /** Reports whether the value is the one that was meant: checks between flags need both sound. */
  sound(flag: Flag<unknown>): boolean;
  given(flag: Flag<unknown>): boolean;
  sourceOf(flag: Flag<unknown>): string;
  add(flag: Flag<unknown>, mistake: string): void;
}

export function createFlagReader(all: GivenByFlag, command: Command | undefined): FlagReader {
  const mistakes: string[] = [];
  const unsound = new Set<string>();
  const find = ({ name, commands }: Flag<unknown>): Given | undefined =>
    command === undefined || commands.includes(command) ? all.get(name) : undefined;
  const reader: FlagReader = {
    mistakes,
    read(flag) {
      const given = find(flag);
      if (given === undefined) return flag.fallback;
      const result = flag.fromText.safeParse(given.text);
      if (result.success) return result.data;
      for (const issue of result.error.issues) reader.add(flag, issue.message);
      return flag.fallback;
    },
    sound: (flag) => !unsound.has(flag.name),
    given: (flag) => find(flag) !== undefined,
    sourceOf: (flag) => find(flag)?.source ?? `--${flag.name}`,
    add(flag, mistake) {
      unsound.add(flag.name);
      mistakes.push(`${reader.sourceOf(flag)}: ${mistake}`);
    },
  };
  return reader;
}

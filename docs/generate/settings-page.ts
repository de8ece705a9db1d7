/** The table of settings in docs/settings.md, from the table of flags. */
import { allFlags, commands, type Flag } from '../../src/settings/flags.ts';
import { markdownTable } from './markers.ts';

/** A table of what several commands use, then one for each command with flags of its own. */
export function settingsTable(): string {
  const own = commands.flatMap((command) => {
    const flags = allFlags.filter(({ commands: users }) => users.length === 1 && users[0] === command);
    return flags.length === 0 ? [] : [`For \`${command}\` only:\n\n${tableOf(flags)}`];
  });
  return [tableOf(allFlags.filter(({ commands: users }) => users.length > 1)), ...own].join('\n');
}

function tableOf(flags: readonly Flag<unknown>[]): string {
  return markdownTable(['Flag', 'Meaning'], flags.map(rowOf));
}

function rowOf(flag: Flag<unknown>): readonly string[] {
  const also = flag.alsoVariable === undefined ? '' : `, \`${flag.alsoVariable}\``;
  return [`\`--${flag.name}${shownValue(flag)}\`${also}`, flag.details];
}

/** The default, or in angle brackets what stands for a value where there is none. */
function shownValue({ kind, defaultText, placeholder }: Flag<unknown>): string {
  return kind === 'switch' ? '' : `=${defaultText ?? `<${placeholder}>`}`;
}

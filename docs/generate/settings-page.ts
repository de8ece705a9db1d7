/** The list of settings in docs/settings.md, from the table of flags. */
import { allFlags, commands, type Flag } from '../../src/settings/flags.ts';

/** A list of what several commands use, then one for each command with flags of its own. */
export function settingsList(): string {
  const own = commands.flatMap((command) => {
    const flags = allFlags.filter(({ commands: users }) => users.length === 1 && users[0] === command);
    return flags.length === 0 ? [] : [`For \`${command}\` only:\n\n${listOf(flags)}`];
  });
  return [listOf(allFlags.filter(({ commands: users }) => users.length > 1)), ...own].join('\n');
}

function listOf(flags: readonly Flag<unknown>[]): string {
  return flags.map((flag) => `- ${writtenAs(flag)}: ${flag.details}\n`).join('');
}

/** The flag with its default, or in angle brackets what stands for a value where there is none. */
function writtenAs({ name, kind, defaultText, placeholder, alsoVariable }: Flag<unknown>): string {
  const value = kind === 'switch' ? '' : `=${defaultText ?? `<${placeholder}>`}`;
  const also = alsoVariable === undefined ? '' : `, \`${alsoVariable}\``;
  return `\`--${name}${value}\`${also}`;
}

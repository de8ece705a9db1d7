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
  return markdownTable(['Flag', 'Default', 'Meaning'], flags.map(rowOf));
}

function rowOf(flag: Flag<unknown>): readonly string[] {
  const written =
    flag.kind === 'switch' ? `\`--${flag.name}\` \`--no-${flag.name}\`` : `\`--${flag.name}=${flag.placeholder}\``;
  const also = flag.alsoVariable === undefined ? '' : `, or the variable \`${flag.alsoVariable}\``;
  return [`${written}${also}`, defaultOf(flag), `${flag.details}${usersOf(flag)}`];
}

function defaultOf(flag: Flag<unknown>): string {
  if (flag.defaultText === undefined) return flag.otherwise ?? 'none';
  return flag.kind === 'switch' ? (flag.fallback === true ? 'on' : 'off') : `\`${flag.defaultText}\``;
}

/** Commands are named only where a flag is not for all that poll, nor for one alone. */
function usersOf(flag: Flag<unknown>): string {
  const users = commands.filter((command) => flag.commands.includes(command));
  const [without, ...more] = (['serve', 'check', 'demo'] as const).filter((command) => !users.includes(command));
  if (without === undefined || users.length === 1) return '';
  return more.length === 0
    ? ` Not for \`${without}\`.`
    : ` For ${inWords(users.map((command) => `\`${command}\``))} only.`;
}

/** `a, b and c` */
function inWords(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}

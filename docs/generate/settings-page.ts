/** The table of settings in docs/settings.md, from the table of flags. */
import { allFlags, commands, type Flag } from '../../src/settings/flags.ts';
import { markdownTable } from './markers.ts';

export function settingsTable(): string {
  return markdownTable(['Flag', 'Default', 'Meaning'], allFlags.map(rowOf));
}

function rowOf(flag: Flag<unknown>): readonly string[] {
  const written =
    flag.kind === 'switch' ? `\`--${flag.name}\` \`--no-${flag.name}\`` : `\`--${flag.name}=${flag.placeholder}\``;
  const also = flag.alsoVariable === undefined ? '' : `, or the variable \`${flag.alsoVariable}\``;
  return [`${written}${also}`, defaultOf(flag), `${flag.details}${onlyFor(flag)}`];
}

function defaultOf(flag: Flag<unknown>): string {
  if (flag.defaultText === undefined) return flag.otherwise ?? 'none';
  return flag.kind === 'switch' ? (flag.fallback === true ? 'on' : 'off') : `\`${flag.defaultText}\``;
}

/** Commands are named only where a flag is not for all that poll. */
function onlyFor(flag: Flag<unknown>): string {
  const users = commands.filter((command) => flag.commands.includes(command));
  const polling = ['serve', 'check', 'demo'] as const;
  return polling.every((command) => users.includes(command))
    ? ''
    : ` For ${inWords(users.map((command) => `\`${command}\``))} only.`;
}

/** `a, b and c` */
function inWords(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}

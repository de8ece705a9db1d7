/** The commands and exit codes in docs/settings.md, from the program's own texts. */
import { exitMeanings } from '../../src/commands/exit-codes.ts';
import { commands } from '../../src/settings/flags.ts';
import { summaries } from '../../src/settings/help.ts';
import { markdownTable } from './markers.ts';

export function commandsTable(): string {
  return markdownTable(
    ['Command', 'What it does'],
    commands.map((command) => [`\`${command}\``, summaries[command]]),
  );
}

export function exitTable(): string {
  return markdownTable(
    ['Exit code', 'Meaning'],
    exitMeanings.map(([code, meaning]) => [String(code), meaning]),
  );
}

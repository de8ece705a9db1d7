/** The commands and exit codes in docs/settings.md, from the program's own texts. */
import { exitMeanings } from '../../src/commands/exit-codes.ts';
import { commands } from '../../src/settings/flags.ts';
import { summaries } from '../../src/settings/help.ts';

export function commandsList(): string {
  return commands.map((command) => `- \`${command}\`: ${summaries[command]}\n`).join('');
}

export function exitList(): string {
  return exitMeanings.map(([code, meaning]) => `- **${code}**: ${meaning}\n`).join('');
}

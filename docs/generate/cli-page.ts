/** The generated parts of docs/cli.md: commands and their flags from the table of flags, exit codes from the program's. */
import { exitMeanings } from '../../src/commands/exit-codes.ts';
import { type Command, commands, type Flag, flagsOf, variableOf } from '../../src/settings/flags.ts';
import { examples, summaries } from '../../src/settings/help.ts';
import { markdownTable } from './markers.ts';

export function synopsis(): string {
  const lines = commands.map((command) => `openai-usage-exporter ${command === 'serve' ? '[serve]' : command} [flags]`);
  return `\`\`\`text
${[...lines, 'openai-usage-exporter [command] --help', 'openai-usage-exporter --version'].join('\n')}
\`\`\`

Examples:

\`\`\`text
${examples.join('\n')}
\`\`\`
`;
}

/** A section for each command: what it does, and the flags that it takes. */
export function commandPages(): string {
  return commands.map(commandPage).join('\n');
}

function commandPage(command: Command): string {
  return `### ${command}

${sentence(summaries[command])}

${markdownTable(['Flag', 'Default', 'Variable', 'Meaning'], flagsOf(command).map(rowOf))}`;
}

function rowOf(flag: Flag<unknown>): readonly string[] {
  const written = flag.kind === 'switch' ? `--[no-]${flag.name}` : `--${flag.name}=${flag.placeholder}`;
  const standard = flag.kind === 'switch' ? (flag.fallback === true ? 'on' : 'off') : flag.defaultText;
  const fallback = flag.defaultText === undefined || standard === undefined ? '' : `\`${standard}\``;
  return [`\`${written}\``, fallback, `\`${variableOf(flag)}\``, flag.summary];
}

export function exitTable(): string {
  return markdownTable(
    ['Code', 'Meaning'],
    exitMeanings.map(([code, meaning]) => [String(code), meaning]),
  );
}

function sentence(words: string): string {
  return `${words.slice(0, 1).toUpperCase()}${words.slice(1)}.`;
}

/** The text that `--help` prints: the table of flags, narrow enough for a terminal and short enough for a screen. */
import { type Command, type Flag, flagsOf } from './flags.ts';

/** The purpose of each command, in a few words. */
export const summaries: Readonly<Record<Command, string>> = {
  serve: 'poll the API and serve metrics (the default)',
  check: 'ask every api once, and say what to do',
  backfill: 'write history for promtool (flags: backfill --help)',
  demo: 'serve a simulated organization; needs no key',
  health: 'ask a running exporter whether it serves',
};

export const examples: readonly string[] = [
  'OPENAI_ADMIN_KEY=… openai-usage-exporter',
  'OPENAI_ADMIN_KEY_FILE=/run/secrets/key openai-usage-exporter check',
  'openai-usage-exporter demo --demo.speed=60 --log.format=text',
];

/** The help for everything, or for one command. Ends with a line feed. */
export function helpText(about?: Command): string {
  return about === undefined ? helpForAll() : helpForOne(about);
}

function helpForAll(): string {
  // What one command alone uses, or few people, is in the help of its commands.
  const flags = flagsOf('serve').filter((flag) => flag.rare !== true);
  return lines([
    'Prometheus exporter for the usage and costs of an OpenAI organization.',
    '',
    'Usage: openai-usage-exporter [command] [flags]',
    ...Object.entries(summaries).map(([command, summary]) => `  ${command.padEnd(9)}${summary}`),
    '',
    'Examples:',
    ...examples.map((example) => `  ${example}`),
    '',
    'Flags (all: serve --help), also as variables like OPENAI_EXPORTER_POLL_INTERVAL:',
    ...flags.map(lineOf),
    '  --help, --version',
    '',
    'Exit codes: 0 done, 1 failed, 2 misused. More: docs/settings.md',
  ]);
}

function helpForOne(command: Command): string {
  return lines([
    `openai-usage-exporter ${command}: ${summaries[command]}`,
    '',
    'Flags:',
    ...flagsOf(command).map(lineOf),
  ]);
}

function lineOf(flag: Flag<unknown>): string {
  const written = flag.kind === 'switch' ? `--[no-]${flag.name}` : `--${flag.name}=${flag.placeholder}`;
  const standard = flag.defaultText === undefined || flag.kind === 'switch' ? '' : ` (${flag.defaultText})`;
  return `  ${written.padEnd(37)} ${flag.summary}${standard}`.trimEnd();
}

function lines(all: readonly string[]): string {
  return `${all.join('\n')}\n`;
}

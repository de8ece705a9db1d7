/**
 * Reads a command line in Prometheus's style: `--flag value`, `--flag=value`, and switches `--flag`, `--no-flag`,
 * in any order with the command. A flag is given once; lists may be repeated and add up.
 */
import { allFlags, type Command, commands, type Flag } from './flags.ts';
import { suggestion } from './nearest.ts';
import { shown } from './values.ts';

export interface Given {
  /** The text as it was given; the texts of a list that was given several times, joined by commas. */
  readonly text: string;
  /** The name in messages: the flag, or the variable and the flag. */
  readonly source: string;
}

/** The texts that were given, by the name of the flag, before anyone asked what they mean. */
export type GivenByFlag = ReadonlyMap<string, Given>;

export interface Arguments {
  /** Undefined when it is unknown, which is among the mistakes. */
  readonly command: Command | undefined;
  readonly help: boolean;
  readonly version: boolean;
  readonly given: GivenByFlag;
  readonly mistakes: readonly string[];
}

const byName: ReadonlyMap<string, Flag<unknown>> = new Map(allFlags.map((flag) => [flag.name, flag]));
const switches = allFlags.filter((flag) => flag.kind === 'switch').map((flag) => flag.name);
const written = [...byName.keys(), ...switches.map((name) => `no-${name}`), 'help', 'version'].map(
  (name) => `--${name}`,
);

/** @param argv without the program's own name. */
export function readArguments(argv: readonly string[]): Arguments {
  const given = new Map<string, Given>();
  const mistakes: string[] = [];
  const words: string[] = [];
  let help = false;
  let version = false;

  const give = (flag: Flag<unknown>, text: string) => {
    const source = `--${flag.name}`;
    const before = given.get(flag.name);
    if (before === undefined) given.set(flag.name, { text, source });
    else if (flag.kind === 'list') given.set(flag.name, { text: `${before.text},${text}`, source });
    else mistakes.push(`${source}: given more than once; give it once`);
  };

  for (let index = 0; index < argv.length; index += 1) {
    const argument = argv[index] ?? '';
    if (argument === '-h' || argument === '--help') {
      help = true;
    } else if (argument === '--version') {
      version = true;
    } else if (argument.startsWith('-') && argument !== '-') {
      const at = argument.indexOf('=');
      const name = at < 0 ? argument : argument.slice(0, at);
      const text = at < 0 ? undefined : argument.slice(at + 1);
      const next = argv[index + 1];
      const found = find(name);
      if (found === undefined) {
        mistakes.push(unknownFlag(name));
        // What follows may be its value, and is no mistake of its own.
        if (text === undefined && next !== undefined && !next.startsWith('-') && !isCommand(next)) index += 1;
      } else if (found.flag.kind === 'switch') {
        const follows = text === undefined && !found.negated && (next === 'true' || next === 'false');
        if (found.negated && text !== undefined) mistakes.push(`${name}: takes no value`);
        else give(found.flag, found.negated ? 'false' : (text ?? (follows ? next : 'true')));
        if (follows) index += 1;
      } else if (text !== undefined) {
        if (text.trim() === '') mistakes.push(`${name}: needs a value`);
        else give(found.flag, text);
      } else if (next === undefined || next.startsWith('--')) {
        mistakes.push(`${name}: needs a value`);
      } else {
        index += 1;
        if (next.trim() === '') mistakes.push(`${name}: needs a value`);
        else give(found.flag, next);
      }
    } else {
      words.push(argument);
    }
  }

  const [word = 'serve', ...further] = words;
  const command = commands.find((known) => known === word);
  if (command === undefined) {
    const hint = suggestion(word, commands);
    mistakes.unshift(`unknown command ${shown(word)}${hint || `; commands are ${commands.join(', ')}`}`);
  }
  for (const extra of further) mistakes.push(`unexpected argument ${shown(extra)}; settings are flags: --flag=value`);
  return { command, help, version, given, mistakes };
}

function find(written: string): { readonly flag: Flag<unknown>; readonly negated: boolean } | undefined {
  if (!written.startsWith('--')) return undefined;
  const name = written.slice(2);
  const flag = byName.get(name);
  if (flag !== undefined) return { flag, negated: false };
  const denied = name.startsWith('no-') ? byName.get(name.slice(3)) : undefined;
  return denied?.kind === 'switch' ? { flag: denied, negated: true } : undefined;
}

function unknownFlag(name: string): string {
  if (/key$|key-file$|token$/i.test(name)) {
    return `${shownFlag(name)}: a secret is never a flag; set OPENAI_ADMIN_KEY, or OPENAI_ADMIN_KEY_FILE to a file that holds it`;
  }
  return `${shownFlag(name)}: unknown flag${suggestion(name, written) || '; --help lists the flags'}`;
}

function shownFlag(name: string): string {
  return /^-[\w.-]{0,60}$/.test(name) && !/sk-/i.test(name) ? name : shown(name);
}

function isCommand(word: string): boolean {
  return commands.some((command) => command === word);
}

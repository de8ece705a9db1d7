/** Reads the environment. A variable that nobody knows is a typing error. */
import { type Environment, textOf } from '../environment.ts';
import type { Given, GivenByFlag } from './arguments.ts';
import { allFlags, type Flag, variableOf, variablePrefix } from './flags.ts';
import { suggestion } from './nearest.ts';
import { shown } from './values.ts';

export interface Variables {
  readonly given: GivenByFlag;
  readonly mistakes: readonly string[];
}

export function readVariables(env: Environment): Variables {
  const given = new Map<string, Given>();
  for (const flag of allFlags) {
    const found = [variableOf(flag), ...(flag.alsoVariable === undefined ? [] : [flag.alsoVariable])]
      .map((variable) => ({ variable, text: textOf(env, variable) }))
      .find(({ text }) => text !== undefined);
    if (found?.text === undefined) continue;
    given.set(flag.name, { text: found.text, source: sourceOf(found.variable, flag) });
  }
  const known = allFlags.map(variableOf);
  const mistakes = Object.keys(env)
    .filter((name) => name.startsWith(variablePrefix) && !known.includes(name))
    .filter((name) => textOf(env, name) !== undefined && !isServiceLink(name, env[name] ?? ''))
    .map((name) => `${/^\w+$/.test(name) ? name : shown(name)}: unknown variable${hintFor(name, known)}`);
  return { given, mistakes };
}

function sourceOf(variable: string, flag: Flag<unknown>): string {
  return `${variable} (--${flag.name})`;
}

function hintFor(name: string, known: readonly string[]): string {
  if (name.endsWith('_KEY') || name.endsWith('_KEY_FILE')) {
    return '; the key is given by OPENAI_ADMIN_KEY or OPENAI_ADMIN_KEY_FILE';
  }
  return suggestion(name, known) || '; --help lists the settings';
}

/**
 * Kubernetes tells every pod where the namespace's services are, by variables named after them; a service called
 * `openai-exporter` makes ones that look like ours.
 */
function isServiceLink(name: string, value: string): boolean {
  if (/_SERVICE_HOST$|_SERVICE_PORT(?:_[A-Z0-9_]+)?$/.test(name)) return true;
  if (/_PORT_\d+_(?:TCP|UDP|SCTP)_(?:PROTO|PORT|ADDR)$/.test(name)) return true;
  return /_PORT(?:_\d+_(?:TCP|UDP|SCTP))?$/.test(name) && /^(?:tcp|udp|sctp):\/\//.test(value);
}

/**
 * The file of `--organizations.file`: several organizations, each with a key and with settings of its own. Its keys are
 * the flags in nested form, `poll.group_by` for `--poll.group-by`; what is not given follows the flags.
 */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import * as z from 'zod';
import { type Environment, textOf } from '../environment.ts';
import { whyUnreadable } from '../error-code.ts';
import { keyIn } from '../openai/admin-key.ts';
import { isObject } from '../openai/json.ts';
import type { Given, GivenByFlag } from './arguments.ts';
import { fileVersion } from './file-version.ts';
import { allFlags, type Flag, flags, noStateFile } from './flags.ts';
import type { KeySetting, ReadFile } from './key-setting.ts';
import { suggestion } from './nearest.ts';
import { organizationName } from './organization-name.ts';
import { shardOf } from './shard.ts';
import { refuse, shown } from './values.ts';
import { yamlIn } from './yaml-text.ts';

/** The settings that decide whether two organizations are one. */
interface Deciding {
  readonly openai: { readonly baseUrl: string; readonly organization: string | undefined };
  readonly poll: { readonly apis: readonly string[]; readonly filters: object };
  readonly state: { readonly file: string | undefined };
}

/** One of several organizations, with settings `S`. */
export interface Entry<S> {
  readonly name: string;
  readonly settings: S;
  /** Undefined for a simulated one. */
  readonly key: KeySetting | undefined;
}

type Found<S> =
  | { readonly organizations: readonly Entry<S>[] }
  /** Each begins with the path of a key in the file, where it is about one. */
  | { readonly mistakes: readonly string[] };

/** `version` differs once the file is another one. */
export type Loaded<S> = Found<S> & { readonly version: string };

export interface OrganizationsOptions<S extends Deciding> {
  readonly path: string;
  readonly env: Environment;
  /** Returns the settings of one organization, from the texts that its entry gives, or what is wrong with them. */
  readonly settingsOf: (
    name: string,
    given: GivenByFlag,
  ) => { readonly settings: S; readonly mistakes: readonly string[] };
  readonly shard: number;
  readonly totalShards: number;
  /** The only one that is meant, whatever its shard. */
  readonly wanted: string | undefined;
  readonly readFile?: ReadFile;
}

/** Organizations of one file. More belong into several files. */
const most = 10_000;

/** Sections of flags that an organization can have settings of. */
const sections = ['openai', 'poll', 'counters', 'series', 'names', 'budget', 'state'] as const;

/** `poll.group-by` → `['poll', 'group_by']`; undefined for a flag that is not an organization's. */
function placeOf({ name }: Flag<unknown>): readonly [section: string, key: string] | undefined {
  const at = name.indexOf('.');
  const section = sections.find((one) => one === name.slice(0, Math.max(0, at)));
  return section === undefined ? undefined : [section, name.slice(at + 1).replaceAll('-', '_')];
}

/** The text that a flag would have on a command line; undefined if the value is not of a form that it can have. */
function textIn({ kind, name }: Flag<unknown>, value: unknown): string | undefined {
  if (isOne(value)) return String(value);
  if (kind !== 'list' || typeof value !== 'object' || value === null) return undefined;
  if (Array.isArray(value)) return value.every(isItem) ? value.join(',') : undefined;
  const pairs = Object.entries(value);
  if (name !== flags.budgetMonthlyProject.name || !pairs.flat().every(isItem)) return undefined;
  return pairs.map((pair) => pair.join('=')).join(',');
}

function isOne(value: unknown): value is string | number | boolean {
  if (typeof value === 'string') return value.trim() !== '';
  return typeof value === 'number' || typeof value === 'boolean';
}

function isItem(value: unknown): boolean {
  return isOne(value) && !String(value).includes(',');
}

function wanted({ kind, name }: Flag<unknown>): string {
  if (name === flags.budgetMonthlyProject.name) return 'must be ids of projects, each with its amount';
  return kind === 'list' ? 'must be a list, like [a, b]' : 'must have one value';
}

type Texts = Readonly<Record<string, string | undefined>>;

/** The keys of each section, each with the schema that makes text of its value. */
const shapes = new Map(
  sections.map((section) => {
    const keys = allFlags.flatMap((flag) => {
      const [of, key] = placeOf(flag) ?? [];
      if (of !== section || key === undefined) return [];
      const text = z
        .unknown()
        .transform((value, context): string => {
          const given = textIn(flag, value);
          if (given === undefined) return refuse(context, wanted(flag));
          const { error } = flag.fromText.safeParse(given);
          for (const { message } of error?.issues ?? []) context.addIssue({ code: 'custom', message });
          return given;
        })
        .optional();
      return [[key, text] as const];
    });
    return [section, Object.fromEntries(keys)] as const;
  }),
);

const keysAndValues = { error: 'must be keys and values' };

const entryShape = {
  name: z.string({ error: 'is required: 1 to 63 small letters, digits and hyphens' }).pipe(organizationName),
  key_file: z
    .string({ error: 'must be the path of a file' })
    .regex(/^(?!sk-)./s, 'must be the path of a file that holds the key, and not the key itself')
    .optional(),
  key_env: z
    .string({ error: 'must be the name of a variable' })
    .regex(/^[A-Za-z_]\w*$/, 'must be the name of a variable that holds the key')
    .optional(),
};

/** Has an entry checked whatever else is wrong with it, so that all is said at once. */
const always = { when: () => true };
const hasBoth = (entry: object) => 'key_file' in entry && 'key_env' in entry;
const hasOne = (entry: object) => 'key_file' in entry || 'key_env' in entry;

const entrySchema = z
  .strictObject(
    {
      ...entryShape,
      ...Object.fromEntries(
        [...shapes].map(([section, shape]): [string, z.ZodType<Texts | undefined>] => [
          section,
          z.strictObject(shape, keysAndValues).optional(),
        ]),
      ),
    },
    keysAndValues,
  )
  .refine((entry) => !isObject(entry) || !hasBoth(entry), {
    error: 'has key_file and key_env; keep one of them',
    ...always,
  })
  .refine((entry) => !isObject(entry) || hasOne(entry), { error: 'needs key_file or key_env', ...always });

const document = z.strictObject(
  {
    organizations: z
      .array(entrySchema, { error: 'must be a list of organizations' })
      .min(1, 'names no organization; give one or more')
      .max(most, `has more than ${most} organizations; make several files of it`),
  },
  { error: 'must have the key organizations, with a list' },
);

/** Loads the file; paths in it are relative to its folder. Those of other shards are checked, and left out. */
export function loadOrganizations<S extends Deciding>(options: OrganizationsOptions<S>): Loaded<S> {
  const version = fileVersion(options.path);
  const found = read(options);
  const isStill = fileVersion(options.path) === version;
  return isStill ? { ...found, version } : { mistakes: ['was changed while it was read; try again'], version };
}

function read<S extends Deciding>(options: OrganizationsOptions<S>): Found<S> {
  const { path, readFile = (file) => readFileSync(file, 'utf8') } = options;
  let text: string;
  try {
    text = readFile(path);
  } catch (error) {
    return { mistakes: [`cannot be read: ${whyUnreadable(error)}`] };
  }
  const read = yamlIn(text);
  if ('mistakes' in read) return read;
  const { value } = read;
  if (value === null) return { mistakes: ['is empty: it must have the key organizations, with a list'] };
  const checked = document.safeParse(value);
  if (!checked.success) return { mistakes: checked.error.issues.flatMap(mistakesOf) };
  return organizationsOf(checked.data.organizations, options);
}

type Written = z.output<typeof entrySchema>;

function organizationsOf<S extends Deciding>(entries: readonly Written[], options: OrganizationsOptions<S>): Found<S> {
  const { path, env, settingsOf, shard, totalShards, wanted } = options;
  const mistakes: string[] = [];
  const all = entries.map((entry, index): Entry<S> => {
    const at = `organizations[${index}]`;
    const found = settingsOf(entry.name, givenIn(entry, at, path));
    mistakes.push(...found.mistakes.map((mistake) => (mistake.startsWith(at) ? mistake : `${at}: ${mistake}`)));
    return { name: entry.name, settings: found.settings, key: keyOf(entry, path, env) };
  });
  mistakes.push(...sharedIn(all, options));
  if (wanted !== undefined && !all.some(({ name }) => name === wanted)) {
    const names = all.map(({ name }) => name);
    mistakes.push(
      `has no organization ${shown(wanted)}${suggestion(wanted, names) || `; it has ${names.slice(0, 20).join(', ')}`}`,
    );
  }
  if (mistakes.length > 0) return { mistakes };
  if (wanted !== undefined) return { organizations: all.filter(({ name }) => name === wanted) };
  return { organizations: all.filter(({ name }) => shardOf(name, totalShards) === shard) };
}

/** The texts that an entry gives, by flag. */
function givenIn(entry: Written, at: string, path: string): GivenByFlag {
  const values: Readonly<Record<string, unknown>> = entry;
  return new Map(
    allFlags.flatMap((flag): readonly (readonly [string, Given])[] => {
      const [section, key] = placeOf(flag) ?? [];
      if (section === undefined || key === undefined) return [];
      const given = (values[section] as Texts | undefined)?.[key];
      if (given === undefined) return [];
      const isPath = flag.name === flags.stateFile.name && given !== noStateFile;
      const text = isPath ? resolve(dirname(path), given) : given;
      return [[flag.name, { text, source: `${at}.${section}.${key}` }]];
    }),
  );
}

/** A key that cannot be used is no mistake of the file: its organization alone is down, and says so. */
function keyOf({ key_file: file, key_env: variable }: Written, path: string, env: Environment): KeySetting {
  if (file !== undefined) return { from: 'file', path: resolve(dirname(path), file) };
  const name = variable ?? '';
  const key = textOf(env, name);
  if (key === undefined) return { from: 'nowhere', trouble: `The variable ${name} of key_env is not set` };
  try {
    return { from: 'variable', key: keyIn(key, `The variable ${name}`) };
  } catch (error) {
    return { from: 'nowhere', trouble: error instanceof Error ? error.message : `The variable ${name} holds no key` };
  }
}

/** Mistakes of organizations that share what each must have for itself. */
function sharedIn<S extends Deciding>(
  all: readonly Entry<S>[],
  { readFile }: OrganizationsOptions<S>,
): readonly string[] {
  const first = new Map<string, number>();
  return all.flatMap(({ name, settings, key }, index) => {
    const own: [identity: string | undefined, key: string, what: string][] = [
      [name, 'name', 'has the name'],
      [settings.state.file, 'state.file', 'has the state file'],
      [usageIdentity(settings, key, readFile), 'key', 'has the key, the organization and the filters'],
    ];
    return own.flatMap(([identity, place, what]) => {
      if (identity === undefined) return [];
      const known = first.get(`${place} ${identity}`);
      if (known === undefined) {
        first.set(`${place} ${identity}`, index);
        return [];
      }
      const other = `organizations[${known}] (${all[known]?.name})`;
      const why = place === 'key' ? '; every number would be counted twice' : '';
      return [`organizations[${index}] (${name}): ${what} of ${other}${why}`];
    });
  });
}

/** The settings that decide whose usage is read, in a form that can be compared; undefined where the key cannot be read now. */
function usageIdentity(
  { openai, poll }: Deciding,
  key: KeySetting | undefined,
  readFile: ReadFile = (file) => readFileSync(file, 'utf8'),
): string | undefined {
  if (key === undefined || key.from === 'nowhere') return undefined;
  try {
    const text = key.from === 'variable' ? key.key : readFile(key.path).trim();
    return JSON.stringify([text, openai.baseUrl, openai.organization ?? null, poll.filters, poll.apis]);
  } catch {
    return undefined;
  }
}

function mistakesOf(issue: z.core.$ZodIssue): readonly string[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => `${pathOf([...issue.path, key])}: unknown key${hintFor(key, issue.path)}`);
  }
  return [`${issue.path.length === 0 ? '' : `${pathOf(issue.path)}: `}${issue.message}`];
}

function hintFor(key: string, path: readonly PropertyKey[]): string {
  const [, , section] = path;
  if (path.length === 0) return suggestion(key, ['organizations']);
  if (typeof section === 'string') {
    const known = Object.keys(shapes.get(sections.find((one) => one === section) ?? 'openai') ?? {});
    return suggestion(key.replaceAll('-', '_'), known) || `; known are ${known.join(', ')}`;
  }
  if (/^(?:admin_?|api_?)?key$/i.test(key)) return '; a secret is never in this file: give key_file or key_env';
  return suggestion(key, [...Object.keys(entryShape), ...sections]);
}

/** `organizations[2].poll.interval` */
function pathOf(path: readonly PropertyKey[]): string {
  return path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${shownKey(String(part))}`))
    .join('')
    .replace(/^\./, '');
}

/** Somebody's key in the place of a name must not get into a message. */
function shownKey(key: string): string {
  return /^[\w-]{1,60}$/.test(key) && !/sk-/i.test(key) ? key : shown(key);
}

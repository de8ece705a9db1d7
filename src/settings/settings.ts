/** Makes one frozen object of the command line and the environment, or names all that is wrong with them at once. */
import { dirname, join } from 'node:path';
import type { Environment } from '../environment.ts';
import type { LogLevel } from '../log.ts';
import { type Api, allDimensions, type FilterName } from '../openai/catalogue.ts';
import { proxyFor } from '../openai/proxy.ts';
import type { Filters } from '../openai/query.ts';
import type { Anchor } from './anchor.ts';
import { type GivenByFlag, readArguments } from './arguments.ts';
import { type BackfillSettings, historyFrom } from './backfill-settings.ts';
import { sendsInTheClear } from './base-url.ts';
import { readToken } from './bearer-token.ts';
import { createFlagReader, type FlagReader } from './flag-reader.ts';
import { allFlags, type Command, flags, noStateFile } from './flags.ts';
import { type KeySetting, type ReadFile, readKey } from './key-setting.ts';
import type { ListenAddress } from './listen-address.ts';
import type { LiveLabel } from './live-labels.ts';
import type { Budgets } from './money-budgets.ts';
import { type Entry, type Loaded, loadOrganizations } from './organizations.ts';
import { polledApis } from './polled-apis.ts';
import { usualStateFile } from './state-file.ts';
import { formatDuration, shown } from './values.ts';
import { readVariables } from './variables.ts';
import { loadWebConfig, type ReadBytes } from './web-config.ts';

/** Durations in milliseconds. It holds no secret. */
export interface Settings {
  readonly openai: {
    /** The address without a slash at its end. */
    readonly baseUrl: string;
    readonly organization: string | undefined;
    readonly timeout: number;
    readonly maxRequestsPerMinute: number;
  };
  readonly poll: {
    readonly interval: number;
    readonly idleInterval: number;
    readonly settleDelay: number;
    /** Some of the catalogue's, in its order. An api that lacks a filter in use is not to be polled: `polledApis`. */
    readonly apis: readonly Api[];
    /** Some of the catalogue's dimensions, in its order; not every api has each. Empty: no groups. */
    readonly groupBy: readonly string[];
    /** True if `groupBy` is every dimension that is granted; otherwise the user named them, and none is left out. */
    readonly groupByGranted: boolean;
    /** Those not in use are absent. */
    readonly filters: Filters;
  };
  readonly counters: { readonly anchor: Anchor; readonly zeroHold: number };
  /** `isUsual`: nobody has said where it is to be. Without a file counters begin anew with each process. */
  readonly state: { readonly file: string | undefined; readonly isUsual: boolean };
  readonly series: { readonly maxGroups: number };
  /** `refresh` is 0 where names and limits are not read. */
  readonly names: { readonly refresh: number; readonly userEmail: boolean; readonly allRateLimits: boolean };
  readonly budget: Budgets;
  /** The usage that applications report. `tokenFile` was readable at the start; without one, only this machine may report. */
  readonly live: {
    readonly enabled: boolean;
    readonly tokenFile: string | undefined;
    readonly labels: readonly LiveLabel[];
    readonly maxGroups: number;
  };
  readonly web: {
    readonly listen: ListenAddress;
    readonly telemetryPath: string;
    /** The address at which others reach it, without a slash at its end; undefined where that is where it listens. */
    readonly externalUrl: string | undefined;
    readonly configFile: string | undefined;
    readonly maxRequests: number;
  };
  readonly log: { readonly level: LogLevel; readonly format: 'json' | 'text' };
  readonly demo: { readonly speed: number };
}

/** One of several organizations. */
export type Organization = Entry<Settings>;

/** Several organizations, and how to load them again. */
export interface SeveralOrganizations {
  readonly path: string;
  readonly organizations: readonly Organization[];
  /** Differs once the file is another one. */
  readonly version: string;
  load(): Loaded<Settings>;
}

export type ParsedSettings =
  | { readonly command: 'serve' | 'check'; readonly settings: Settings; readonly key: KeySetting }
  /** `organizations` are those that `--organization` names, if it is given; all of the shard otherwise. */
  | { readonly command: 'serve' | 'check'; readonly settings: Settings; readonly several: SeveralOrganizations }
  | {
      readonly command: 'backfill';
      readonly settings: Settings;
      readonly history: BackfillSettings;
      readonly key: KeySetting;
    }
  | { readonly command: 'demo'; readonly settings: Settings; readonly organizations: readonly Organization[] }
  | { readonly command: 'health'; readonly settings: Settings }
  | { readonly command: 'help'; readonly about: Command | undefined }
  | { readonly command: 'version' }
  /** Each names its flag or variable and says what to do. To be printed on stderr; exit code 2. */
  | { readonly errors: readonly string[] };

/**
 * @param argv without the program's own name.
 * @param readFile reads the key file.
 * @param readBytes reads the web configuration and its certificates.
 */
export function parseSettings(
  argv: readonly string[],
  env: Environment,
  readFile?: ReadFile,
  readBytes?: ReadBytes,
): ParsedSettings {
  const fromArguments = readArguments(argv);
  if (fromArguments.help) return { command: 'help', about: commandNamed(argv, fromArguments.command) };
  if (fromArguments.version) return { command: 'version' };

  const { command } = fromArguments;
  const fromVariables = readVariables(env);
  const errors = [...fromArguments.mistakes];
  for (const { name, commands } of allFlags) {
    if (command === undefined || commands.includes(command) || !fromArguments.given.has(name)) continue;
    errors.push(`--${name}: does nothing with \`${command}\`; leave it out`);
  }
  const given = new Map([...fromVariables.given, ...fromArguments.given]);
  // What is simulated must not take the place of what was real, only because a variable is set.
  if (command === 'demo' && !fromArguments.given.has(flags.stateFile.name)) given.delete(flags.stateFile.name);
  const reader = createFlagReader(given, command);
  const usualState = command === 'demo' ? undefined : usualStateFile(env);
  const settings = settingsFrom(reader, command, { usualState, readFile, readBytes });
  const history = command === 'backfill' ? historyFrom(reader) : undefined;
  const source = organizationsFrom(reader);
  errors.push(...reader.mistakes, ...fromVariables.mistakes);

  /** Returns the settings of one organization: its own, and for the rest those of all. */
  const settingsOf = (name: string, own: GivenByFlag) => {
    const each = createFlagReader(new Map([...given, ...own]), command);
    const ofAll = organizationSettingsFrom(each, usualState);
    const state = own.has(flags.stateFile.name) ? ofAll.state : stateOf(ofAll.state, name);
    const proxy = proxyMistake(ofAll.openai.baseUrl, env);
    // What is wrong for all has been said.
    const mistakes = [...each.mistakes, ...(proxy === undefined ? [] : [proxy])].filter((one) => !errors.includes(one));
    return { settings: deepFreeze({ ...settings, ...ofAll, state }), mistakes };
  };

  if (command === 'serve' || command === 'check' || command === 'backfill') {
    const mistake = proxyMistake(settings.openai.baseUrl, env);
    if (mistake !== undefined) errors.push(mistake);
    if (source !== undefined) {
      const { path, wanted } = source;
      const load = () => loadOrganizations({ ...source, env, settingsOf, ...(readFile && { readFile }) });
      const loaded = load();
      if ('mistakes' in loaded)
        errors.push(...loaded.mistakes.map((one) => `--organizations.file: ${shown(path)}: ${one}`));
      else if (errors.length === 0) {
        const { organizations } = loaded;
        if (command !== 'backfill')
          return { command, settings, several: { path, organizations, version: loaded.version, load } };
        const [chosen] = organizations;
        if (wanted === undefined) errors.push('--organization: is required: name the organization of the file to read');
        else if (chosen?.key?.from === 'nowhere') errors.push(`--organization: ${chosen.key.trouble}`);
        else if (history !== undefined && chosen?.key !== undefined) {
          return { command, settings: chosen.settings, history, key: chosen.key };
        }
      }
      return { errors };
    }
    const key = readKey(env, readFile);
    if ('mistake' in key) errors.push(key.mistake);
    else if (errors.length === 0) {
      if (command !== 'backfill') return { command, settings, ...key };
      if (history !== undefined) return { command, settings, history, ...key };
    }
  }
  if (command === 'health' && reader.sound(flags.listen) && settings.web.listen.port === 0) {
    errors.push(`${reader.sourceOf(flags.listen)}: port 0 cannot be asked; give the port that the exporter listens on`);
  }
  if (errors.length > 0) return { errors };
  if (command === 'health') return { command, settings };
  if (command !== 'demo') return { errors };
  const organizations = demoNames(reader.read(flags.demoOrganizations)).map((name) => {
    return { name, key: undefined, settings: settingsOf(name, new Map()).settings };
  });
  return { command, settings, organizations };
}

/** The file of several organizations, and which of them are meant; undefined where there is none. */
function organizationsFrom(reader: FlagReader) {
  const path = reader.read(flags.organizationsFile);
  const shard = reader.read(flags.shard);
  const totalShards = reader.read(flags.totalShards);
  const wanted = reader.read(flags.organizationName);
  if (path === undefined) {
    for (const flag of [flags.shard, flags.totalShards, flags.organizationName]) {
      if (reader.given(flag)) reader.add(flag, 'does nothing without --organizations.file');
    }
    return undefined;
  }
  if (reader.sound(flags.shard) && reader.sound(flags.totalShards) && shard >= totalShards) {
    reader.add(flags.shard, `must be below --organizations.total-shards, which is ${totalShards}: shards count from 0`);
  }
  return { path, shard, totalShards, wanted };
}

/** The names of the organizations of a demonstration; none where it has but one. */
function demoNames(count: number): readonly string[] {
  if (count === 1) return [];
  const names = ['production', 'research', 'europe'];
  return Array.from({ length: count }, (_, index) => names[index] ?? `team-${index + 1}`);
}

/** The input that settings need besides what was given. */
interface Surroundings {
  readonly usualState: string | undefined;
  readonly readFile: ReadFile | undefined;
  readonly readBytes: ReadBytes | undefined;
}

/** The settings that several organizations have each for itself. */
type OrganizationSettings = Pick<Settings, 'openai' | 'poll' | 'counters' | 'state' | 'series' | 'names' | 'budget'>;

function settingsFrom(
  reader: FlagReader,
  command: Command | undefined,
  { usualState, readFile, readBytes }: Surroundings,
): Settings {
  return deepFreeze({
    ...organizationSettingsFrom(reader, usualState),
    live: liveFrom(reader, command, readFile),
    web: {
      listen: reader.read(flags.listen),
      telemetryPath: reader.read(flags.telemetryPath),
      externalUrl: reader.read(flags.externalUrl),
      configFile: webConfigFileFrom(reader, readBytes),
      maxRequests: reader.read(flags.maxRequests),
    },
    log: { level: reader.read(flags.logLevel), format: reader.read(flags.logFormat) },
    demo: { speed: reader.read(flags.demoSpeed) },
  });
}

function organizationSettingsFrom(reader: FlagReader, usualState: string | undefined): OrganizationSettings {
  const baseUrl = reader.read(flags.baseUrl);
  const allowHttp = reader.read(flags.allowHttp);
  if (reader.sound(flags.baseUrl) && reader.sound(flags.allowHttp) && sendsInTheClear(baseUrl) && !allowHttp) {
    reader.add(
      flags.baseUrl,
      'plain http would send the admin key unprotected; use https, or accept it with --openai.allow-http',
    );
  }
  return {
    openai: {
      baseUrl,
      organization: reader.read(flags.organization),
      timeout: reader.read(flags.timeout),
      maxRequestsPerMinute: reader.read(flags.maxRequestsPerMinute),
    },
    poll: pollFrom(reader),
    counters: { anchor: reader.read(flags.anchor), zeroHold: reader.read(flags.zeroHold) },
    state: stateFrom(reader, usualState),
    series: { maxGroups: reader.read(flags.maxGroups) },
    names: {
      refresh: reader.read(flags.namesRefresh),
      userEmail: reader.read(flags.userEmail),
      allRateLimits: reader.read(flags.allRateLimits),
    },
    budget: {
      monthly: reader.read(flags.budgetMonthly),
      monthlyByProject: reader.read(flags.budgetMonthlyProject) ?? [],
    },
  };
}

function pollFrom(reader: FlagReader): Settings['poll'] {
  const interval = reader.read(flags.interval);
  const idle = reader.read(flags.idleInterval);
  if (
    reader.given(flags.idleInterval) &&
    reader.sound(flags.interval) &&
    reader.sound(flags.idleInterval) &&
    idle < interval
  ) {
    reader.add(flags.idleInterval, `must be at least --poll.interval, which is ${formatDuration(interval)}`);
  }
  const groupBy = reader.read(flags.groupBy);
  const poll = {
    interval,
    idleInterval: Math.max(interval, idle),
    settleDelay: reader.read(flags.settleDelay),
    apis: reader.read(flags.apis),
    groupBy,
    // The word `all` gives the list itself; names that are given one by one make another.
    groupByGranted: groupBy === allDimensions,
    filters: filtersFrom(reader),
  };
  if (reader.sound(flags.apis) && polledApis(poll).length === 0) {
    reader.add(
      flags.apis,
      `none of these has every filter in use (${Object.keys(poll.filters).join(', ')}), so nothing would be polled; use fewer filters or other apis`,
    );
  }
  return poll;
}

function stateFrom(reader: FlagReader, usual: string | undefined): Settings['state'] {
  const file = reader.read(flags.stateFile);
  if (file === undefined) return { file: usual, isUsual: true };
  return { file: file === noStateFile ? undefined : file, isUsual: false };
}

/** The label that the demonstration's own reports have. */
const demoLabels: readonly LiveLabel[] = [{ name: 'team', path: undefined }];

/** A demonstration reports usage to itself, so that there is something to see. */
function liveFrom(reader: FlagReader, command: Command | undefined, readFile: ReadFile | undefined): Settings['live'] {
  const isDemo = command === 'demo' && !reader.given(flags.live);
  const tokenFile = reader.read(flags.liveTokenFile);
  if (tokenFile !== undefined) {
    try {
      readToken(tokenFile, readFile);
    } catch (error) {
      reader.add(flags.liveTokenFile, error instanceof Error ? error.message : 'holds no token');
    }
  }
  return {
    enabled: isDemo || reader.read(flags.live),
    tokenFile,
    labels: reader.read(flags.liveLabels) ?? (command === 'demo' ? demoLabels : []),
    maxGroups: reader.read(flags.liveMaxGroups),
  };
}

/** Each of several organizations has its own file, beside where the only one would have it. */
function stateOf({ file, isUsual }: Settings['state'], name: string): Settings['state'] {
  return { file: file === undefined ? undefined : join(dirname(file), name), isUsual };
}

/** The host of the address that will be asked; of the usual one, where that is wrong itself. */
function proxyMistake(baseUrl: string, env: Environment): string | undefined {
  try {
    proxyFor(new URL(baseUrl), env);
    return undefined;
  } catch (error) {
    return error instanceof Error
      ? error.message
      : 'HTTPS_PROXY: is no proxy that can be used; give an http or https URL';
  }
}

/** Mistakes in the file are said now, and not when somebody connects. */
function webConfigFileFrom(reader: FlagReader, readBytes: ReadBytes | undefined): string | undefined {
  const path = reader.read(flags.webConfigFile);
  if (path === undefined) return undefined;
  const loaded = loadWebConfig(path, readBytes);
  if ('mistakes' in loaded)
    for (const mistake of loaded.mistakes) reader.add(flags.webConfigFile, `${shown(path)}: ${mistake}`);
  return path;
}

function filtersFrom(reader: FlagReader): Filters {
  const lists = [
    ['project_ids', flags.projectIds],
    ['user_ids', flags.userIds],
    ['api_key_ids', flags.apiKeyIds],
    ['models', flags.models],
  ] as const;
  const filters: Partial<Record<FilterName, readonly string[]>> = {};
  for (const [name, flag] of lists) {
    const values = reader.read(flag);
    if (values !== undefined) filters[name] = values;
  }
  const batch = reader.read(flags.batch);
  if (batch !== undefined) filters.batch = [String(batch)];
  return filters;
}

/** The command that was asked about, if one was named. */
function commandNamed(argv: readonly string[], command: Command | undefined): Command | undefined {
  return command !== undefined && argv.includes(command) ? command : undefined;
}

function deepFreeze<T extends object>(value: T): Readonly<T> {
  for (const part of Object.values(value)) {
    if (typeof part === 'object' && part !== null && !Object.isFrozen(part)) deepFreeze(part);
  }
  return Object.freeze(value);
}

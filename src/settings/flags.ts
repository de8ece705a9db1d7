/**
 * Every setting, in one table. Flags, environment variables, `--help` and docs/settings.md all follow from it, so
 * they cannot disagree; a new setting is one new entry, and one use of its value in settings.ts.
 */
import { type LogLevel, logLevels } from '../log.ts';
import { type Api, allDimensions, endpoints, type Width } from '../openai/catalogue.ts';
import { type Anchor, anchor } from './anchor.ts';
import { baseUrl } from './base-url.ts';
import { externalUrl } from './external-url.ts';
import { type ListenAddress, listenAddress } from './listen-address.ts';
import { type LiveLabel, liveLabels } from './live-labels.ts';
import { type Budgets, budgetAmount, projectBudgets } from './money-budgets.ts';
import { organizationName } from './organization-name.ts';
import { type TargetLabels, targetLabels } from './target-labels.ts';
import { telemetryPath } from './telemetry-path.ts';
import {
  choice,
  decimal,
  duration,
  durationOrOff,
  type FromText,
  headerValue,
  instant,
  list,
  namesOf,
  onOff,
  path,
  whole,
} from './values.ts';

/** The commands of the program, besides --help and --version. */
export const commands = ['serve', 'check', 'backfill', 'demo', 'health'] as const;
export type Command = (typeof commands)[number];

/** Stands for no state file at all. A file of this name is `./none`. */
export const noStateFile = 'none';

export interface Flag<T> {
  /** The name without the dashes. */
  readonly name: string;
  /** `switch`: on or off, needs no value. `list`: may be given several times; the values add up. */
  readonly kind: 'value' | 'list' | 'switch';
  readonly fromText: FromText<T>;
  /** The value when it is not given, and how people write it; undefined where there is none. */
  readonly fallback: T;
  readonly defaultText: string | undefined;
  /** Stands for the value in `--help`. Empty for switches. */
  readonly placeholder: string;
  /** A few words for `--help`. */
  readonly summary: string;
  /** Sentences for the documentation: units, effects, bounds. */
  readonly details: string;
  /** A variable that other programs use for the same thing; the exporter's own one beats it. */
  readonly alsoVariable?: string;
  /** The commands that use it. */
  readonly commands: readonly Command[];
  /** True if few need it: the help for everything leaves it to the help of its commands. */
  readonly rare?: boolean;
}

type About = Omit<Flag<unknown>, 'fromText' | 'fallback' | 'defaultText' | 'commands'> & {
  readonly commands?: readonly Command[];
};

/** `check` takes what `serve` takes, so that a command line can be tried as it is. */
const polling: readonly Command[] = ['serve', 'check', 'demo'];
const upstream: readonly Command[] = ['serve', 'check', 'backfill'];
/** The settings that decide which numbers there are, served or written. */
const numbers: readonly Command[] = ['serve', 'check', 'backfill', 'demo'];
const history: readonly Command[] = ['backfill'];

function flag<T>(fromText: FromText<T>, defaultText: string, about: About): Flag<T> {
  return { commands: polling, ...about, fromText, defaultText, fallback: fromText.parse(defaultText) };
}

function optional<T>(fromText: FromText<T>, about: About): Flag<T | undefined> {
  return { commands: polling, ...about, fromText, defaultText: undefined, fallback: undefined };
}

function filter(name: string, what: string): Flag<readonly string[] | undefined> {
  return optional(list, {
    name: `poll.${name}`,
    kind: 'list',
    placeholder: 'a,b',
    summary: `only these ${what}`,
    details: `Only usage of these ${what}.`,
    commands: numbers,
  });
}

const apis = endpoints.map((endpoint) => endpoint.api);

export const flags = {
  baseUrl: flag<string>(baseUrl, 'https://api.openai.com/v1', {
    name: 'openai.base-url',
    kind: 'value',
    placeholder: 'url',
    summary: 'the API',
    details: 'Address of the API.',
    alsoVariable: 'OPENAI_BASE_URL',
    commands: upstream,
  }),
  allowHttp: flag<boolean>(onOff, 'false', {
    name: 'openai.allow-http',
    kind: 'switch',
    placeholder: '',
    summary: 'allow plain http to other machines',
    details: 'Allows plain http, which does not protect the key.',
    commands: upstream,
  }),
  organization: optional<string>(headerValue, {
    name: 'openai.organization',
    kind: 'value',
    placeholder: 'org-id',
    summary: 'organization, if the key has several',
    details: 'Value of the header `OpenAI-Organization`.',
    alsoVariable: 'OPENAI_ORG_ID',
    commands: upstream,
  }),
  timeout: flag<number>(duration({ least: '1s', most: '5m' }), '30s', {
    name: 'openai.timeout',
    kind: 'value',
    placeholder: 'duration',
    summary: 'most time for one attempt',
    details: 'Time limit of one attempt.',
    commands: upstream,
  }),
  maxRequestsPerMinute: flag<number>(whole(1, 600), '60', {
    name: 'openai.max-requests-per-minute',
    kind: 'value',
    placeholder: 'n',
    summary: 'most requests in any 60 seconds',
    details: 'Most requests in any 60 seconds.',
    commands: upstream,
  }),
  interval: flag<number>(duration({ least: '1s', most: '1h' }), '1m', {
    name: 'poll.interval',
    kind: 'value',
    placeholder: 'duration',
    summary: 'time between two polls',
    details: 'Time between polls of an api.',
  }),
  idleInterval: flag<number>(duration({ least: '1s', most: '1d' }), '10m', {
    name: 'poll.idle-interval',
    kind: 'value',
    placeholder: 'duration',
    summary: 'the same for costs and idle apis',
    details: 'The same for costs, and apis without usage for a day.',
  }),
  settleDelay: flag<number>(duration({ least: '1s', most: '1d' }), '15m', {
    name: 'poll.settle-delay',
    kind: 'value',
    placeholder: 'duration',
    summary: 'time until a bucket is final',
    details: 'Time from the end of a bucket until it is final. Less means more restatements.',
    commands: numbers,
  }),
  apis: flag<readonly Api[]>(namesOf(apis, 'api', { none: false }), 'all', {
    name: 'poll.apis',
    kind: 'list',
    placeholder: 'a,b',
    summary: 'which apis to poll',
    details: 'Apis to poll: `all`, or some [of these](metrics.md#usage-and-costs).',
    commands: numbers,
  }),
  groupBy: flag<readonly string[]>(namesOf(allDimensions, 'dimension', { none: true }), 'all', {
    name: 'poll.group-by',
    kind: 'list',
    placeholder: 'a,b',
    summary: 'dimensions that become labels',
    details:
      '[Dimensions](metrics.md#usage-and-costs) that become labels: `all`, `none`, or some. One that OpenAI refuses is left out of `all`, but fails the poll if it is named.',
    commands: numbers,
  }),
  projectIds: filter('project-ids', 'projects'),
  userIds: filter('user-ids', 'users'),
  apiKeyIds: filter('api-key-ids', 'API keys'),
  models: filter('models', 'models'),
  batch: optional<boolean>(onOff, {
    name: 'poll.batch',
    kind: 'switch',
    placeholder: '',
    summary: 'only batch usage; --no-: no batch usage',
    details: 'Only usage of the Batch API; `--no-poll.batch`: only other usage.',
    commands: numbers,
  }),
  anchor: flag<Anchor>(anchor, 'month', {
    name: 'counters.anchor',
    kind: 'value',
    placeholder: 'when',
    summary: 'start: month, year or MM-DD',
    details: 'When counters start from 0: each `month`, each `year`, or on a date like `04-01`.',
    commands: numbers,
  }),
  zeroHold: flag<number>(duration({ least: '1s', most: '1h' }), '2m', {
    name: 'counters.zero-hold',
    kind: 'value',
    placeholder: 'duration',
    summary: 'how long a new counter shows 0',
    details: 'How long a new counter shows 0: at least twice the scrape interval.',
    commands: numbers,
  }),
  stateFile: optional<string>(path, {
    name: 'state.file',
    kind: 'value',
    placeholder: 'path',
    summary: 'remembers counters across restarts',
    details:
      '[The state file](deploy.md#the-state-file), or `none`; by default in `$STATE_DIRECTORY`, or in `openai-usage-exporter` in `$XDG_STATE_HOME` or `~/.local/state`.',
  }),
  maxGroups: flag<number>(whole(1, 1_000_000), '10000', {
    name: 'series.max-groups',
    kind: 'value',
    placeholder: 'n',
    summary: 'most groups of an api',
    details: 'Most groups (combinations of label values) of an api. The rest becomes `other`.',
    commands: numbers,
  }),
  namesRefresh: flag<number>(durationOrOff({ least: '1m', most: '1d' }), '10m', {
    name: 'names.refresh',
    kind: 'value',
    placeholder: 'duration',
    summary: 'time between reads of lists',
    details: 'Time in which names and limits are read once, with a third of the requests; `0` turns them off.',
  }),
  userEmail: flag<boolean>(onOff, 'false', {
    name: 'names.user-email',
    kind: 'switch',
    placeholder: '',
    summary: 'show e-mail addresses of users',
    details: 'Adds the label `user_email` to `openai_user_info`.',
  }),
  allRateLimits: flag<boolean>(onOff, 'false', {
    name: 'names.all-rate-limits',
    kind: 'switch',
    placeholder: '',
    summary: 'show limits of unused models, too',
    details: 'Shows limits of all models, not only of those used in 30 days.',
  }),
  budgetMonthly: optional<string>(budgetAmount, {
    name: 'budget.monthly',
    kind: 'value',
    placeholder: 'usd',
    summary: 'budget of the organization',
    details: 'Monthly budget, for alerts and boards.',
  }),
  budgetMonthlyProject: optional<Budgets['monthlyByProject']>(projectBudgets, {
    name: 'budget.monthly-project',
    kind: 'list',
    placeholder: 'id=usd,…',
    summary: 'budgets of projects',
    details: 'Budgets of projects: `proj_a=200,proj_b=50`.',
  }),
  live: flag<boolean>(onOff, 'false', {
    name: 'live',
    kind: 'switch',
    placeholder: '',
    summary: 'take live usage at /api/live',
    details: 'Takes [live usage](live.md); `demo` has it on.',
  }),
  liveTokenFile: optional<string>(path, {
    name: 'live.token-file',
    kind: 'value',
    placeholder: 'path',
    summary: 'token that live usage needs',
    details: 'File with the token of live reports.',
  }),
  liveLabels: optional<readonly LiveLabel[]>(liveLabels, {
    name: 'live.labels',
    kind: 'list',
    placeholder: 'a,b=path',
    summary: 'further labels of live usage',
    details: '[Labels](live.md#report) of live usage: `team,app=metadata.application`.',
  }),
  liveMaxGroups: flag<number>(whole(1, 1_000_000), '10000', {
    name: 'live.max-groups',
    kind: 'value',
    placeholder: 'n',
    summary: 'most groups of live usage',
    details: '`--series.max-groups` for live usage.',
  }),
  organizationsFile: optional<string>(path, {
    name: 'organizations.file',
    kind: 'value',
    placeholder: 'path',
    summary: 'several organizations, each by name',
    details: 'File of [several organizations](organizations.md) and their keys.',
    commands: ['serve', 'check', 'backfill'],
  }),
  shard: flag<number>(whole(0, 9_999), '0', {
    name: 'organizations.shard',
    kind: 'value',
    placeholder: 'n',
    summary: 'which part of the file, from 0',
    details: 'Part of the file to serve, from 0.',
    commands: ['serve', 'check', 'backfill'],
    rare: true,
  }),
  totalShards: flag<number>(whole(1, 10_000), '1', {
    name: 'organizations.total-shards',
    kind: 'value',
    placeholder: 'n',
    summary: 'how many parts the file has',
    details: 'How many processes share the file.',
    commands: ['serve', 'check', 'backfill'],
    rare: true,
  }),
  organizationName: optional<string>(organizationName, {
    name: 'organization',
    kind: 'value',
    placeholder: 'name',
    summary: 'one of --organizations.file',
    details: 'One organization of the file, for `check` and `backfill`.',
    commands: ['check', 'backfill'],
    rare: true,
  }),
  listen: flag<ListenAddress>(listenAddress, ':9185', {
    name: 'web.listen-address',
    kind: 'value',
    placeholder: 'addr',
    summary: 'host:port or :port',
    details: 'Where to listen, like `127.0.0.1:9185`.',
    commands: ['serve', 'check', 'demo', 'health'],
  }),
  telemetryPath: flag<string>(telemetryPath, '/metrics', {
    name: 'web.telemetry-path',
    kind: 'value',
    placeholder: 'path',
    summary: 'where the metrics are',
    details: 'Path of the metrics.',
  }),
  externalUrl: optional<string>(externalUrl, {
    name: 'web.external-url',
    kind: 'value',
    placeholder: 'url',
    summary: 'address as Prometheus sees it',
    details: 'Address in the targets of [`/sd`](organizations.md#pages).',
    rare: true,
  }),
  webConfigFile: optional<string>(path, {
    name: 'web.config.file',
    kind: 'value',
    placeholder: 'path',
    summary: 'TLS, passwords and headers',
    details: 'File with [TLS, passwords and headers](tls.md).',
    commands: ['serve', 'check', 'demo', 'health'],
  }),
  maxRequests: flag<number>(whole(1, 10_000), '40', {
    name: 'web.max-requests',
    kind: 'value',
    placeholder: 'n',
    summary: 'scrapes at once; more get 503',
    details: 'Most scrapes at once; further ones get 503.',
  }),
  logLevel: flag<LogLevel>(choice(logLevels), 'info', {
    name: 'log.level',
    kind: 'value',
    placeholder: 'level',
    summary: 'debug, info, warn or error',
    details: '`debug`, `info`, `warn` or `error`.',
    commands: numbers,
  }),
  logFormat: flag<'json' | 'text'>(choice(['json', 'text']), 'json', {
    name: 'log.format',
    kind: 'value',
    placeholder: 'format',
    summary: 'json or text',
    details: '`json`, or `text` for people.',
    commands: numbers,
  }),
  demoSpeed: flag<number>(decimal(1, 3_600), '1', {
    name: 'demo.speed',
    kind: 'value',
    placeholder: 'n',
    summary: "how fast the demo's clock runs",
    details: 'Speed of the clock.',
    commands: ['demo'],
  }),
  demoOrganizations: flag<number>(whole(1, 200), '1', {
    name: 'demo.organizations',
    kind: 'value',
    placeholder: 'n',
    summary: 'how many organizations are simulated',
    details: 'How many organizations are simulated.',
    commands: ['demo'],
  }),
  from: optional<number>(instant, {
    name: 'from',
    kind: 'value',
    placeholder: 'day',
    summary: 'first day or instant, UTC',
    details: 'Start: a day, or an instant like `2026-05-01T13:00`, UTC.',
    commands: history,
  }),
  to: optional<number>(instant, {
    name: 'to',
    kind: 'value',
    placeholder: 'day',
    summary: 'end, exclusive; default: the latest',
    details: 'End, exclusive; by default, where the last sample is three hours old.',
    commands: history,
  }),
  bucketWidth: flag<Width>(choice(['1m', '1h', '1d']), '1h', {
    name: 'bucket-width',
    kind: 'value',
    placeholder: 'width',
    summary: '1m, 1h or 1d: time between samples',
    details: '`1m`, `1h` or `1d`: time between samples.',
    commands: history,
  }),
  output: optional<string>(path, {
    name: 'output',
    kind: 'value',
    placeholder: 'path',
    summary: 'file, folder/ (a file a month), or -',
    details: 'New file, `folder/` for a file each month, or `-`.',
    commands: history,
  }),
  labels: optional<TargetLabels>(targetLabels, {
    name: 'labels',
    kind: 'list',
    placeholder: 'a=b,…',
    summary: 'job=…,instance=…, as scraped',
    details: '[Labels](history.md#into-prometheus) of the target.',
    commands: history,
  }),
  resume: flag<boolean>(onOff, 'false', {
    name: 'resume',
    kind: 'switch',
    placeholder: '',
    summary: 'continue an interrupted run',
    details: 'Continues an interrupted run.',
    commands: history,
  }),
} as const;

/** The order is that of the table. Values are of different types, hence unknown. */
export const allFlags: readonly Flag<unknown>[] = Object.values(flags);

export function flagsOf(command: Command): readonly Flag<unknown>[] {
  return allFlags.filter((one) => one.commands.includes(command));
}

/** `poll.group-by` → `OPENAI_EXPORTER_POLL_GROUP_BY` */
export function variableOf({ name }: Pick<Flag<unknown>, 'name'>): string {
  return `${variablePrefix}${name.toUpperCase().replaceAll(/[.-]/g, '_')}`;
}

export const variablePrefix = 'OPENAI_EXPORTER_';

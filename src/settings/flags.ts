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
  /** Words for the documentation where the value follows from the surroundings if it is not given. */
  readonly otherwise?: string;
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
    details: `Asks for the usage of these ${what} only. An api without this filter is not polled; the log says so.`,
    commands: numbers,
  });
}

const apis = endpoints.map((endpoint) => endpoint.api);
const withBatch = endpoints.filter(({ filters }) => filters.includes('batch')).map((endpoint) => endpoint.api);

export const flags = {
  baseUrl: flag<string>(baseUrl, 'https://api.openai.com/v1', {
    name: 'openai.base-url',
    kind: 'value',
    placeholder: 'url',
    summary: 'the API',
    details:
      'Address of the API, version included. Plain http needs `--openai.allow-http`, except to this machine (localhost, 127.0.0.0/8, [::1]).',
    alsoVariable: 'OPENAI_BASE_URL',
    commands: upstream,
  }),
  allowHttp: flag<boolean>(onOff, 'false', {
    name: 'openai.allow-http',
    kind: 'switch',
    placeholder: '',
    summary: 'allow plain http to other machines',
    details: 'Allows plain http to other machines. The admin key then travels unprotected.',
    commands: upstream,
  }),
  organization: optional<string>(headerValue, {
    name: 'openai.organization',
    kind: 'value',
    placeholder: 'org-id',
    summary: 'organization, if the key has several',
    details: 'Sent as the `OpenAI-Organization` header.',
    alsoVariable: 'OPENAI_ORG_ID',
    commands: upstream,
  }),
  timeout: flag<number>(duration({ least: '1s', most: '5m' }), '30s', {
    name: 'openai.timeout',
    kind: 'value',
    placeholder: 'duration',
    summary: 'most time for one attempt',
    details: 'Time limit of one attempt of a request, from `1s` to `5m`. A poll with all its retries has 5 minutes.',
    commands: upstream,
  }),
  maxRequestsPerMinute: flag<number>(whole(1, 600), '60', {
    name: 'openai.max-requests-per-minute',
    kind: 'value',
    placeholder: 'n',
    summary: 'most requests in any 60 seconds',
    details: 'Most requests to the API in any 60 seconds, from 1 to 600.',
    commands: upstream,
  }),
  interval: flag<number>(duration({ least: '1s', most: '1h' }), '1m', {
    name: 'poll.interval',
    kind: 'value',
    placeholder: 'duration',
    summary: 'time between two polls',
    details:
      'Time between two polls of an api that has usage, from `1s` to `1h`. From `15m` on, let the [alert on failing apis](alerts.md#openaiendpointfailing) wait longer.',
  }),
  idleInterval: flag<number>(duration({ least: '1s', most: '1d' }), '10m', {
    name: 'poll.idle-interval',
    kind: 'value',
    placeholder: 'duration',
    summary: 'the same for costs and idle apis',
    details:
      'Time between two polls of costs, and of an api without usage for 24 hours; from `--poll.interval` to `1d`. The default is at least `--poll.interval`. From `30m` on, the [alert on old data](alerts.md#openaiusagedatastale) needs another threshold.',
  }),
  settleDelay: flag<number>(duration({ least: '1s', most: '1d' }), '15m', {
    name: 'poll.settle-delay',
    kind: 'value',
    placeholder: 'duration',
    summary: 'time until a bucket is final',
    details:
      'Time after the end of a bucket of usage until it is taken to be complete, from `1s` to `1d`. OpenAI reports usage 5 to 15 minutes late, so a shorter delay has more numbers restated. From `30m` on, the [alert on old data](alerts.md#openaiusagedatastale) needs another threshold.',
    commands: numbers,
  }),
  apis: flag<readonly Api[]>(namesOf(apis, 'api', { none: false }), 'all', {
    name: 'poll.apis',
    kind: 'list',
    placeholder: 'a,b',
    summary: 'which apis to poll',
    details: `Which apis to poll: \`all\`, or some of ${code(apis)}.`,
    commands: numbers,
  }),
  groupBy: flag<readonly string[]>(namesOf(allDimensions, 'dimension', { none: true }), 'all', {
    name: 'poll.group-by',
    kind: 'list',
    placeholder: 'a,b',
    summary: 'dimensions that become labels',
    details: `Which dimensions become labels: \`all\`, \`none\`, or some of ${code(allDimensions)}. An api ignores those that it does not have. With \`all\`, a dimension that OpenAI refuses is left out for that api, shown by \`openai_exporter_dimension_refused\`, and tried again at midnight UTC and at each start. If one that is named here is refused, the poll fails, and its advice names the value that works. Fewer dimensions make fewer series.`,
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
    details: `On: usage of the Batch API alone; off: usage without it; not given: both. The apis with this filter are ${code(withBatch)}; no other is polled with it.`,
    commands: numbers,
  }),
  anchor: flag<Anchor>(anchor, 'month', {
    name: 'counters.anchor',
    kind: 'value',
    placeholder: 'when',
    summary: 'start: month, year or MM-DD',
    details:
      'When the counters start again from 0, in UTC: each `month`, each `year`, or each year on a date `MM-DD`, like `04-01`.',
    commands: numbers,
  }),
  zeroHold: flag<number>(duration({ least: '1s', most: '1h' }), '2m', {
    name: 'counters.zero-hold',
    kind: 'value',
    placeholder: 'duration',
    summary: 'how long a new counter shows 0',
    details:
      'How long a new counter shows 0 before its first value, so that Prometheus sees its first usage as a rise. At least twice the scrape interval; from `1s` to `1h`.',
    commands: numbers,
  }),
  stateFile: optional<string>(path, {
    name: 'state.file',
    kind: 'value',
    placeholder: 'path',
    summary: 'remembers counters across restarts',
    otherwise: 'in the folder for state',
    details:
      '[The state file](deploy.md#the-state-file); `none` turns it off. The folder of a file that is given has to exist. The default is `state` in the first of `$STATE_DIRECTORY` (set by systemd and by the image), `$XDG_STATE_HOME/openai-usage-exporter` and `~/.local/state/openai-usage-exporter`. `demo` has none by default.',
  }),
  maxGroups: flag<number>(whole(1, 1_000_000), '10000', {
    name: 'series.max-groups',
    kind: 'value',
    placeholder: 'n',
    summary: 'most groups of an api',
    details:
      'Most groups (combinations of label values) of one api, from 1 to 1000000. The rest is added up in one group whose labels read `other`.',
    commands: numbers,
  }),
  namesRefresh: flag<number>(durationOrOff({ least: '1m', most: '1d' }), '10m', {
    name: 'names.refresh',
    kind: 'value',
    placeholder: 'duration',
    summary: 'time between reads of lists',
    details:
      'Time in which all names and limits are read once, from `1m` to `1d`. At most a third of `--openai.max-requests-per-minute` is spent on them, so a large organization takes longer. `0` turns them off; every id is then its own name. They need the scope `api.management.read`.',
  }),
  userEmail: flag<boolean>(onOff, 'false', {
    name: 'names.user-email',
    kind: 'switch',
    placeholder: '',
    summary: 'show e-mail addresses of users',
    details: 'Adds the label `user_email` to `openai_user_info`, for everybody who can read the metrics.',
  }),
  allRateLimits: flag<boolean>(onOff, 'false', {
    name: 'names.all-rate-limits',
    kind: 'switch',
    placeholder: '',
    summary: 'show limits of unused models, too',
    details:
      'Shows every rate limit of every project, of hundreds of models. Otherwise only those of models that the project has used within 30 days.',
  }),
  budgetMonthly: optional<string>(budgetAmount, {
    name: 'budget.monthly',
    kind: 'value',
    placeholder: 'usd',
    summary: 'budget of the organization',
    details:
      'Monthly budget of the organization in usd, for alerts and dashboards; it limits nothing. Served as `openai_organization_budget_amount`.',
  }),
  budgetMonthlyProject: optional<Budgets['monthlyByProject']>(projectBudgets, {
    name: 'budget.monthly-project',
    kind: 'list',
    placeholder: 'id=usd,…',
    summary: 'budgets of projects',
    details: 'Monthly budgets of projects in usd: `proj_a=200,proj_b=50`. Served as `openai_project_budget_amount`.',
  }),
  live: flag<boolean>(onOff, 'false', {
    name: 'live',
    kind: 'switch',
    placeholder: '',
    summary: 'take live usage at /api/live',
    details:
      'Takes [live usage](live.md), which applications and gateways report. Without `--live.token-file` it is taken from this machine only. `demo` has it on, and reports to itself.',
  }),
  liveTokenFile: optional<string>(path, {
    name: 'live.token-file',
    kind: 'value',
    placeholder: 'path',
    summary: 'token that live usage needs',
    details:
      'File with the token, of at least 16 characters, that reports of live usage send as `Authorization: Bearer …`. It is read again when a token is refused.',
  }),
  liveLabels: optional<readonly LiveLabel[]>(liveLabels, {
    name: 'live.labels',
    kind: 'list',
    placeholder: 'a,b=path',
    summary: 'further labels of live usage',
    details:
      'Further labels of live usage, up to 10, from the envelope or query of a report; or, as `app=metadata.application`, from that place in each record. A dimension can have a place too: `project_id=metadata.project`.',
  }),
  liveMaxGroups: flag<number>(whole(1, 1_000_000), '10000', {
    name: 'live.max-groups',
    kind: 'value',
    placeholder: 'n',
    summary: 'most groups of live usage',
    details: 'The same as `--series.max-groups`, for live usage.',
  }),
  organizationsFile: optional<string>(path, {
    name: 'organizations.file',
    kind: 'value',
    placeholder: 'path',
    summary: 'several organizations, each by name',
    details:
      'YAML file of [several organizations](organizations.md), each with a name, a key and settings. No variable gives a key then.',
    commands: ['serve', 'check', 'backfill'],
  }),
  shard: flag<number>(whole(0, 9_999), '0', {
    name: 'organizations.shard',
    kind: 'value',
    placeholder: 'n',
    summary: 'which part of the file, from 0',
    details: 'Which part of the file this process serves, from 0 to one below `--organizations.total-shards`.',
    commands: ['serve', 'check', 'backfill'],
    rare: true,
  }),
  totalShards: flag<number>(whole(1, 10_000), '1', {
    name: 'organizations.total-shards',
    kind: 'value',
    placeholder: 'n',
    summary: 'how many parts the file has',
    details: 'How many processes share the file, from 1 to 10000.',
    commands: ['serve', 'check', 'backfill'],
    rare: true,
  }),
  organizationName: optional<string>(organizationName, {
    name: 'organization',
    kind: 'value',
    placeholder: 'name',
    summary: 'one of --organizations.file',
    details: 'One organization of `--organizations.file`. Without it, `check` asks all of them.',
    commands: ['check', 'backfill'],
    rare: true,
  }),
  listen: flag<ListenAddress>(listenAddress, ':9185', {
    name: 'web.listen-address',
    kind: 'value',
    placeholder: 'addr',
    summary: 'host:port or :port',
    details:
      'Where to listen: `:9185`, `127.0.0.1:9185`, `[::1]:9185`. Port 0 takes a free one, which the log names. In a container set the variable, so that `health` asks here too.',
    commands: ['serve', 'check', 'demo', 'health'],
  }),
  telemetryPath: flag<string>(telemetryPath, '/metrics', {
    name: 'web.telemetry-path',
    kind: 'value',
    placeholder: 'path',
    summary: 'where the metrics are',
    details: 'Path of the metrics, other than `/`.',
  }),
  externalUrl: optional<string>(externalUrl, {
    name: 'web.external-url',
    kind: 'value',
    placeholder: 'url',
    summary: 'address as Prometheus sees it',
    details:
      'Address of the targets of `/sd`, such as `https://exporter.example.org/openai`. The default is the address by which `/sd` was asked.',
    rare: true,
  }),
  webConfigFile: optional<string>(path, {
    name: 'web.config.file',
    kind: 'value',
    placeholder: 'path',
    summary: 'TLS, passwords and headers',
    details:
      "File with [TLS, passwords and headers](tls.md), in the format of Prometheus's exporter-toolkit. In a container set the variable, so that `health` reads it too.",
    commands: ['serve', 'check', 'demo', 'health'],
  }),
  maxRequests: flag<number>(whole(1, 10_000), '40', {
    name: 'web.max-requests',
    kind: 'value',
    placeholder: 'n',
    summary: 'scrapes at once; more get 503',
    details: 'Most scrapes served at once, from 1 to 10000; further ones get 503.',
  }),
  logLevel: flag<LogLevel>(choice(logLevels), 'info', {
    name: 'log.level',
    kind: 'value',
    placeholder: 'level',
    summary: 'debug, info, warn or error',
    details: 'The least important lines that are logged: `debug`, `info`, `warn` or `error`.',
    commands: numbers,
  }),
  logFormat: flag<'json' | 'text'>(choice(['json', 'text']), 'json', {
    name: 'log.format',
    kind: 'value',
    placeholder: 'format',
    summary: 'json or text',
    details: '`json`, one object a line, or `text` for people.',
    commands: numbers,
  }),
  demoSpeed: flag<number>(decimal(1, 3_600), '1', {
    name: 'demo.speed',
    kind: 'value',
    placeholder: 'n',
    summary: "how fast the demo's clock runs",
    details: "Speed of the demonstration's clock, from 1 to 3600. At 60, an hour passes in a minute.",
    commands: ['demo'],
  }),
  demoOrganizations: flag<number>(whole(1, 200), '1', {
    name: 'demo.organizations',
    kind: 'value',
    placeholder: 'n',
    summary: 'how many organizations are simulated',
    details: 'How many organizations are simulated, from 1 to 200.',
    commands: ['demo'],
  }),
  from: optional<number>(instant, {
    name: 'from',
    kind: 'value',
    placeholder: 'day',
    summary: 'first day or instant, UTC',
    details:
      'Start of the history: a day like `2026-05-01`, or an instant of UTC like `2026-05-01T13:00`, at which a bucket of `--bucket-width` begins. Required.',
    commands: history,
  }),
  to: optional<number>(instant, {
    name: 'to',
    kind: 'value',
    placeholder: 'day',
    summary: 'end, exclusive; default: the latest',
    details:
      'End of the history, exclusive, written like `--from`; at the latest, and by default, where its last sample is three hours old.',
    commands: history,
  }),
  bucketWidth: flag<Width>(choice(['1m', '1h', '1d']), '1h', {
    name: 'bucket-width',
    kind: 'value',
    placeholder: 'width',
    summary: '1m, 1h or 1d: time between samples',
    details: 'Width of the buckets of usage, `1m`, `1h` or `1d`; each becomes a sample.',
    commands: history,
  }),
  output: optional<string>(path, {
    name: 'output',
    kind: 'value',
    placeholder: 'path',
    summary: 'file, folder/ (a file a month), or -',
    details:
      'A new file; a folder (one that exists, or a path that ends with `/`) for a file each UTC month; or `-` for stdout. Required.',
    commands: history,
  }),
  labels: optional<TargetLabels>(targetLabels, {
    name: 'labels',
    kind: 'list',
    placeholder: 'a=b,…',
    summary: 'job=…,instance=…, as scraped',
    details:
      'Labels that Prometheus adds when it scrapes, like `job=openai,instance=localhost:9185`. Without them, what is written makes other series than those that are scraped.',
    commands: history,
  }),
  resume: flag<boolean>(onOff, 'false', {
    name: 'resume',
    kind: 'switch',
    placeholder: '',
    summary: 'continue an interrupted run',
    details: 'Continues an interrupted run of the same settings.',
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

function code(words: readonly string[]): string {
  return words.map((word) => `\`${word}\``).join(', ');
}

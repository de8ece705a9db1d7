/**
 * Puts the parts together: for each api an account and a poller, for all of them one page. Data goes one way:
 * client → poller → account → page; the web layer only takes the page.
 */
import type { Big } from 'big.js';
import type { Clock } from '../clock.ts';
import { createEstimator, daysBack, type Estimate } from '../estimate/estimator.ts';
import type { PriceEntry, Prices } from '../estimate/prices.ts';
import type { Logger } from '../log.ts';
import { budgetSection } from '../metrics/budgets-section.ts';
import { createChanges } from '../metrics/changes.ts';
import { estimateSection, estimateSectionName } from '../metrics/estimate-section.ts';
import type { Piece } from '../metrics/gzip.ts';
import { moneySection, moneySectionName, userMoneySection } from '../metrics/money-section.ts';
import type { PageUpdate } from '../metrics/page.ts';
import { createPublisher } from '../metrics/publisher.ts';
import { apiSection } from '../metrics/render.ts';
import { createSelfMetrics, type SelfMetrics } from '../metrics/self.ts';
import { type Api, type ApiLabel, type Endpoint, endpoints, userCosts } from '../openai/catalogue.ts';
import type { Client, ClientObserver } from '../openai/client.ts';
import { createPageSizes } from '../openai/read-buckets.ts';
import { createOverview, type Overview } from '../overview/overview.ts';
import { createFailureLog } from '../poll/failure-log.ts';
import { createGrouping, type DimensionRefusal } from '../poll/grouping.ts';
import { createLeftOut, type LeftOutStatus } from '../poll/left-out.ts';
import { createPace } from '../poll/pace.ts';
import { newPollStatus, type PollStatus } from '../poll/poll-status.ts';
import { createPoller, type Poller } from '../poll/poller.ts';
import { createRecovery } from '../poll/recovery.ts';
import { type Cadence, offsetOf } from '../poll/schedule.ts';
import { readApis } from '../settings/polled-apis.ts';
import type { Settings } from '../settings/settings.ts';
import type { State } from '../state/codec.ts';
import { createMemory, restoredOf } from '../state/memory.ts';
import type { Account } from '../usage/account.ts';
import { CostAccount } from '../usage/cost-account.ts';
import type { GroupTable } from '../usage/groups.ts';
import type { Shown, ShownHour } from '../usage/recent.ts';
import { TuplePool } from '../usage/tuples.ts';
import { UsageAccount } from '../usage/usage-account.ts';
import { polledWidths } from '../usage/windows.ts';
import { createDailyLog } from './daily-log.ts';
import { createNames, type NamesList } from './inventory.ts';
import { selfSource } from './self-source.ts';

export interface ExporterOptions {
  readonly settings: Pick<Settings, 'poll' | 'counters' | 'series' | 'names' | 'budget'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly version: string;
  readonly revision: string;
  /** Makes the client, which reports its attempts to the exporter's own metrics. */
  readonly client: (observer: ClientObserver) => Client;
  /** The state that an earlier process has shown, and the place where to keep what this one shows. */
  readonly memory?: {
    readonly fingerprint: string;
    readonly earlier: State | undefined;
    save(state: State): Promise<void>;
    /** Names that an earlier process knew, and where to keep those that this one knows. */
    readonly earlierNames?: Uint8Array | undefined;
    keepNames?(names: Uint8Array): void;
    /** Times that it could not be read or written so far. */
    errors?(): number;
  };
  /** The trouble with the state file, as a sentence; undefined where there is none. */
  readonly stateFileTrouble?: () => string | undefined;
  /** Takes the prices that estimates go by, each time they have changed. */
  readonly prices?: (prices: readonly PriceEntry[]) => void;
  /** Requests a minute that the client allows; without it, nobody is told when that is too few. */
  readonly maxRequestsPerMinute?: number;
  /** Takes a finished page, and the hours whose usage it shows; the next one is not made before it resolves. */
  readonly show: (update: PageUpdate, hours: readonly ShownHour[]) => void | Promise<void>;
  readonly compress?: (text: Uint8Array) => Piece;
}

/** One api as the status page and the metrics see it. */
export interface ExporterApi {
  readonly endpoint: Endpoint;
  readonly account: Account;
  readonly status: PollStatus;
  /** Dimensions that OpenAI does not grant. */
  readonly refusals: ReadonlyMap<string, DimensionRefusal>;
  readonly poller: Poller;
}

export interface Exporter {
  readonly self: SelfMetrics;
  readonly apis: readonly ExporterApi[];
  /** Lists of names and limits; empty where these are turned off. */
  readonly lists: readonly NamesList[];
  series(api?: Api): number;
  /** The part of the answers of an api or list that could not be taken; undefined where that is nothing. */
  leftOut(api: ApiLabel): LeftOutStatus | undefined;
  /** Returns what is used and spent, and who is near a limit. */
  overview(): Overview;
  /** Returns why polls cannot keep their interval, with the numbers; undefined while they can. */
  tooSlow(): string | undefined;
  /** The trouble with the state file, as a sentence; undefined where there is none. */
  stateFileTrouble(): string | undefined;
  /** Every api was tried once. */
  ready(): boolean;
  /** Polls and publishes until the signal is aborted; then rejects with its reason. */
  run(signal: AbortSignal): Promise<void>;
}

/** Milliseconds over which the apis spread what they read again each hour and each day. */
const spreadOfHistory = 300_000;

/** Puts the parts of an exporter together. Nothing is asked or rendered before `run`. */
export function createExporter(options: ExporterOptions): Exporter {
  const { settings, clock, log, version, revision, compress } = options;
  const { interval, idleInterval, settleDelay, groupBy, groupByGranted, filters } = settings.poll;
  const failureLog = createFailureLog(log);
  const sizes = createPageSizes();
  const earlier = options.memory?.earlier;
  const polled = new Set(readApis(settings.poll));
  const tuples = new TuplePool();

  const parts = [...endpoints, userCosts].flatMap((endpoint, index) => {
    if (!polled.has(endpoint.api)) return [];
    // Costs by user are read together with costs, which come last, so that their sums are of the same instant.
    const offset = offsetOf(Math.min(index, endpoints.length - 1), endpoints.length, interval);
    const wanted = endpoint.dimensions.filter((name) => groupBy.includes(name));
    const common = {
      dimensions: wanted,
      maxGroups: settings.series.maxGroups,
      settleDelay,
      clock,
      // What is read again each hour and each day would otherwise come within one minute.
      offset: offsetOf(index, endpoints.length, spreadOfHistory),
      tuples,
    };
    const account =
      endpoint.kind === 'costs'
        ? new CostAccount({ ...common, endpoint })
        : new UsageAccount({
            ...common,
            ...settings.counters,
            endpoint,
            ...(polled.has('costs') ? { daysBack } : {}),
            restored: restoredOf(earlier, endpoint.api),
          });
    return [
      {
        endpoint,
        account,
        wanted,
        refusals: new Map<string, DimensionRefusal>(),
        status: newPollStatus(endpoint.api),
        cadence: { interval, idleInterval, offset } satisfies Cadence,
      },
    ];
  });

  const memory =
    options.memory &&
    createMemory(
      options.memory.fingerprint,
      parts.map(({ account }) => account),
      earlier,
    );
  const accounts = parts.map(({ account }) => account);
  const costs = accounts.filter((account) => account.kind === 'costs').find(({ endpoint }) => endpoint.api === 'costs');
  const estimator =
    costs &&
    createEstimator({
      costs,
      usage: accounts.filter((account) => account.kind === 'usage'),
      settleDelay,
      interval: Math.max(interval, idleInterval),
    });
  const daily = createDailyLog(log, clock);
  const changes = createChanges();

  let priced: Prices | undefined;

  function estimated({ prices }: Estimate): void {
    if (prices === priced) return;
    priced = prices;
    options.prices?.(prices.entries);
    sayOdd(prices.remarks);
  }

  function sayOdd(remarks: readonly string[]): void {
    const said = remarks.slice(0, mostRemarks);
    if (said.length < remarks.length)
      said.push(`only ${said.length} of ${remarks.length} remarks on prices are logged`);
    // Nothing is to be done about it: estimates go on, and their error says how well.
    daily.info('prices', 'costs', ...said.map((remark) => `estimates of spend: ${remark}`));
  }

  const names = createNames({
    settings,
    apis: parts.map(({ endpoint }) => endpoint),
    clock,
    log,
    failureLog,
    memory: options.memory,
    changes,
    sizes,
  });
  const self = createSelfMetrics({
    version,
    revision,
    source: {
      apis: parts.map(({ account, status, refusals }) => selfSource(account, status, refusals)),
      lists: names.lists,
      stateFileErrors: () => options.memory?.errors?.() ?? 0,
    },
  });
  const shownHours = new Map<Api, readonly ShownHour[]>();
  const publisher = createPublisher({
    changes,
    sections: [
      ...parts.map(({ endpoint, account }) => {
        if (account.kind === 'costs' && endpoint === userCosts && costs !== undefined) {
          const byUser = userMoneySection({
            byUser: account,
            costs,
            differs: (amount, currency) => daily.warn('difference', userCosts.api, differenceOf(amount, currency)),
          });
          return names.watch(byUser, () => shownGroups(account));
        }
        const slow = () => account.isSlow(clock.now());
        const section = apiSection(
          account,
          { endpoint, settleDelay, interval: () => (slow() ? idleInterval : interval) },
          (shown) => shownHours.set(endpoint.api, hoursIn(endpoint.api, shown)),
        );
        return names.watch(section, () => shownGroups(account));
      }),
      ...(costs === undefined ? [] : [names.watch(moneySection(costs), () => shownGroups(costs))]),
      ...(estimator === undefined ? [] : [estimateSection(estimator, estimated)]),
      budgetSection(settings.budget),
      ...names.sections,
    ],
    clock,
    ...(compress === undefined ? {} : { compress }),
    beforeShown: async () => {
      names.keep(false);
      const state = memory?.changed();
      if (state !== undefined) await options.memory?.save(state);
    },
    async show(update, seconds) {
      await options.show(update, [...shownHours.values()].flat());
      self.published(seconds, update.series);
      log.debug('page published', { seconds, series: update.series });
    },
  });

  const recovery = createRecovery(interval);
  const pace = createPace({
    clock,
    log,
    maxPerMinute: options.maxRequestsPerMinute ?? Number.POSITIVE_INFINITY,
    needed: () =>
      parts.reduce((sum, { endpoint, account }) => {
        const every = account.isSlow(clock.now()) ? idleInterval : interval;
        return sum + (polledWidths(endpoint).length * 60_000) / every;
      }, 0),
  });
  const client = options.client({
    attempt(api, code, seconds) {
      if (options.maxRequestsPerMinute !== undefined && code === '200') pace.answered(seconds);
      self.attempt(api, code, seconds);
    },
    retry: self.retry,
    answersAgain: (quiet) => recovery.answersAgain(quiet, clock.now()),
  });

  const leftOut = createLeftOut({ log, clock, count: (api, rows) => self.malformed(api, rows) });
  const apis = parts.map(({ endpoint, account, wanted, refusals, status, cadence }): ExporterApi => {
    const { api } = endpoint;
    const grouping = createGrouping({
      account,
      wanted,
      named: groupByGranted ? undefined : groupBy,
      filters,
      client,
      clock,
      offset: cadence.offset,
      log,
      refusals,
      changed: () => self.changed(),
    });
    const poller = createPoller({
      account,
      grouping,
      status,
      context: { client, sizes, clock, filters, settleDelay },
      cadence,
      clock,
      report: {
        buckets: () => self.changed(),
        restated: (up, down) => self.restated(api, up, down),
        folded(rows) {
          self.folded(api, rows);
          leftOut.folded(api, rows, foldingIn(settings.series.maxGroups));
        },
        leftOut: (start, rows, losses) => leftOut.rows(api, start, rows, losses),
        bucketRefused: (start) => leftOut.other(api, 1, bucketRefusedAt(start)),
        organization: (id, name, start) => names.organizationNamed(id, name, start),
        incomplete(buckets) {
          if (buckets > 0) daily.warn('incomplete', api, incompleteIn(api));
        },
      },
      log,
      failureLog,
      recovery,
      polled({ failure }) {
        self.polled(api, failure?.reason);
        pace.look();
      },
      late: self.changed,
      changed() {
        changes.note(api);
        changes.note(estimateSectionName);
        if (api !== costs?.endpoint.api) return;
        changes.note(moneySectionName);
        if (polled.has(userCosts.api)) changes.note(userCosts.api);
      },
    });
    return { endpoint, account, status, refusals, poller };
  });

  function itemsRefused(api: ApiLabel, items: number): void {
    leftOut.other(
      api,
      items,
      'Items of the list were refused, or lack something: they are not as the API documents them, or more than are kept.',
    );
  }

  return {
    self,
    apis,
    lists: names.lists,
    series: publisher.series,
    leftOut: leftOut.of,
    overview: createOverview({
      accounts: parts.map(({ account }) => account),
      directory: names.directory,
      limits: names.limits,
      namesRead: settings.names.refresh > 0,
      filtered: Object.values(filters).some((filter) => filter !== undefined),
      budget: settings.budget,
      settleDelay,
      clock,
      estimator,
    }),
    tooSlow: pace.trouble,
    stateFileTrouble: options.stateFileTrouble ?? (() => undefined),
    ready: () => apis.every(({ status }) => status.up !== undefined),
    async run(signal) {
      try {
        await Promise.all([
          publisher.run(signal),
          names.run(client, { polled: self.polled, changed: self.changed, malformed: itemsRefused }, signal),
          ...apis.map(({ poller }) => poller.run(signal)),
        ]);
      } finally {
        names.keep(true);
      }
    },
  };
}

/** Remarks on prices that are logged on one day. */
const mostRemarks = 5;

function differenceOf(amount: Big, currency: string): string {
  const more = amount.gt('0') ? 'more' : 'less';
  return `costs by user add up to ${amount.abs().toFixed(2)} ${currency} ${more} than costs by project, on days that are final in both; openai_exporter_user_costs_difference_amount shows it`;
}

/** Returns the tables of groups that an account's series are made of. */
function shownGroups({ ledger, book }: Account): readonly GroupTable[] {
  return [...new Set([ledger, ...(book?.ledgers ?? [])])].map(({ groups }) => groups);
}

function foldingIn(most: number): string {
  return `There are more than ${most} groups; the usage of further ones goes into one whose labels all read "other". Raise --series.max-groups, or group by less with --poll.group-by.`;
}

/** @param start in seconds */
function bucketRefusedAt(start: number): string {
  return `The bucket at ${new Date(start * 1_000).toISOString()} was refused: it does not begin or end where its width says. It is asked for again.`;
}

function incompleteIn(api: Api): string {
  return `${api}: rows have been refused for half an hour, for they contain impossible values; their buckets count without them now. What is missing is added when OpenAI answers otherwise. openai_exporter_malformed_rows_total counts such rows.`;
}

function hoursIn(api: Api, shown: readonly Shown[]): readonly ShownHour[] {
  return shown.flatMap(({ width, state, bucket: { start } }) => (width === '1h' ? [{ api, state, start }] : []));
}

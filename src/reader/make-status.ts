/** Returns what the exporter knows as data, for the status page and `/api/status`. */
import type { ApiLabel } from '../openai/catalogue.ts';
import { whatToDoAbout } from '../openai/errors.ts';
import type { ApiStatus, CountersStatus, Health, LeftOut, ListStatus, OrganizationSummary, Status } from '../status.ts';
import type { Account } from '../usage/account.ts';
import type { Exporter, ExporterApi } from './exporter.ts';
import type { NamesList } from './inventory.ts';
import { dataThrough } from './self-source.ts';

export interface StatusOptions {
  readonly exporter: Exporter;
  readonly version: string;
  readonly revision: string;
  readonly simulated: boolean;
  /** UTC milliseconds. */
  readonly startedAt: number;
  readonly now: number;
}

/** Returns everything that the status page shows, as of `now`. */
export function statusOf(options: StatusOptions): Status {
  return { ...healthOf(options), ...options.exporter.overview() };
}

/** Returns what is worth a line in the list of several organizations. */
export function summaryOf({ now, apis, lists, usage, spend, limits }: Status): OrganizationSummary {
  const failing = [...apis, ...lists].filter(({ up }) => up === false);
  return {
    now,
    apis: apis.length,
    failing: failing.map(({ api }) => api),
    message: failing[0]?.message ?? null,
    whatToDo: failing[0]?.whatToDo ?? null,
    tokens: sumOf(usage.hours.map(({ tokens }) => tokens)),
    requests: sumOf(usage.hours.map(({ requests }) => requests)),
    spend: spend.currencies.map(({ currency, total, budget }) => ({ currency, total, budget })),
    nearest: limits.nearest[0] ?? null,
  };
}

/** The sum of what is known; null where nothing is. */
function sumOf(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0);
}

function healthOf({ exporter, version, revision, simulated, startedAt, now }: StatusOptions): Health {
  return {
    version,
    revision,
    simulated,
    startedAt: iso(startedAt),
    now: iso(now),
    apis: exporter.apis.map((api) => ({
      ...apiStatus(api, exporter.series(api.endpoint.api)),
      ...leftOutOf(exporter, api.endpoint.api),
    })),
    lists: exporter.lists.map((list) => ({ ...listStatus(list), ...leftOutOf(exporter, list.api) })),
    counters: countersStatus(exporter.apis.map(({ account }) => account)),
    tooSlow: exporter.tooSlow() ?? null,
    stateFileTrouble: exporter.stateFileTrouble() ?? null,
  };
}

function apiStatus(
  { endpoint, account, status, refusals }: ExporterApi,
  series: number,
): Omit<ApiStatus, keyof LeftOut> {
  const { failure } = status;
  return {
    api: endpoint.api,
    up: status.up ?? null,
    lastSuccess: isoOrNull(status.lastSuccess),
    lastPoll: isoOrNull(status.lastPoll),
    nextPoll: isoOrNull(status.nextPoll),
    reason: failure?.reason ?? null,
    message: failure?.message ?? null,
    whatToDo: failure?.whatToDo ?? null,
    dataThrough: Object.fromEntries([...dataThrough(account)].map(([width, end]) => [width, iso(end * 1_000)])),
    series,
    dimensionsRefused: [...refusals].map(([dimension, { reason, since }]) => ({
      dimension,
      reason,
      since: iso(since),
    })),
  };
}

function listStatus({ api, up, lastSuccess, failure }: NamesList): Omit<ListStatus, keyof LeftOut> {
  const failed = failure();
  return {
    api,
    up: up() ?? null,
    lastSuccess: isoOrNull(lastSuccess()),
    reason: failed?.reason ?? null,
    message: failed?.error.message ?? null,
    whatToDo: failed === undefined ? null : whatToDoAbout(failed.error),
  };
}

function leftOutOf(exporter: Exporter, api: ApiLabel): LeftOut {
  const found = exporter.leftOut(api);
  return { leftOut: found === undefined ? null : { ...found, at: iso(found.at) } };
}

function countersStatus(accounts: readonly Account[]): CountersStatus {
  const counting = accounts.filter(({ counters }) => counters !== 'none');
  const anchor = counting[0]?.ledger.anchor;
  const named = (state: Account['counters']) =>
    counting.filter(({ counters }) => counters === state).map(({ endpoint }) => endpoint.api);
  const replaying = named('replaying');
  const abandoned = named('abandoned');
  const state = replaying.length > 0 ? 'replaying' : abandoned.length > 0 ? 'unavailable' : 'shown';
  const messages = [
    ...(replaying.length > 0
      ? [`History is still being read for ${replaying.join(', ')}; their counters appear when it is complete.`]
      : []),
    ...(abandoned.length > 0
      ? [
          `OpenAI does not keep the history back to the anchor for ${abandoned.join(', ')}; their counters stay absent until the next period.`,
        ]
      : []),
  ];
  return {
    anchor: anchor === undefined ? null : iso(anchor * 1_000),
    state: counting.length === 0 ? 'unavailable' : state,
    message: messages.length === 0 ? null : messages.join(' '),
  };
}

function iso(instant: number): string {
  return new Date(instant).toISOString();
}

function isoOrNull(instant: number | undefined): string | null {
  return instant === undefined ? null : iso(instant);
}

/** Tells who is near a limit, as far as it can be told: money of the month so far, and the busiest minute of the last hour. */
import { organization } from '../inventory/directory.ts';
import type { Limits, SpendAlert, SpendLimit } from '../inventory/limits.ts';
import type { Listing } from '../inventory/listing.ts';
import type { RateLimits } from '../inventory/rate-limits.ts';
import { limitModelOf } from '../inventory/rate-limits.ts';
import { widthSeconds } from '../openai/catalogue.ts';
import type { LimitsStatus, NearLimit } from '../status.ts';
import type { Account } from '../usage/account.ts';
import { nearestNumber, zero } from '../usage/decimal.ts';
import type { Ids } from '../usage/ids.ts';
import { foldedValue, noValue } from '../usage/labels.ts';
import { bucketAt } from '../usage/windows.ts';
import { mostRanked } from './hours.ts';
import type { MonthCosts, SpendOptions } from './spend.ts';
import { type BucketSums, hasTokens, isCounted } from './sums.ts';

export interface LimitsOptions extends SpendOptions {
  readonly limits: Limits;
  /** True if limits are read at all. */
  readonly read: boolean;
  /** The state that is kept from one time to the next. */
  readonly holding: HoldingLimits;
  /** The counters of usage. */
  readonly accounts: readonly Account[];
  /** Milliseconds. */
  readonly settleDelay: number;
}

/** Settled minutes that are looked at. */
const minutes = 60;

/** Pauses now and then while sums are made. @param now UTC in milliseconds */
export function limitsStatus(options: LimitsOptions, costs: MonthCosts, sums: BucketSums, now: number): LimitsStatus {
  const { limits, read, filtered, accounts } = options;
  const money = moneyLimits(options, costs);
  const byModel = accounts.filter(({ endpoint, ledger }) => isCounted(endpoint) && sums.pairs.covers(ledger.groups));
  const rates = rateLimits(options, byModel, sums, now);
  const all = [...money, ...rates];
  const unknown: string[] = [];
  if (!read) unknown.push('Limits are not read (--names.refresh=0): only budgets are compared.');
  else if (limits.rate.projects().length === 0) {
    unknown.push('Rate limits are not known: not read yet, or the key lacks the scope api.management.read.');
  } else if (byModel.length === 0) {
    unknown.push('Rate limits cannot be compared: usage is not grouped by project and model.');
  } else if (rates.length === 0) {
    unknown.push(
      'Rate limits cannot be compared: no settled minute of the last hour is known with usage under a limit.',
    );
  }
  if (filtered) unknown.push('Filters are set, so only a part of what counts against a limit is known.');
  return {
    nearest: nearestOf(all),
    compared: all.length,
    unknown,
  };
}

function moneyLimits({ account, budget, limits, nameOf }: LimitsOptions, { spent }: MonthCosts): NearLimit[] {
  const near: NearLimit[] = [];
  const grouped = account?.ledger.groups.dimensions.includes('project_id') === true;
  function add(kind: NearLimit['kind'], scope: string, unit: string, limit: number): void {
    // A project without costs has spent 0, once the month is known at all.
    const known =
      (scope === '' ? spent.get(unit)?.total : spent.get(unit)?.shares.get(scope)) ??
      (spent.size > 0 && (scope === '' || grouped) ? zero : undefined);
    const used = known && nearestNumber(known);
    if (used === undefined || !(limit > 0) || (scope !== '' && !grouped)) return;
    near.push({
      kind,
      projectId: scope === '' ? null : scope,
      projectName: scope === '' ? null : nameOf('project_id', scope),
      model: null,
      unit,
      used,
      limit,
      share: used / limit,
    });
  }
  if (budget.monthly !== undefined) add('budget', '', 'usd', Number(budget.monthly));
  for (const [project, amount] of budget.monthlyByProject) add('budget', project, 'usd', Number(amount));
  const addListed = (
    kind: 'spend_limit' | 'spend_alert',
    listing: Pick<Listing<SpendLimit | SpendAlert>, 'scopes' | 'get'>,
  ) => {
    for (const scope of listing.scopes()) {
      for (const { amount, currency } of listing.get(scope)?.values() ?? []) {
        add(kind, scope === organization ? '' : scope, currency, amount);
      }
    }
  };
  addListed('spend_limit', limits.spendLimits);
  addListed('spend_alert', limits.spendAlerts);
  return near;
}

function rateLimits(options: LimitsOptions, accounts: readonly Account[], sums: BucketSums, now: number): NearLimit[] {
  const { limits, nameOf, settleDelay, holding } = options;
  const { rate } = limits;
  if (rate.projects().length === 0) return [];
  // By number of the limit: the busiest minute, and the one that is being added up.
  const peaks: { readonly tokens: number[]; readonly requests: number[] } = { tokens: [], requests: [] };
  const minute: { readonly tokens: number[]; readonly requests: number[] } = { tokens: [], requests: [] };
  const width = widthSeconds['1m'];
  const last = bucketAt(now - settleDelay, '1m') - width;
  for (let start = last - (minutes - 1) * width; start <= last; start += width) {
    minute.tokens.fill(0);
    minute.requests.fill(0);
    for (const { endpoint, ledger } of accounts) {
      const bucket = ledger.settled('1m', start);
      if (bucket === undefined) continue;
      const columns = sums.of(ledger, bucket, true).pairs;
      if (columns === undefined) continue;
      const { ids, tokens, requests } = columns;
      const counted = hasTokens(endpoint);
      for (let slot = 0; slot < ids.length; slot++) {
        const limit = holding.of(ids[slot] ?? 0, sums.pairs, rate);
        if (limit < 0) continue;
        while (minute.tokens.length <= limit) for (const one of [minute, peaks]) grow(one);
        if (counted) minute.tokens[limit] = (minute.tokens[limit] ?? 0) + (tokens[slot] ?? 0);
        minute.requests[limit] = (minute.requests[limit] ?? 0) + (requests[slot] ?? 0);
      }
    }
    for (let limit = 0; limit < minute.tokens.length; limit++) {
      peaks.tokens[limit] = Math.max(peaks.tokens[limit] ?? 0, minute.tokens[limit] ?? 0);
      peaks.requests[limit] = Math.max(peaks.requests[limit] ?? 0, minute.requests[limit] ?? 0);
    }
  }

  const field = (name: string) => rate.fields.indexOf(name);
  const ofTokens = field('max_tokens_per_1_minute');
  const ofRequests = field('max_requests_per_1_minute');
  const near: NearLimit[] = [];
  for (let index = 0; index < peaks.tokens.length; index++) {
    const [project = '', model = ''] = holding.limits[index] ?? [];
    const add = (kind: NearLimit['kind'], unit: string, used: number, limit: number | undefined) => {
      if (limit === undefined || !(limit > 0) || !Number.isFinite(limit) || used === 0) return;
      const share = used / limit;
      near.push({
        kind,
        projectId: project,
        projectName: nameOf('project_id', project),
        model,
        unit,
        used,
        limit,
        share,
      });
    };
    add('tokens_per_minute', 'tokens', peaks.tokens[index] ?? 0, rate.value(project, model, ofTokens));
    add('requests_per_minute', 'requests', peaks.requests[index] ?? 0, rate.value(project, model, ofRequests));
  }
  return near;
}

function grow({ tokens, requests }: { readonly tokens: number[]; readonly requests: number[] }): void {
  tokens.push(0);
  requests.push(0);
}

/** The limit that holds for each pair of project and model; looked up once, until the limits change. */
export class HoldingLimits {
  /** Project and model of each limit. */
  limits: (readonly [project: string, model: string])[] = [];
  #numbers = new Map<string, number>();
  #byPair: number[] = [];
  #pairs: Ids | undefined;
  #version = -1;

  /** The number of the limit that holds for a pair; -1 if there is none. */
  of(pair: number, pairs: Ids, rate: RateLimits): number {
    if (this.#pairs !== pairs || this.#version !== rate.version) {
      this.limits = [];
      this.#numbers = new Map();
      this.#byPair = [];
      this.#pairs = pairs;
      this.#version = rate.version;
    }
    const known = this.#byPair[pair];
    if (known !== undefined) return known;
    const found = this.#find(pairs.valuesOf(pair), rate);
    this.#byPair[pair] = found;
    return found;
  }

  #find([project = '', model = '']: readonly string[], rate: RateLimits): number {
    if (project === noValue || project === foldedValue) return -1;
    const limitModel = limitModelOf(model, (one) => rate.has(project, one));
    if (limitModel === undefined) return -1;
    const key = JSON.stringify([project, limitModel]);
    const number = this.#numbers.get(key) ?? this.limits.length;
    if (number === this.limits.length) this.limits.push([project, limitModel]);
    this.#numbers.set(key, number);
    return number;
  }
}

/** The first few by share, of possibly thousands; of equal ones, always the same. */
function nearestOf(all: readonly NearLimit[]): readonly NearLimit[] {
  const least = all.map(({ share }) => share).sort((a, b) => b - a)[mostRanked - 1] ?? 0;
  return all
    .filter(({ share }) => share >= least)
    .map((near) => ({ near, key: `${near.kind} ${near.projectId ?? ''} ${near.model ?? ''} ${near.limit}` }))
    .sort((a, b) => b.near.share - a.near.share || (a.key < b.key ? -1 : 1))
    .slice(0, mostRanked)
    .map(({ near }) => near);
}

/** Who is near a limit, as far as it can be told: money of the month so far, and the busiest minute of the last hour. */
import { organization } from '../names/directory.ts';
import { limitModelOf } from '../names/limit-model.ts';
import type { Limits, SpendAlert, SpendLimit } from '../names/limits.ts';
import type { Listing } from '../names/listing.ts';
import { widthSeconds } from '../openai/catalogue.ts';
import type { Account } from '../usage/account.ts';
import { foldedValue, noValue } from '../usage/labels.ts';
import { bucketAt } from '../usage/windows.ts';
import type { LimitsStatus, NearLimit } from '../web/status.ts';
import { mostRanked } from './hours.ts';
import { type DayCostSums, type SpendOptions, spentByProject } from './spend.ts';
import { type BucketSums, hasTokens, isCounted } from './sums.ts';

export interface LimitsOptions extends SpendOptions {
  readonly limits: Limits;
  /** Whether limits are read at all. */
  readonly read: boolean;
  /** Of usage. */
  readonly accounts: readonly Account[];
  /** Milliseconds. */
  readonly settleDelay: number;
}

/** Settled minutes that are looked at. */
const minutes = 60;

/** Pairs of project and model that are looked at between two pauses. */
const stretch = 500;

/** Busiest minutes, by the limit that holds for them. */
interface Peak {
  readonly project: string;
  readonly model: string;
  tokens: number;
  requests: number;
}

/** Pauses now and then while sums are made. @param now UTC in milliseconds */
export function* limitsStatus(
  options: LimitsOptions,
  days: DayCostSums,
  sums: BucketSums,
  now: number,
): Generator<undefined, LimitsStatus> {
  const { limits, read, filtered, accounts } = options;
  const money = yield* moneyLimits(options, days, now);
  const byModel = accounts.filter(({ endpoint, ledger }) => isCounted(endpoint) && sums.pairs.covers(ledger.groups));
  const rates = yield* rateLimits(options, byModel, sums, now);
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
    nearest: all.sort((a, b) => b.share - a.share || (keyOf(a) < keyOf(b) ? -1 : 1)).slice(0, mostRanked),
    compared: all.length,
    unknown,
  };
}

function* moneyLimits(options: LimitsOptions, sums: DayCostSums, now: number): Generator<undefined, NearLimit[]> {
  const { account, budget, limits, nameOf } = options;
  const spent = yield* spentByProject(account, sums, now);
  const near: NearLimit[] = [];
  const grouped = account?.ledger.groups.dimensions.includes('project_id') === true;
  function add(kind: NearLimit['kind'], scope: string, unit: string, limit: number): void {
    // A project without costs has spent 0, once the month is known at all.
    const used = spent.get(unit)?.get(scope) ?? (spent.size > 0 && (scope === '' || grouped) ? 0 : undefined);
    if (used === undefined || !(limit > 0) || (scope !== '' && !grouped)) return;
    near.push({
      kind,
      projectId: scope === '' ? null : scope,
      projectName: scope === '' ? null : nameOf(scope),
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

function* rateLimits(
  options: LimitsOptions,
  accounts: readonly Account[],
  sums: BucketSums,
  now: number,
): Generator<undefined, NearLimit[]> {
  const { limits, nameOf, settleDelay } = options;
  const { rate } = limits;
  if (rate.projects().length === 0) return [];
  const field = (name: string) => rate.fields.indexOf(name);
  const ofTokens = field('max_tokens_per_1_minute');
  const ofRequests = field('max_requests_per_1_minute');
  const peaks = new Map<string, Peak>();
  /** By number of the pair. */
  const keys: (string | null | undefined)[] = [];
  const width = widthSeconds['1m'];
  const last = bucketAt(now - settleDelay, '1m') - width;
  for (let start = last - (minutes - 1) * width; start <= last; start += width) {
    const minute = new Map<string, { tokens: number; requests: number }>();
    for (const { endpoint, ledger } of accounts) {
      const bucket = ledger.settled('1m', start);
      if (bucket === undefined) continue;
      const columns = (yield* sums.of(ledger, bucket, true)).pairs;
      for (const [slot, pair] of columns?.ids.entries() ?? []) {
        if (slot % stretch === stretch - 1) yield undefined;
        if (keys[pair] === undefined) keys[pair] = limitKey(sums.pairs.valuesOf(pair), limits);
        const key = keys[pair];
        if (key === null || key === undefined) continue;
        const sum = minute.get(key) ?? { tokens: 0, requests: 0 };
        minute.set(key, sum);
        if (hasTokens(endpoint)) sum.tokens += columns?.tokens[slot] ?? 0;
        sum.requests += columns?.requests[slot] ?? 0;
      }
    }
    for (const [key, { tokens, requests }] of minute) {
      const [project = '', model = ''] = key.split('\u0000');
      const peak = peaks.get(key) ?? { project, model, tokens: 0, requests: 0 };
      peaks.set(key, peak);
      peak.tokens = Math.max(peak.tokens, tokens);
      peak.requests = Math.max(peak.requests, requests);
    }
    yield undefined;
  }

  const near: NearLimit[] = [];
  for (const { project, model, tokens, requests } of peaks.values()) {
    const add = (kind: NearLimit['kind'], unit: string, used: number, limit: number | undefined) => {
      if (limit === undefined || !(limit > 0) || !Number.isFinite(limit) || used === 0) return;
      const share = used / limit;
      near.push({ kind, projectId: project, projectName: nameOf(project), model, unit, used, limit, share });
    };
    add('tokens_per_minute', 'tokens', tokens, rate.value(project, model, ofTokens));
    add('requests_per_minute', 'requests', requests, rate.value(project, model, ofRequests));
  }
  return near;
}

/** Project and model of the limit that holds for a pair of usage; null if there is none. */
function limitKey([project = '', model = '']: readonly string[], { rate }: Limits): string | null {
  if (project === noValue || project === foldedValue) return null;
  const limitModel = limitModelOf(model, (one) => rate.has(project, one));
  return limitModel === undefined ? null : `${project}\u0000${limitModel}`;
}

function keyOf({ kind, projectId, model, limit }: NearLimit): string {
  return `${kind} ${projectId ?? ''} ${model ?? ''} ${limit}`;
}

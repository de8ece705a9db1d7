/**
 * Makes what people want to see at a glance: usage of a day, money of a month, who is near a limit. Made from the buckets in
 * memory when it is asked for: by somebody who looks, and by the list of several organizations every few seconds.
 */
import type { Estimator } from '../estimate/estimator.ts';
import type { Directory } from '../inventory/directory.ts';
import type { Limits } from '../inventory/limits.ts';
import { userCosts } from '../openai/catalogue.ts';
import type { LimitsStatus, SpendStatus, UsageStatus } from '../status.ts';
import type { Account } from '../usage/account.ts';
import { foldedValue, noValue } from '../usage/labels.ts';
import { usageStatus } from './hours.ts';
import { HoldingLimits, limitsStatus } from './near-limits.ts';
import { MonthCostSums, type SpendOptions, spendStatus } from './spend.ts';
import { BucketSums } from './sums.ts';

export interface OverviewOptions {
  readonly accounts: readonly Account[];
  readonly directory: Directory;
  readonly limits: Limits;
  /** True if names and limits are read. */
  readonly namesRead: boolean;
  readonly filtered: boolean;
  readonly budget: SpendOptions['budget'];
  /** Milliseconds. */
  readonly settleDelay: number;
  readonly clock: { now(): number };
  /** Undefined where nothing can be estimated. */
  readonly estimator?: Estimator | undefined;
}

export interface Overview {
  readonly usage: UsageStatus;
  readonly spend: SpendStatus;
  readonly limits: LimitsStatus;
}

/** Returns a function that makes the overview as of the clock's time; sums of buckets are kept from one call to the next. */
export function createOverview(options: OverviewOptions): () => Overview {
  const { accounts, directory, limits, namesRead, filtered, budget, settleDelay, clock, estimator } = options;
  let sums = new BucketSums();
  const months = new MonthCostSums('project_id');
  const monthsByUser = new MonthCostSums('user_id');
  const holding = new HoldingLimits();

  const nameOf = (dimension: string, id: string): string | null => {
    if (id === noValue || id === foldedValue) return null;
    const names = { project_id: directory.projects, user_id: directory.users }[dimension];
    const found = names?.listed().get(id) ?? names?.remembered(id);
    return found === undefined || found.name === id ? null : found.name;
  };

  return () => {
    const now = clock.now();
    if (sums.isFull) sums = new BucketSums();
    const costs = accounts.find(({ endpoint }) => endpoint.api === 'costs');
    const spend: SpendOptions = { account: costs, filtered, budget, nameOf };
    const users = accounts.find(({ endpoint }) => endpoint === userCosts);
    const knowsUsers = users?.ledger.groups.dimensions.includes('user_id') === true && users.ledger.buckets.size > 0;
    const month = months.of(costs, now);
    const byUser = knowsUsers ? monthsByUser.of(users, now) : undefined;
    return {
      usage: usageStatus(accounts, sums, nameOf, now),
      spend: spendStatus(spend, month, byUser, estimator?.at(now), now),
      limits: limitsStatus({ ...spend, limits, read: namesRead, holding, accounts, settleDelay }, month, sums, now),
    };
  };
}

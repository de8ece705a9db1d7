/**
 * What people want to see at a glance: usage of a day, money of a month, who is near a limit. Made when it is asked for,
 * from the buckets in memory, in pieces that leave the event loop free; so it costs nothing until somebody looks.
 */
import type { Directory } from '../names/directory.ts';
import type { Limits } from '../names/limits.ts';
import type { LimitsStatus, SpendStatus, UsageStatus } from '../status.ts';
import type { Account } from '../usage/account.ts';
import { foldedValue, noValue } from '../usage/labels.ts';
import { inTurns, type Steps } from '../usage/steps.ts';
import { usageStatus } from './hours.ts';
import { HoldingLimits, limitsStatus } from './limits.ts';
import { MonthCostSums, type SpendOptions, spendStatus } from './spend.ts';
import { BucketSums } from './sums.ts';

export interface OverviewOptions {
  readonly accounts: readonly Account[];
  readonly directory: Directory;
  readonly limits: Limits;
  /** Whether names and limits are read. */
  readonly namesRead: boolean;
  readonly filtered: boolean;
  readonly budget: SpendOptions['budget'];
  /** Milliseconds. */
  readonly settleDelay: number;
  readonly clock: { now(): number };
  /** Gives the event loop back where work has gone on for long enough. */
  readonly breathe: () => Promise<void> | undefined;
}

export interface Overview {
  readonly usage: UsageStatus;
  readonly spend: SpendStatus;
  readonly limits: LimitsStatus;
}

/** Those who ask while it is being made get the same one. */
export function createOverview(options: OverviewOptions): () => Promise<Overview> {
  const { accounts, directory, limits, namesRead, filtered, budget, settleDelay, clock, breathe } = options;
  let sums = new BucketSums();
  const months = new MonthCostSums();
  const holding = new HoldingLimits();
  let underWay: Promise<Overview> | undefined;

  const projectName = (id: string): string | null => {
    if (id === noValue || id === foldedValue) return null;
    const found = directory.projects.listed().get(id) ?? directory.projects.remembered(id);
    return found === undefined || found.name === id ? null : found.name;
  };

  function* steps(): Steps<Overview> {
    const now = clock.now();
    if (sums.isFull) sums = new BucketSums();
    const costs = accounts.find(({ endpoint }) => endpoint.api === 'costs');
    const spend: SpendOptions = { account: costs, filtered, budget, nameOf: projectName };
    const nameOf = (dimension: string, id: string) => (dimension === 'project_id' ? projectName(id) : null);
    const month = yield* months.of(costs, now);
    return {
      usage: yield* usageStatus(accounts, sums, nameOf, now),
      spend: spendStatus(spend, month, now),
      limits: yield* limitsStatus(
        { ...spend, limits, read: namesRead, holding, accounts, settleDelay },
        month,
        sums,
        now,
      ),
    };
  }

  return () => {
    underWay ??= inTurns(steps(), breathe).finally(() => {
      underWay = undefined;
    });
    return underWay;
  };
}

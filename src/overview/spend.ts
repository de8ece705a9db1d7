/** The costs of the running month, by day and by project, from the days that are held. */
import type { Big } from 'big.js';
import type { Estimate } from '../estimate/estimator.ts';
import { numberOfFixed } from '../estimate/fixed.ts';
import { widthSeconds } from '../openai/catalogue.ts';
import type { Budgets } from '../settings/money-budgets.ts';
import type { CurrencySpend, DaySpend, SpendNow, SpendRanking, SpendStatus } from '../status.ts';
import { inMilliseconds, type Milliseconds, type Seconds } from '../units.ts';
import type { Account } from '../usage/account.ts';
import type { Bucket } from '../usage/bucket.ts';
import { addTo, Decimal, nearestNumber, zero } from '../usage/decimal.ts';
import type { Ledger } from '../usage/ledger.ts';
import { monthsAt } from '../usage/months.ts';
import { bucketAt } from '../usage/windows.ts';
import { mostRanked } from './hours.ts';

export interface SpendOptions {
  /** The account of costs; undefined where they are not polled. */
  readonly account: Account | undefined;
  readonly filtered: boolean;
  /** Amounts are in usd. */
  readonly budget: Budgets;
  /** The name of a project or user. */
  readonly nameOf: (dimension: 'project_id' | 'user_id', id: string) => string | null;
}

/** Money of one currency by project, or by user; the key of all of it, where it is not grouped, is empty. */
type Shares = ReadonlyMap<string, Big>;
type DayCosts = ReadonlyMap<string, Shares>;

const daySeconds = widthSeconds['1d'];

/** The sums of one day after another, each made once. */
class DayCostSums {
  readonly #dimension: string;
  readonly #known = new WeakMap<Bucket, DayCosts>();

  constructor(dimension: string) {
    this.#dimension = dimension;
  }

  of(ledger: Ledger, bucket: Bucket): DayCosts {
    const known = this.#known.get(bucket);
    if (known !== undefined) return known;
    const field = ledger.endpoint.fields.findIndex(({ kind }) => kind === 'money');
    const { groups } = ledger;
    const column = groups.dimensions.indexOf(this.#dimension);
    const costs = new Map<string, Map<string, Big>>();
    for (const [row, text] of (bucket.decimals.get(field) ?? []).entries()) {
      const group = bucket.groups[row];
      if (text === null || group === undefined) continue;
      const currency = groups.unit(group) ?? '';
      const shares = costs.get(currency) ?? new Map<string, Big>();
      costs.set(currency, shares);
      addTo(shares, column < 0 ? '' : (groups.values(group)[column] ?? ''), new Decimal(text));
    }
    this.#known.set(bucket, costs);
    return costs;
  }
}

/** The running month: its days, and what was spent in each currency on those that are known. */
export interface MonthCosts {
  /** Every day of the month. */
  readonly days: readonly {
    readonly start: Seconds;
    readonly bucket: Bucket | undefined;
    readonly costs: DayCosts | undefined;
  }[];
  readonly spent: ReadonlyMap<string, { readonly total: Big; readonly shares: Shares }>;
}

/** The sums of the month that was asked for last; they are made anew when one of its days is another. */
export class MonthCostSums {
  readonly #days: DayCostSums;
  #last: MonthCosts | undefined;

  /** @param dimension what is told apart, `project_id` or `user_id` */
  constructor(dimension: string) {
    this.#days = new DayCostSums(dimension);
  }

  of(account: Account | undefined, now: Milliseconds): MonthCosts {
    const months = monthsAt(now);
    const today = bucketAt(now, '1d');
    const days: MonthCosts['days'][number][] = [];
    for (let start = months.running; start < months.next; start += daySeconds) {
      const bucket = start > today ? undefined : account?.ledger.buckets.get('1d', start);
      const costs = account === undefined || bucket === undefined ? undefined : this.#days.of(account.ledger, bucket);
      days.push({ start, bucket, costs });
    }
    const last = this.#last;
    if (
      last?.days.length === days.length &&
      days.every(({ start, bucket }, index) => last.days[index]?.start === start && last.days[index]?.bucket === bucket)
    ) {
      return last;
    }
    const spent = new Map<string, Map<string, Big>>();
    for (const { costs } of days) {
      for (const [currency, ofDay] of costs ?? []) {
        const shares = spent.get(currency) ?? new Map<string, Big>();
        spent.set(currency, shares);
        for (const [key, amount] of ofDay) addTo(shares, key, amount);
      }
    }
    const month: MonthCosts = {
      days,
      spent: new Map([...spent].map(([currency, shares]) => [currency, { total: sumOf(shares.values()), shares }])),
    };
    this.#last = month;
    return month;
  }
}

/**
 * @param byUser the same month by user; undefined where that is not known
 */
export function spendStatus(
  options: SpendOptions,
  month: MonthCosts,
  byUser: MonthCosts | undefined,
  estimate: Estimate | undefined,
  now: Milliseconds,
): SpendStatus {
  const { days, spent } = month;
  const { account, filtered, budget } = options;
  const today = bucketAt(now, '1d');
  const grouped = account?.ledger.groups.dimensions.includes('project_id') === true;
  const currencies = new Set(spent.keys());
  // Where days are known and none has costs, 0 is known.
  if (days.some(({ costs }) => costs !== undefined) && currencies.size === 0) currencies.add('usd');

  return {
    month: dayText(monthsAt(now).running).slice(0, 7),
    polled: account !== undefined,
    filtered,
    missing: days
      .filter(({ start, bucket }) => start <= today && bucket === undefined)
      .map(({ start }) => dayText(start)),
    unpriced: unpricedModels(estimate),
    currencies: [...currencies].sort().map((currency): CurrencySpend => {
      const usd = currency === 'usd';
      return {
        currency,
        total: nearestNumber(spent.get(currency)?.total ?? zero),
        budget: usd && budget.monthly !== undefined ? Number(budget.monthly) : null,
        now: spendNow(estimate, currency),
        days: days.map(({ start, bucket, costs }): DaySpend => {
          const day = dayText(start);
          if (start > today) return { day, state: 'future', amount: null };
          if (bucket === undefined || costs === undefined) return { day, state: 'unknown', amount: null };
          const state = start === today ? 'open' : bucket.settled ? 'settled' : 'settling';
          return { day, state, amount: nearestNumber(sumOf(costs.get(currency)?.values() ?? [])) };
        }),
        projects: grouped
          ? rank(
              spent.get(currency)?.shares ?? new Map<string, Big>(),
              usd ? new Map(budget.monthlyByProject) : new Map<string, string>(),
              (id) => options.nameOf('project_id', id),
            )
          : null,
        users:
          byUser === undefined
            ? null
            : {
                ...rank(byUser.spent.get(currency)?.shares ?? new Map<string, Big>(), new Map(), (id) =>
                  options.nameOf('user_id', id),
                ),
                difference: differenceBetween(month, byUser, currency),
              },
      };
    }),
  };
}

/** Returns the estimate of the whole organization in one currency. */
function spendNow(estimate: Estimate | undefined, currency: string): SpendNow | null {
  const own = estimate?.spend.filter((one) => one.currency === currency) ?? [];
  if (own.length === 0) return null;
  return {
    today: numberOfFixed(own.reduce((sum, { today }) => sum + today, 0n)),
    hour: numberOfFixed(own.reduce((sum, { hour }) => sum + hour, 0n)),
    error: estimate?.error.get(currency) ?? null,
  };
}

function unpricedModels(estimate: Estimate | undefined): SpendStatus['unpriced'] {
  const tokens = new Map<string, number>();
  for (const { spender, tokens: more } of estimate?.unpriced ?? []) {
    tokens.set(spender.model, (tokens.get(spender.model) ?? 0) + more);
  }
  return [...tokens]
    .map(([model, sum]) => ({ model, tokens: sum }))
    .sort((a, b) => b.tokens - a.tokens)
    .slice(0, mostRanked);
}

function sumOf(amounts: Iterable<Big>): Big {
  let sum = zero;
  for (const amount of amounts) sum = sum.plus(amount);
  return sum;
}

/** Sum by user less sum by project, of the days that have settled in both, to the cent. */
function differenceBetween(byProject: MonthCosts, byUser: MonthCosts, currency: string): number {
  let sum = zero;
  for (const [index, { bucket, costs }] of byUser.days.entries()) {
    const other = byProject.days[index];
    if (bucket?.settled !== true || other?.bucket?.settled !== true) continue;
    sum = sum
      .plus(sumOf(costs?.get(currency)?.values() ?? []))
      .minus(sumOf(other.costs?.get(currency)?.values() ?? []));
  }
  // Plus 0, so that no negative zero is left.
  return nearestNumber(sum.round(2)) + 0;
}

function rank(
  shares: Shares,
  budgets: ReadonlyMap<string, string>,
  nameOf: (id: string) => string | null,
): SpendRanking {
  const order = [...shares]
    .map(([id, exact]) => ({ id, exact, amount: nearestNumber(exact) }))
    .sort((a, b) => b.amount - a.amount || (a.id < b.id ? -1 : 1));
  const others = order.slice(mostRanked);
  return {
    top: order.slice(0, mostRanked).map(({ id, amount }) => {
      const budget = budgets.get(id);
      return { id, name: nameOf(id), amount, budget: budget === undefined ? null : Number(budget) };
    }),
    rest:
      others.length === 0
        ? null
        : { count: others.length, amount: nearestNumber(sumOf(others.map(({ exact }) => exact))) },
  };
}

function dayText(start: Seconds): string {
  return new Date(inMilliseconds(start)).toISOString().slice(0, 10);
}

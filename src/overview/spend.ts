/** The costs of the running month, by day and by project, from the days that are held. */

import { widthSeconds } from '../openai/catalogue.ts';
import type { Budgets } from '../settings/money-budgets.ts';
import type { CurrencySpend, DaySpend, SpendRanking, SpendStatus } from '../status.ts';
import type { Account } from '../usage/account.ts';
import type { Bucket } from '../usage/bucket.ts';
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
type Shares = ReadonlyMap<string, number>;
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
    const sums = new Map<string, Map<string, Precise>>();
    const amounts = bucket.decimals.get(field) ?? [];
    for (const [row, text] of amounts.entries()) {
      const group = bucket.groups[row];
      if (text === null || group === undefined) continue;
      const currency = groups.unit(group) ?? '';
      const projects = sums.get(currency) ?? new Map<string, Precise>();
      sums.set(currency, projects);
      const project = column < 0 ? '' : (groups.values(group)[column] ?? '');
      const sum = projects.get(project) ?? new Precise();
      projects.set(project, sum);
      sum.add(Number(text));
    }
    const costs = new Map(
      [...sums].map(([currency, projects]) => [
        currency,
        new Map([...projects].map(([project, sum]) => [project, sum.value])),
      ]),
    );
    this.#known.set(bucket, costs);
    return costs;
  }
}

/** The running month: its days, and what was spent in each currency on those that are known. */
export interface MonthCosts {
  /** Every day of the month. */
  readonly days: readonly {
    readonly start: number;
    readonly bucket: Bucket | undefined;
    readonly costs: DayCosts | undefined;
  }[];
  readonly spent: ReadonlyMap<string, { readonly total: number; readonly shares: Shares }>;
}

/** The sums of the month that was asked for last; they are made anew when one of its days is another. */
export class MonthCostSums {
  readonly #days: DayCostSums;
  #last: MonthCosts | undefined;

  /** @param dimension what is told apart, `project_id` or `user_id` */
  constructor(dimension: string) {
    this.#days = new DayCostSums(dimension);
  }

  /** Pauses now and then while sums are made. @param now UTC in milliseconds */
  of(account: Account | undefined, now: number): MonthCosts {
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
    const spent = new Map<string, { total: Precise; shares: Map<string, Precise> }>();
    for (const { costs } of days) {
      for (const [currency, ofDay] of costs ?? []) {
        const sums = spent.get(currency) ?? { total: new Precise(), shares: new Map<string, Precise>() };
        spent.set(currency, sums);
        for (const [key, value] of ofDay) {
          sums.total.add(value);
          const sum = sums.shares.get(key) ?? new Precise();
          sums.shares.set(key, sum);
          sum.add(value);
        }
      }
    }
    const month: MonthCosts = {
      days,
      spent: new Map(
        [...spent].map(([currency, { total, shares }]) => [
          currency,
          { total: total.value, shares: new Map([...shares].map(([key, sum]) => [key, sum.value])) },
        ]),
      ),
    };
    this.#last = month;
    return month;
  }
}

/**
 * @param byUser the same month by user; undefined where that is not known
 * @param now UTC in milliseconds
 */
export function spendStatus(
  options: SpendOptions,
  month: MonthCosts,
  byUser: MonthCosts | undefined,
  now: number,
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
    currencies: [...currencies].sort().map((currency): CurrencySpend => {
      const usd = currency === 'usd';
      return {
        currency,
        total: spent.get(currency)?.total ?? 0,
        budget: usd && budget.monthly !== undefined ? Number(budget.monthly) : null,
        days: days.map(({ start, bucket, costs }): DaySpend => {
          const day = dayText(start);
          if (start > today) return { day, state: 'future', amount: null };
          if (bucket === undefined || costs === undefined) return { day, state: 'unknown', amount: null };
          const state = start === today ? 'open' : bucket.settled ? 'settled' : 'settling';
          return { day, state, amount: sumOf(costs.get(currency)?.values() ?? []) };
        }),
        projects: grouped
          ? rank(
              spent.get(currency)?.shares ?? new Map<string, number>(),
              usd ? new Map(budget.monthlyByProject) : new Map<string, string>(),
              (id) => options.nameOf('project_id', id),
            )
          : null,
        users:
          byUser === undefined
            ? null
            : {
                ...rank(byUser.spent.get(currency)?.shares ?? new Map<string, number>(), new Map(), (id) =>
                  options.nameOf('user_id', id),
                ),
                difference: differenceBetween(month, byUser, currency),
              },
      };
    }),
  };
}

function sumOf(values: Iterable<number>): number {
  const sum = new Precise();
  for (const value of values) sum.add(value);
  return sum.value;
}

/** Sum by user less sum by project, of the days that have settled in both. */
function differenceBetween(byProject: MonthCosts, byUser: MonthCosts, currency: string): number {
  const sum = new Precise();
  for (const [index, { bucket, costs }] of byUser.days.entries()) {
    const other = byProject.days[index];
    if (bucket?.settled !== true || other?.bucket?.settled !== true) continue;
    for (const value of costs?.get(currency)?.values() ?? []) sum.add(value);
    for (const value of other.costs?.get(currency)?.values() ?? []) sum.add(-value);
  }
  // To the cent: below that, it is what floats make of exact decimals.
  return Math.round(sum.value * 100) / 100 + 0;
}

function rank(
  shares: Shares,
  budgets: ReadonlyMap<string, string>,
  nameOf: (id: string) => string | null,
): SpendRanking {
  const order = [...shares]
    .map(([id, amount]) => ({ id, amount }))
    .sort((a, b) => b.amount - a.amount || (a.id < b.id ? -1 : 1));
  const others = order.slice(mostRanked);
  return {
    top: order.slice(0, mostRanked).map(({ id, amount }) => {
      const budget = budgets.get(id);
      return { id, name: nameOf(id), amount, budget: budget === undefined ? null : Number(budget) };
    }),
    rest: others.length === 0 ? null : { count: others.length, amount: sumOf(others.map(({ amount }) => amount)) },
  };
}

/** A sum that keeps what rounding takes (Neumaier's), so that it is as good as the exact one rounded once. */
class Precise {
  #sum = 0;
  #lost = 0;

  get value(): number {
    return this.#sum + this.#lost;
  }

  add(value: number): void {
    const sum = this.#sum + value;
    this.#lost += Math.abs(this.#sum) >= Math.abs(value) ? this.#sum - sum + value : value - sum + this.#sum;
    this.#sum = sum;
  }
}

function dayText(start: number): string {
  return new Date(start * 1_000).toISOString().slice(0, 10);
}

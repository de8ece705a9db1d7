/** What the running month has cost, by day and by project, from the days that are held. */

import { widthSeconds } from '../openai/catalogue.ts';
import type { Budgets } from '../settings/budget.ts';
import type { CurrencySpend, DaySpend, SpendRanking, SpendStatus } from '../status.ts';
import type { Account } from '../usage/account.ts';
import type { Bucket } from '../usage/bucket.ts';
import type { Ledger } from '../usage/ledger.ts';
import { monthsAt } from '../usage/months.ts';
import { bucketAt } from '../usage/windows.ts';
import { mostRanked } from './hours.ts';

export interface SpendOptions {
  /** Of costs; undefined where they are not polled. */
  readonly account: Account | undefined;
  readonly filtered: boolean;
  /** In usd. */
  readonly budget: Budgets;
  readonly nameOf: (project: string) => string | null;
}

/** Money of one currency by project; the key of all of it, where it is not grouped, is empty. */
type ByProject = ReadonlyMap<string, number>;
type DayCosts = ReadonlyMap<string, ByProject>;

const daySeconds = widthSeconds['1d'];

/** The sums of one day after another, each made once. */
class DayCostSums {
  readonly #known = new WeakMap<Bucket, DayCosts>();

  of(ledger: Ledger, bucket: Bucket): DayCosts {
    const known = this.#known.get(bucket);
    if (known !== undefined) return known;
    const field = ledger.endpoint.fields.findIndex(({ kind }) => kind === 'money');
    const { groups } = ledger;
    const column = groups.dimensions.indexOf('project_id');
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
  readonly spent: ReadonlyMap<string, { readonly total: number; readonly projects: ByProject }>;
}

/** The sums of the month that was asked for last; they are made anew when one of its days is another. */
export class MonthCostSums {
  readonly #days = new DayCostSums();
  #last: MonthCosts | undefined;

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
    const spent = new Map<string, { total: Precise; projects: Map<string, Precise> }>();
    for (const { costs } of days) {
      for (const [currency, byProject] of costs ?? []) {
        const sums = spent.get(currency) ?? { total: new Precise(), projects: new Map<string, Precise>() };
        spent.set(currency, sums);
        for (const [project, value] of byProject) {
          sums.total.add(value);
          const sum = sums.projects.get(project) ?? new Precise();
          sums.projects.set(project, sum);
          sum.add(value);
        }
      }
    }
    const month: MonthCosts = {
      days,
      spent: new Map(
        [...spent].map(([currency, { total, projects }]) => [
          currency,
          { total: total.value, projects: new Map([...projects].map(([project, sum]) => [project, sum.value])) },
        ]),
      ),
    };
    this.#last = month;
    return month;
  }
}

/** @param now UTC in milliseconds */
export function spendStatus(options: SpendOptions, { days, spent }: MonthCosts, now: number): SpendStatus {
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
              spent.get(currency)?.projects ?? new Map<string, number>(),
              usd ? new Map(budget.monthlyByProject) : new Map<string, string>(),
              options.nameOf,
            )
          : null,
      };
    }),
  };
}

function sumOf(values: Iterable<number>): number {
  const sum = new Precise();
  for (const value of values) sum.add(value);
  return sum.value;
}

function rank(
  projects: ByProject,
  budgets: ReadonlyMap<string, string>,
  nameOf: (id: string) => string | null,
): SpendRanking {
  const order = [...projects]
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

/** What the running month has cost, by day and by project, from the days that are held. */
import type { Account } from '../usage/account.ts';
import type { Bucket } from '../usage/bucket.ts';
import type { Ledger } from '../usage/ledger.ts';
import { monthsAt } from '../usage/months.ts';
import { bucketAt } from '../usage/windows.ts';
import type { CurrencySpend, DaySpend, SpendRanking, SpendStatus } from '../web/status.ts';
import { mostRanked } from './hours.ts';

export interface SpendOptions {
  /** Of costs; undefined where they are not polled. */
  readonly account: Account | undefined;
  readonly filtered: boolean;
  /** Decimal text, in usd. */
  readonly budget: {
    readonly monthly: string | undefined;
    readonly monthlyByProject: readonly (readonly [project: string, amount: string])[];
  };
  readonly nameOf: (project: string) => string | null;
}

/** Money of one currency by project; the key of all of it, where it is not grouped, is empty. */
type ByProject = ReadonlyMap<string, number>;
type DayCosts = ReadonlyMap<string, ByProject>;

/** Amounts that are added between two pauses. */
const stretch = 2_000;

const daySeconds = 86_400;

/** The sums of one day after another, each made once. */
export class DayCostSums {
  readonly #known = new WeakMap<Bucket, DayCosts>();

  *of(ledger: Ledger, bucket: Bucket): Generator<undefined, DayCosts> {
    const known = this.#known.get(bucket);
    if (known !== undefined) return known;
    const field = ledger.endpoint.fields.findIndex(({ kind }) => kind === 'money');
    const { groups } = ledger;
    const column = groups.dimensions.indexOf('project_id');
    const sums = new Map<string, Map<string, Precise>>();
    const amounts = bucket.decimals.get(field) ?? [];
    for (const [row, text] of amounts.entries()) {
      if (row % stretch === stretch - 1) yield undefined;
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

/** Pauses now and then while sums are made. @param now UTC in milliseconds */
export function* spendStatus(options: SpendOptions, sums: DayCostSums, now: number): Generator<undefined, SpendStatus> {
  const { account, filtered, budget } = options;
  const months = monthsAt(now);
  const today = bucketAt(now, '1d');
  const days: { readonly start: number; readonly bucket: Bucket | undefined; readonly costs: DayCosts | undefined }[] =
    [];
  for (let start = months.running; start < months.next; start += daySeconds) {
    const bucket = start > today ? undefined : account?.ledger.buckets.get('1d', start);
    const costs = account === undefined || bucket === undefined ? undefined : yield* sums.of(account.ledger, bucket);
    days.push({ start, bucket, costs });
  }
  const grouped = account?.ledger.groups.dimensions.includes('project_id') === true;
  const known = days.flatMap(({ costs }) => (costs === undefined ? [] : [costs]));
  const currencies = new Set(known.flatMap((costs) => [...costs.keys()]));
  // A budget is worth its line even before there are costs; and no costs at all are 0 of it.
  if (known.length > 0 && currencies.size === 0) currencies.add('usd');

  return {
    month: dayText(months.running).slice(0, 7),
    polled: account !== undefined,
    filtered,
    missing: days
      .filter(({ start, bucket }) => start <= today && bucket === undefined)
      .map(({ start }) => dayText(start)),
    currencies: [...currencies].sort().map((currency): CurrencySpend => {
      const total = new Precise();
      const projects = new Map<string, Precise>();
      const shown = days.map(({ start, bucket, costs }): DaySpend => {
        const day = dayText(start);
        if (start > today) return { day, state: 'future', amount: null };
        if (bucket === undefined || costs === undefined) return { day, state: 'unknown', amount: null };
        const amount = new Precise();
        for (const [project, value] of costs.get(currency) ?? []) {
          amount.add(value);
          total.add(value);
          const sum = projects.get(project) ?? new Precise();
          projects.set(project, sum);
          sum.add(value);
        }
        return { day, state: start === today ? 'open' : bucket.settled ? 'settled' : 'settling', amount: amount.value };
      });
      const usd = currency === 'usd';
      return {
        currency,
        total: total.value,
        budget: usd && budget.monthly !== undefined ? Number(budget.monthly) : null,
        days: shown,
        projects: grouped
          ? rank(projects, usd ? new Map(budget.monthlyByProject) : new Map<string, string>(), options.nameOf)
          : null,
      };
    }),
  };
}

/** What each project has spent in the month so far, by currency; by an empty key the organization. */
export function* spentByProject(
  account: Account | undefined,
  sums: DayCostSums,
  now: number,
): Generator<undefined, DayCosts> {
  const spent = new Map<string, Map<string, Precise>>();
  const { running } = monthsAt(now);
  for (const bucket of account?.ledger.buckets.between('1d', running, bucketAt(now, '1d') + daySeconds) ?? []) {
    if (account === undefined) break;
    for (const [currency, projects] of yield* sums.of(account.ledger, bucket)) {
      const all = spent.get(currency) ?? new Map<string, Precise>();
      spent.set(currency, all);
      for (const [project, value] of projects) {
        for (const key of project === '' ? [''] : ['', project]) {
          const sum = all.get(key) ?? new Precise();
          all.set(key, sum);
          sum.add(value);
        }
      }
    }
  }
  return new Map(
    [...spent].map(([currency, all]) => [currency, new Map([...all].map(([key, sum]) => [key, sum.value]))]),
  );
}

function rank(
  projects: ReadonlyMap<string, Precise>,
  budgets: ReadonlyMap<string, string>,
  nameOf: (id: string) => string | null,
): SpendRanking {
  const order = [...projects]
    .map(([id, sum]) => ({ id, amount: sum.value }))
    .sort((a, b) => b.amount - a.amount || (a.id < b.id ? -1 : 1));
  const others = order.slice(mostRanked);
  const rest = new Precise();
  for (const { amount } of others) rest.add(amount);
  return {
    top: order.slice(0, mostRanked).map(({ id, amount }) => {
      const budget = budgets.get(id);
      return { id, name: nameOf(id), amount, budget: budget === undefined ? null : Number(budget) };
    }),
    rest: others.length === 0 ? null : { count: others.length, amount: rest.value },
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

/**
 * Estimates of what is being spent, from usage that has settled and the prices of settled days: today so far, and the last
 * hour. Everything is made anew from the buckets held; what has not changed since the last time is kept.
 */
import { widthSeconds } from '../openai/catalogue.ts';
import { inMilliseconds, type Milliseconds, type Seconds } from '../units.ts';
import type { Bucket } from '../usage/bucket.ts';
import type { CostAccount } from '../usage/cost-account.ts';
import { unbroken } from '../usage/cover.ts';
import type { UsageAccount } from '../usage/usage-account.ts';
import { bucketAt, hour } from '../usage/windows.ts';
import { type Fixed, ratioOf } from './fixed.ts';
import { addAmounts, allTokens, isUsed, noAmounts, unitsOf } from './measures.ts';
import { type Money, mostDays, type Prices, pricesOf } from './prices.ts';
import { type SettledDay, settledDay, type UsageDay } from './settled-day.ts';
import { Owners, SpanSum, UsedByOwner } from './used.ts';

/** Somebody who spends: the same object each time. A dimension that usage is not grouped by is empty. */
export interface Spender {
  readonly project: string;
  readonly model: string;
}

/** The spend of one project on one model, in one currency. */
export interface Spend {
  readonly currency: string;
  readonly spender: Spender;
  /** The spend of today so far, and of the last hour. */
  readonly today: Fixed;
  readonly hour: Fixed;
}

/** Tokens of today that have no price. */
export interface Unpriced {
  readonly spender: Spender;
  readonly tokens: number;
}

export interface Estimate {
  readonly spend: readonly Spend[];
  readonly unpriced: readonly Unpriced[];
  /** The error by currency, of the newest settled day: estimate / actual - 1. */
  readonly error: ReadonlyMap<string, number>;
  readonly prices: Prices;
  /** The end of the settled usage of today that is counted, the latest of all apis. */
  readonly through: Seconds;
}

export type UsageSource = Pick<UsageAccount, 'endpoint' | 'ledger' | 'counters' | 'dayAt'>;

export interface EstimatorOptions {
  /** The account of costs. */
  readonly costs: Pick<CostAccount, 'ledger'>;
  /** Those of usage. */
  readonly usage: readonly UsageSource[];
  readonly settleDelay: Milliseconds;
  /** The longest time between two polls of an api. */
  readonly interval: Milliseconds;
}

export interface Estimator {
  /** Returns the estimate as of an instant; undefined while there is none to be made. */
  at(now: Milliseconds): Estimate | undefined;
}

const daySeconds = widthSeconds['1d'];
const hourSeconds = widthSeconds['1h'];

/** Days before the running one that are looked at for settled ones: costs settle a day after their end. */
export const daysBack = mostDays + 2;

export function createEstimator(options: EstimatorOptions): Estimator {
  const { costs, settleDelay, interval } = options;
  const accounts = options.usage.filter(({ endpoint }) => endpoint.fields.some(({ kind }) => kind === 'flow'));
  let owners = new Owners();
  const spenders: Spender[] = [];
  const byName = new Map<string, Spender>();
  const spans = { today: newUse(), hour: newUse() };
  let days = new Map<Seconds, KnownDay>();
  let prices:
    | { readonly of: readonly unknown[]; readonly prices: Prices; readonly error: Estimate['error'] }
    | undefined;
  let lastEnded: { readonly bucket: Bucket; readonly day: SettledDay } | undefined;
  /** The spend that followed last, and the prices that it followed from. */
  let last: { readonly by: Prices; readonly spend: ReturnType<typeof spendOf> } | undefined;

  /** Begins anew: names come and go over the months. */
  function forget(): void {
    owners = new Owners();
    spenders.length = 0;
    byName.clear();
    for (const use of Object.values(spans)) use.sums.clear();
    days = new Map();
    prices = undefined;
    lastEnded = undefined;
    last = undefined;
  }

  /** The settled days that are known, the newest first. */
  function settledDays(now: Milliseconds): readonly SettledDay[] {
    const { ledger } = costs;
    if (!ledger.groups.dimensions.includes('line_item')) return [];
    const today = bucketAt(now, '1d');
    const known = new Map<Seconds, KnownDay>();
    const found: SettledDay[] = [];
    for (let back = 1; back <= daysBack && found.length <= mostDays; back++) {
      const start = today - back * daySeconds;
      const bucket = ledger.settled('1d', start);
      if (bucket === undefined) continue;
      const usage = usageOf(start);
      const parts = [bucket, ...(usage ?? []).map((day) => day.bucket)];
      const before = days.get(start);
      const day =
        before !== undefined && sameItems(before.parts, parts)
          ? before.day
          : settledDay({ ledger, bucket }, usage, owners);
      known.set(start, { parts, day });
      found.push(day);
    }
    days = known;
    return found;
  }

  /** Returns the day of each api; undefined where one of those that are read does not have it. */
  function usageOf(start: Seconds): readonly UsageDay[] | undefined {
    const found: UsageDay[] = [];
    for (const account of accounts) {
      // An api that never answered keeps the others from nothing.
      if (account.ledger.version === 0) continue;
      const known = account.dayAt(start);
      if (known === undefined) return undefined;
      found.push(known);
    }
    return found;
  }

  /** The day before the running one while its costs are known and not settled: what it says by its quantities. */
  function endedDay(now: Milliseconds): SettledDay | undefined {
    const { ledger } = costs;
    const bucket = ledger.buckets.get('1d', bucketAt(now, '1d') - daySeconds);
    if (bucket === undefined || bucket.settled) return undefined;
    if (lastEnded?.bucket !== bucket) {
      lastEnded = { bucket, day: settledDay({ ledger, bucket }, undefined, owners) };
    }
    return lastEnded.day;
  }

  function pricesAt(now: Milliseconds): NonNullable<typeof prices> {
    const settled = settledDays(now);
    const ended = endedDay(now);
    if (prices !== undefined && sameItems(prices.of, [...settled, ended])) return prices;
    const [newest, ...before] = settled;
    const error = newest === undefined ? new Map<string, number>() : errorOf(newest, pricesOf(before));
    prices = { of: [...settled, ended], prices: pricesOf(settled, ended), error };
    return prices;
  }

  /** Adds up what was used in a span, of all apis. Its end is the latest of all; undefined where nothing is known. */
  function addUp(
    use: Use,
    bucketsOf: (account: UsageSource) => { readonly buckets: readonly Bucket[]; readonly end: Seconds } | undefined,
  ): { readonly end: Seconds | undefined; readonly isChanged: boolean } {
    const { sums, used } = use;
    let end: Seconds | undefined;
    let isChanged = false;
    const found: SpanSum[] = [];
    for (const account of accounts) {
      const { ledger } = account;
      const span = bucketsOf(account);
      if (span === undefined) continue;
      end = Math.max(end ?? span.end, span.end);
      let sum = sums.get(account);
      if (sum?.ledger !== ledger) sum = new SpanSum(ledger);
      sums.set(account, sum);
      if (sum.update(span.buckets)) isChanged = true;
      found.push(sum);
    }
    if (!isChanged && sameItems(use.of, found)) return { end, isChanged: false };
    use.of = found;
    for (const { ledger } of found) owners.of(ledger);
    used.clear(owners.size);
    for (const sum of found) sum.addTo(used, owners);
    return { end, isChanged: true };
  }

  /** The settled buckets of today, as far as there is no gap; undefined while history is read. */
  function today({ ledger, counters }: UsageSource, now: Milliseconds) {
    const start = bucketAt(now, '1d');
    const to = bucketAt(now - settleDelay, '1m');
    if (ledger.version === 0) return undefined;
    const span = unbroken(ledger.settled, start, to);
    return counters === 'replaying' && span.end < to ? undefined : span;
  }

  /** The newest sixty settled minutes; undefined where one of them is not known, or they are old. */
  function lastHour({ ledger }: UsageSource, now: Milliseconds) {
    const end = ledger.newestSettledEnd('1m');
    if (end === undefined || inMilliseconds(end) < now - settleDelay - interval - hour) return undefined;
    const span = unbroken(ledger.settled, end - hourSeconds, end);
    return span.end < end ? undefined : span;
  }

  return {
    at(now) {
      if (owners.isFull) forget();
      if (accounts.length === 0 || !accounts.some(({ ledger }) => ledger.groups.dimensions.includes('model'))) {
        return undefined;
      }
      const { prices: known, error } = pricesAt(now);
      if (known.days.length === 0) return undefined;
      const todays = new Map(accounts.map((account) => [account, today(account, now)]));
      if (accounts.some((account) => account.ledger.version > 0 && todays.get(account) === undefined)) return undefined;
      const ofToday = addUp(spans.today, (account) => todays.get(account));
      const ofHour = addUp(spans.hour, (account) => lastHour(account, now));
      if (ofToday.end === undefined) return undefined;
      // Most polls bring minutes of an api that nobody uses.
      const isSame = last?.by === known && !ofToday.isChanged && !ofHour.isChanged;
      const spend = last !== undefined && isSame ? last.spend : spendOf(known);
      last = { by: known, spend };
      return { ...spend, error, prices: known, through: ofToday.end };
    },
  };

  function spenderOf(owner: number): Spender {
    const known = spenders[owner];
    if (known !== undefined) return known;
    const { project, model } = owners.at(owner);
    const key = `${project}\u0000${model}`;
    const spender = byName.get(key) ?? { project, model };
    byName.set(key, spender);
    spenders[owner] = spender;
    return spender;
  }

  function spendOf(known: Prices): Pick<Estimate, 'spend' | 'unpriced'> {
    const currencies = new Map<string, Map<Spender, { -readonly [Key in keyof Spend]: Spend[Key] }>>();
    const unpriced = new Map<Spender, number>();
    const add = (spender: Spender, span: 'today' | 'hour', money: readonly Money[]) => {
      for (const { currency, amount } of money) {
        let found = currencies.get(currency);
        if (found === undefined) {
          found = new Map();
          currencies.set(currency, found);
        }
        const spend = found.get(spender);
        if (spend !== undefined) spend[span] += amount;
        else found.set(spender, { currency, spender, today: 0n, hour: 0n, [span]: amount });
      }
    };
    for (let owner = 0; owner < owners.size; owner++) {
      const { model, tier } = owners.at(owner);
      const spender = spenderOf(owner);
      for (const span of bothSpans) {
        const used = spans[span].used.of(owner);
        if (!isUsed(used)) continue;
        add(spender, span, known.tools(used));
        const cost = known.model(model, tier, used);
        if (cost !== undefined) add(spender, span, cost);
        else if (span === 'today') {
          const tokens = unitsOf(used, allTokens, []);
          if (tokens > 0) unpriced.set(spender, (unpriced.get(spender) ?? 0) + tokens);
        }
      }
    }
    return {
      spend: [...currencies.values()].flatMap((found) => [...found.values()]),
      unpriced: [...unpriced].map(([spender, tokens]) => ({ spender, tokens })),
    };
  }
}

const bothSpans = ['today', 'hour'] as const;

/** The use of a span: the sums of the apis, and what they add up to by owner. */
interface Use {
  readonly sums: Map<UsageSource, SpanSum>;
  readonly used: UsedByOwner;
  /** The sums that were added up last. */
  of: readonly SpanSum[];
}

function newUse(): Use {
  return { sums: new Map(), used: new UsedByOwner(), of: [] };
}

interface KnownDay {
  readonly parts: readonly Bucket[];
  readonly day: SettledDay;
}

function sameItems(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((each, index) => each === b[index]);
}

/** Returns by how much an estimate of a day, with the prices of those before it, misses what it cost. */
function errorOf(day: SettledDay, prices: Prices): ReadonlyMap<string, number> {
  const errors = new Map<string, number>();
  if (prices.days.length === 0) return errors;
  const estimated = new Map<string, Fixed>();
  const add = (money: readonly Money[]) => {
    for (const { currency, amount } of money) estimated.set(currency, (estimated.get(currency) ?? 0n) + amount);
  };
  const all = noAmounts();
  for (const [model, tiers] of day.used) {
    for (const [tier, used] of tiers) {
      add(prices.model(model, tier, used) ?? []);
      addAmounts(all, used);
    }
  }
  add(prices.tools(all));
  for (const [currency, { total }] of day.billed) {
    if (total > 0n) errors.set(currency, ratioOf((estimated.get(currency) ?? 0n) - total, total));
  }
  return errors;
}

/**
 * The effective prices: what the organization really paid for one of what it used, on its settled days. Pure.
 *
 * The price of a kind is that of the newest settled day that bills it, averaged with the days before as long as they say about
 * the same: chance is evened out. A price that is new is taken from the day that has just ended, where its lines say how many
 * they bill: amounts and quantities come hour by hour, but together. No price list is kept.
 */
import { type Fixed, fixedOf, fixedText, numberOfFixed, priceOfOne, times } from './fixed.ts';
import type { Tier } from './line-items.ts';
import { type Amounts, isUsed, measures, partsBilledApart, unitsOf } from './measures.ts';
import { type Billing, type Billings, type CurrencyDay, type SettledDay, whole, wholeOf } from './settled-day.ts';

/** Settled days that prices are made of, at most. */
export const mostDays = 7;

/** Prices, and quantities, that differ by more than this part are others. */
const sameWithin = 0.02;

/** A price that has become so many times as large, or as small, is said. */
const jump = 100;
/** A price that has become less than so many times as large, or as small, is believed before its day has settled. */
const believed = 4;

/** The price of one of some units: those of `plus` less those of `minus`. */
interface Term {
  /** Undefined: all of the model, in what it was used in. */
  readonly plus: readonly number[] | undefined;
  readonly minus: readonly number[];
  readonly price: Fixed;
}

/** The prices of a model and tier, or of the tools, by currency. */
type Plan = ReadonlyMap<string, readonly Term[]>;

export interface Money {
  readonly currency: string;
  readonly amount: Fixed;
}

/** The prices of one model and tier in one currency, as plain data. Those of tools are of no model. */
export interface PriceEntry {
  readonly model: string | null;
  readonly tier: Tier;
  readonly currency: string;
  readonly terms: readonly (Omit<Term, 'price'> & {
    /** Decimal text. */
    readonly price: string;
  })[];
}

export interface PriceList {
  /** Returns what something used of a model costs; undefined for a model without a price. */
  model(model: string, tier: Tier, used: Amounts): readonly Money[] | undefined;
  /** Returns what the calls of tools cost. */
  tools(used: Amounts): readonly Money[];
}

export interface Prices extends PriceList {
  /** The days that they follow from, the newest first; UTC, in seconds. */
  readonly days: readonly number[];
  readonly entries: readonly PriceEntry[];
  /** Remarks on what does not fit together, or has changed very much. */
  readonly remarks: readonly string[];
}

/**
 * @param settled the days, the newest first
 * @param ended the day that has ended since and is not settled, by its quantities alone
 */
export function pricesOf(settled: readonly SettledDay[], ended?: SettledDay): Prices {
  const days = settled.slice(0, mostDays);
  const entries: PriceEntry[] = [];
  const add = (model: string | null, tier: Tier, currency: string, terms: readonly Term[]) => {
    if (terms.length === 0) return;
    entries.push({ model, tier, currency, terms: terms.map((term) => ({ ...term, price: fixedText(term.price) })) });
  };
  for (const currency of new Set(days.flatMap(({ billed }) => [...billed.keys()]))) {
    for (const [model, tiers] of tiersOf(days, currency)) {
      for (const tier of tiers) {
        const isUsedSince = (kind: number, newer: readonly SettledDay[]) =>
          newer.some((day) => isKindUsed(day, model, kind));
        const { billed, as } = billedBy(days, currency, model, tier);
        const since = ended?.billed.get(currency)?.models.get(model)?.get(as);
        add(model, tier, currency, withNewPrices(termsOf(billed, isUsedSince), billed[0]?.billings, since));
      }
    }
    const tools = days.flatMap((day) => {
      const billings = day.billed.get(currency)?.tools;
      return billings === undefined ? [] : [{ day, billings }];
    });
    add(null, '', currency, termsOf(tools, notUsed));
  }
  if (ended !== undefined && days.length > 0) {
    const known = new Set(entries.map(({ model }) => model));
    for (const { currency, model, tier, billings } of modelsBilledOn(ended)) {
      if (!known.has(model)) add(model, tier, currency, termsOf([{ day: ended, billings }], notUsed));
    }
  }
  return {
    ...priceList(entries),
    days: days.map(({ start }) => start),
    entries,
    remarks: [...days.flatMap((day) => day.remarks), ...jumpsIn(days)],
  };
}

/** Returns a list of prices that were handed over as data. */
export function priceList(entries: readonly PriceEntry[]): PriceList {
  const plans = new Map<string | null, Map<Tier, Map<string, readonly Term[]>>>();
  for (const { model, tier, currency, terms } of entries) {
    const tiers = plans.get(model) ?? new Map<Tier, Map<string, readonly Term[]>>();
    plans.set(model, tiers);
    const plan = tiers.get(tier) ?? new Map<string, readonly Term[]>();
    tiers.set(tier, plan);
    plan.set(
      currency,
      terms.map((term) => ({ ...term, price: fixedOf(term.price) })),
    );
  }
  const tools: Plan = plans.get(null)?.get('') ?? new Map();
  return {
    model(model, tier, used) {
      const tiers = plans.get(model);
      // A tier that nobody has used before has the usual price.
      const plan = tiers?.get(tier) ?? tiers?.get('');
      return plan === undefined ? undefined : costOf(plan, used);
    },
    tools: (used) => costOf(tools, used),
  };
}

/** Returns the tiers in which each model was billed or used. */
function tiersOf(days: readonly SettledDay[], currency: string): ReadonlyMap<string, ReadonlySet<Tier>> {
  const found = new Map<string, Set<Tier>>();
  for (const { billed, used } of days) {
    for (const [model, tiers] of billed.get(currency)?.models ?? []) {
      const known = found.get(model) ?? new Set<Tier>();
      found.set(model, known);
      for (const tier of [...tiers.keys(), ...(used.get(model)?.keys() ?? [])]) known.add(tier);
    }
  }
  return found;
}

/** A day that bills a model or the tools. */
interface BilledDay {
  readonly day: SettledDay;
  readonly billings: Billings;
}

function modelsBilledOn({ billed }: SettledDay) {
  return [...billed].flatMap(([currency, { models }]) =>
    [...models].flatMap(([model, tiers]) =>
      [...tiers].map(([tier, billings]) => ({ currency, model, tier, billings })),
    ),
  );
}

/**
 * Returns the days that bill a model and tier, the newest first, and as which tier they do. A tier that is used and not billed
 * apart has the prices of no tier; and what was not billed apart on the newest day is not looked for on older ones.
 */
function billedBy(
  days: readonly SettledDay[],
  currency: string,
  model: string,
  tier: Tier,
): { readonly billed: readonly BilledDay[]; readonly as: Tier } {
  const found = (wanted: Tier) =>
    days.flatMap((day) => {
      const billings = day.billed.get(currency)?.models.get(model)?.get(wanted);
      return billings === undefined ? [] : [{ day, billings }];
    });
  const own = found(tier);
  if (tier === '') return { billed: own, as: tier };
  const usual = found('');
  const newest = own[0]?.day.start ?? Number.NEGATIVE_INFINITY;
  const isNotApart = usual.some(({ day }) => day.start > newest && isUsed(day.used.get(model)?.get(tier) ?? none));
  return own.length === 0 || isNotApart ? { billed: usual, as: '' } : { billed: own, as: tier };
}

const none: Amounts = new Float64Array(0);

const notUsed = () => false;

function isKindUsed({ used }: SettledDay, model: string, kind: number): boolean {
  return [...(used.get(model)?.values() ?? [])].some((amounts) => (amounts[kind] ?? 0) > 0);
}

/**
 * Returns the terms of what days bill: those of the newest, and kinds that older days bill and newer ones did not use.
 * @param isUsedSince reports whether a kind was used on any of these days
 */
function termsOf(
  billed: readonly BilledDay[],
  isUsedSince: (kind: number, days: readonly SettledDay[]) => boolean,
): readonly Term[] {
  const kinds = new Map<number, Fixed>();
  for (const [index, { billings }] of billed.entries()) {
    const newer = billed.slice(0, index).map(({ day }) => day);
    for (const kind of billings.keys()) {
      if (kinds.has(kind)) continue;
      if (index > 0 && (kind === whole || isUsedSince(kind, newer))) continue;
      kinds.set(kind, priceOf(billed.slice(index).flatMap(({ billings: of }) => of.get(kind) ?? [])));
    }
  }
  const apart = new Set([...kinds.keys()].filter((kind) => kind !== whole));
  return [...kinds].map(([kind, price]) =>
    kind === whole
      ? { plus: undefined, minus: [], price }
      : { plus: [kind], minus: partsBilledApart(kind, apart), price },
  );
}

/**
 * Returns the terms with the prices of the day that has ended since, where these are others. They count only of a kind whose
 * quantity and usage have agreed on the newest settled day, and not if they have jumped: that has to settle first.
 */
function withNewPrices(
  terms: readonly Term[],
  settled: Billings | undefined,
  ended: Billings | undefined,
): readonly Term[] {
  if (settled === undefined || ended === undefined) return terms;
  return terms.map((term) => {
    const kind = term.plus?.[0] ?? whole;
    const before = settled.get(kind);
    const now = ended.get(kind);
    if (before === undefined || now === undefined || !isSame(before.quantity, before.units)) return term;
    const [old, recent] = [numberOf(before), numberOf(now)];
    const isNew = !isSame(recent, old) && recent < old * believed && recent > old / believed;
    return isNew ? { ...term, price: priceOfOne(now.amount, now.units) } : term;
  });
}

/** Reports whether a number is about as large as another. */
function isSame(a: number, b: number): boolean {
  return Math.abs(a - b) <= b * sameWithin;
}

/** Returns the price of the newest billing, averaged with those before it that have about the same. */
function priceOf(billings: readonly Billing[]): Fixed {
  const [newest] = billings;
  let amount = 0n;
  let units = 0;
  const usual = newest === undefined ? 0 : numberOf(newest);
  for (const billing of billings) {
    if (!isSame(numberOf(billing), usual)) break;
    amount += billing.amount;
    units += billing.units;
  }
  return units === 0 ? amount : priceOfOne(amount, units);
}

/** A price as a number, to compare. */
function numberOf({ amount, units }: Billing): number {
  return numberOfFixed(amount) / units;
}

function costOf(plan: Plan, used: Amounts): readonly Money[] {
  const found: Money[] = [];
  for (const [currency, terms] of plan) {
    let amount: Fixed | undefined;
    for (const { plus, minus, price } of terms) {
      const units = unitsOf(used, plus ?? wholeOf(used), minus);
      if (units === 0) continue;
      amount = (amount ?? 0n) + times(price, units);
    }
    if (amount !== undefined) found.push({ currency, amount });
  }
  return found;
}

/** Says of the newest day which prices are very different from those of the day before that has them. */
function jumpsIn(days: readonly SettledDay[]): readonly string[] {
  const [newest, ...before] = days;
  if (newest === undefined) return [];
  const found: string[] = [];
  const look = (name: string, now: Billings, earlier: (day: CurrencyDay) => Billings | undefined, currency: string) => {
    for (const [kind, billing] of now) {
      const old = before.flatMap((day) => {
        const of = day.billed.get(currency);
        return (of === undefined ? undefined : earlier(of)?.get(kind)) ?? [];
      })[0];
      if (old === undefined) continue;
      const ratio = numberOf(billing) / numberOf(old);
      if (ratio >= jump || ratio <= 1 / jump) found.push(jumped(name, kind, ratio));
    }
  };
  for (const [currency, { models, tools }] of newest.billed) {
    for (const [model, tiers] of models) {
      for (const [tier, billings] of tiers) {
        look(model, billings, (day) => day.models.get(model)?.get(tier), currency);
      }
    }
    look('tools', tools, (day) => day.tools, currency);
  }
  return found;
}

function jumped(name: string, kind: number, ratio: number): string {
  const what = kind === whole ? 'all of it' : (measures[kind] ?? '');
  return `the price of ${name} (${what}) on the newest settled day is ${Number(ratio.toPrecision(3))} times that of the day before; estimates go by it`;
}

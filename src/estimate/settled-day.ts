/**
 * Finds out what a settled day says of prices: the amounts of its lines and the usage that they bill, by model, tier
 * and kind. Pure.
 */
import type { Bucket } from '../usage/bucket.ts';
import type { GroupTable } from '../usage/groups.ts';
import type { Ledger } from '../usage/ledger.ts';
import { type Fixed, FixedSum } from './fixed.ts';
import { type Line, lineOf, quantityUnits, type Tier } from './line-items.ts';
import {
  type Amounts,
  addAmounts,
  allTokens,
  measures,
  noAmounts,
  partsBilledApart,
  toolMeasures,
  unitsOf,
  wholes,
} from './measures.ts';
import { addUse, type Owners } from './used.ts';

/** A day of usage of one api. */
export interface UsageDay {
  readonly ledger: Ledger;
  readonly bucket: Bucket;
}

/** The amount and units that a line, or several of the same kind, billed on a day: the price is `amount / units`. */
export interface Billing {
  readonly amount: Fixed;
  /** More than 0. */
  readonly units: number;
  /** The lines' own quantity in the same units; NaN where one has none, or none that is known. */
  readonly quantity: number;
}

/** The kind of what no known kind bills: all of a model, as a whole. */
export const whole = -1;

/** Billings of one model and tier, or of the tools, by measure, or `whole`. */
export type Billings = ReadonlyMap<number, Billing>;

export interface SettledDay {
  /** UTC, in seconds. */
  readonly start: number;
  /** The amounts billed, by currency. */
  readonly billed: ReadonlyMap<string, CurrencyDay>;
  /** The usage of each model, by tier. */
  readonly used: ReadonlyMap<string, ReadonlyMap<Tier, Amounts>>;
  /** Remarks on what does not fit together. */
  readonly remarks: readonly string[];
}

export interface CurrencyDay {
  /** Amounts of all lines but credits and adjustments. */
  readonly total: Fixed;
  readonly models: ReadonlyMap<string, ReadonlyMap<Tier, Billings>>;
  readonly tools: Billings;
}

/** A quantity that differs from usage by more than this part is said. */
const contradiction = 0.1;

/** Lines of one model, tier and kind, or of one tool. */
interface Cell {
  amount: Fixed;
  /** The quantity in units of the measure; NaN where a line has none, or none that is known. */
  quantity: number;
}

/** Returns what was used on a day, by model and tier, and by the name of no model for tools. */
function usedOn(usage: readonly UsageDay[], owners: Owners): Map<string, Map<Tier, Amounts>> {
  const used = new Map<string, Map<Tier, Amounts>>();
  const known: Amounts[] = [];
  const amountsOf = (owner: number): Amounts => {
    const before = known[owner];
    if (before !== undefined) return before;
    const { model, tier } = owners.at(owner);
    const tiers = used.get(model) ?? new Map<Tier, Amounts>();
    used.set(model, tiers);
    const amounts = tiers.get(tier) ?? noAmounts();
    tiers.set(tier, amounts);
    known[owner] = amounts;
    return amounts;
  };
  for (const { ledger, bucket } of usage) addUse(ledger, bucket, owners, amountsOf);
  return used;
}

/**
 * Returns what a day of costs says of prices.
 * @param costs grouped by line item at least
 * @param usage the same day of every api whose usage is read; undefined where one of them is not known
 */
export function settledDay(
  costs: { readonly ledger: Ledger; readonly bucket: Bucket },
  usage: readonly UsageDay[] | undefined,
  owners: Owners,
): SettledDay {
  const used = usedOn(usage ?? [], owners);
  const remarks: string[] = [];
  const billed = new Map<string, CurrencyDay>();
  for (const [currency, { total, models, tools }] of cellsOf(costs, (name) => used.has(name))) {
    const priced = new Map<string, ReadonlyMap<Tier, Billings>>();
    for (const [model, tiers] of models) {
      const byTier = usage === undefined ? byQuantity(tiers) : byUsage(model, tiers, used.get(model), remarks);
      if (byTier.size > 0) priced.set(model, byTier);
    }
    billed.set(currency, { total, models: priced, tools: toolBillings(tools, [...used.values()]) });
  }
  return { start: costs.bucket.start, billed, used, remarks };
}

interface CurrencyCells {
  total: Fixed;
  readonly models: Map<string, Map<Tier, Map<number, Cell>>>;
  readonly tools: Map<number, Cell>;
}

/** Adds up the amounts of a day by what they bill. */
function cellsOf(
  { ledger, bucket }: { readonly ledger: Ledger; readonly bucket: Bucket },
  isModel: (name: string) => boolean,
): Map<string, CurrencyCells> {
  const currencies = new Map<string, CurrencyCells>();
  // Thousands of groups have the same few line items.
  for (const [lineItem, byCurrency] of itemsOf(ledger, bucket)) {
    const line = lineOf(lineItem, isModel);
    if (line.is === 'credit') continue;
    for (const [currency, sums] of byCurrency) {
      let cells = currencies.get(currency);
      if (cells === undefined) {
        cells = { total: 0n, models: new Map(), tools: new Map() };
        currencies.set(currency, cells);
      }
      for (const [measured, { amount: sum, quantity }] of sums) {
        const amount = sum.value;
        cells.total += amount;
        if (line.is === 'other') continue;
        // Where the text does not say what is billed, the unit of the quantity may.
        const kind = line.kind ?? (measured >= 0 ? measured : whole);
        const isOfKind = measured === anyToken || measured === kind;
        addTo(cellsFor(cells, line), kind, amount, isOfKind ? quantity : Number.NaN);
      }
    }
  }
  return currencies;
}

/** Amounts and quantities by line item, by currency, and by the measure of the quantity. */
type Items = ReadonlyMap<string, ReadonlyMap<string, ReadonlyMap<number, ItemSum>>>;

interface ItemSum {
  readonly amount: FixedSum;
  quantity: number;
}

function itemsOf({ groups, endpoint }: Ledger, bucket: Bucket): Items {
  const lineItem = groups.dimensions.indexOf('line_item');
  const fieldOf = (kind: string) => endpoint.fields.findIndex((field) => field.kind === kind);
  const quantities = quantitiesOf(groups, bucket, fieldOf('quantity'));
  const amounts = bucket.decimals.get(fieldOf('money')) ?? [];
  const items = new Map<string, Map<string, Map<number, ItemSum>>>();
  for (let slot = 0; slot < amounts.length; slot++) {
    const text = amounts[slot] ?? null;
    const group = bucket.groups[slot];
    if (text === null || group === undefined) continue;
    const base = groups.base(group);
    const name = groups.values(base)[lineItem] ?? '';
    let currencies = items.get(name);
    if (currencies === undefined) {
      currencies = new Map();
      items.set(name, currencies);
    }
    const currency = groups.unit(group) ?? '';
    let sums = currencies.get(currency);
    if (sums === undefined) {
      sums = new Map();
      currencies.set(currency, sums);
    }
    const measured = quantities.measures[base] ?? unmeasured;
    let sum = sums.get(measured);
    if (sum === undefined) {
      sum = { amount: new FixedSum(), quantity: 0 };
      sums.set(measured, sum);
    }
    sum.amount.add(text);
    sum.quantity += quantities.amounts[base] ?? Number.NaN;
  }
  return items;
}

function cellsFor({ models, tools }: CurrencyCells, line: Extract<Line, { is: 'model' | 'tool' }>): Map<number, Cell> {
  if (line.is === 'tool') return tools;
  const tiers = models.get(line.model) ?? new Map<Tier, Map<number, Cell>>();
  models.set(line.model, tiers);
  const kinds = tiers.get(line.tier) ?? new Map<number, Cell>();
  tiers.set(line.tier, kinds);
  return kinds;
}

function addTo(cells: Map<number, Cell>, kind: number, amount: Fixed, quantity: number): void {
  const cell = cells.get(kind);
  if (cell === undefined) {
    cells.set(kind, { amount, quantity });
    return;
  }
  cell.amount += amount;
  cell.quantity += quantity;
}

/** A quantity is of tokens, of whatever kind; or there is none, or none that is known. */
const anyToken = -1;
const unmeasured = -2;

/** The quantity of each group, by the group without its unit: its measure, and how much of it. */
interface Quantities {
  readonly measures: Int16Array;
  readonly amounts: Float64Array;
}

function quantitiesOf(groups: GroupTable, bucket: Bucket, field: number): Quantities {
  const measured = new Int16Array(groups.size).fill(unmeasured);
  const amounts = new Float64Array(groups.size).fill(Number.NaN);
  const values = bucket.numbers.get(field);
  for (let slot = 0; slot < (values?.length ?? 0); slot++) {
    const value = values?.[slot] ?? Number.NaN;
    const group = bucket.groups[slot] ?? 0;
    const unit = quantityUnits.get(groups.unit(group) ?? '');
    if (unit === undefined || !(value > 0)) continue;
    const base = groups.base(group);
    measured[base] = unit.measure ?? anyToken;
    amounts[base] = value * unit.each;
  }
  return { measures: measured, amounts };
}

/** A line's own quantity, where usage is not known, gives the price of a kind that is known. */
function byQuantity(tiers: ReadonlyMap<Tier, ReadonlyMap<number, Cell>>): ReadonlyMap<Tier, Billings> {
  const found = new Map<Tier, Billings>();
  for (const [tier, cells] of tiers) {
    const billings = new Map<number, Billing>();
    for (const [kind, { amount, quantity }] of cells) {
      if (kind !== whole && quantity > 0 && amount >= 0n) billings.set(kind, { amount, units: quantity, quantity });
    }
    if (billings.size > 0) found.set(tier, billings);
  }
  return found;
}

/** @param used of the model, by tier; undefined where it was not used */
function byUsage(
  model: string,
  tiers: ReadonlyMap<Tier, ReadonlyMap<number, Cell>>,
  used: ReadonlyMap<Tier, Amounts> | undefined,
  remarks: string[],
): ReadonlyMap<Tier, Billings> {
  // A model that usage does not tell of has the quantities alone.
  if (used === undefined) return byQuantity(tiers);
  const cellsByTier = new Map<Tier, Map<number, Cell>>();
  for (const [tier, cells] of tiers) {
    // A tier that only the bill knows has its usage among that of no tier.
    const place = used.has(tier) ? tier : '';
    const into = cellsByTier.get(place) ?? new Map<number, Cell>();
    cellsByTier.set(place, into);
    for (const [kind, { amount, quantity }] of cells) addTo(into, kind, amount, quantity);
  }
  const found = new Map<Tier, Billings>();
  for (const [tier, cells] of cellsByTier) {
    const billings = billingsOf(model, cells, usedBy(tier, cellsByTier, used), remarks);
    if (billings.size > 0) found.set(tier, billings);
  }
  return found;
}

/** Returns what a tier bills of: its own usage, or that of all tiers without lines of their own. */
function usedBy(tier: Tier, billed: ReadonlyMap<Tier, unknown>, used: ReadonlyMap<Tier, Amounts>): Amounts {
  if (tier !== '') return used.get(tier) ?? noAmounts();
  const sum = noAmounts();
  for (const [other, amounts] of used) {
    if (other !== '' && billed.has(other)) continue;
    addAmounts(sum, amounts);
  }
  return sum;
}

function billingsOf(model: string, cells: ReadonlyMap<number, Cell>, used: Amounts, remarks: string[]): Billings {
  const kinds = new Set([...cells.keys()].filter((kind) => kind !== whole && unitsOf(used, [kind], []) > 0));
  const billings = new Map<number, Billing>();
  let rest: Fixed | undefined;
  for (const [kind, { amount, quantity }] of cells) {
    const units = kinds.has(kind) ? unitsOf(used, [kind], partsBilledApart(kind, kinds)) : 0;
    if (units === 0) {
      rest = (rest ?? 0n) + amount;
      continue;
    }
    if (Math.abs(quantity / units - 1) > contradiction) remarks.push(contradicting(model, kind, quantity, units));
    // What was given back says nothing of the price.
    if (amount >= 0n) billings.set(kind, { amount, units, quantity });
  }
  const units = unitsOf(used, wholeOf(used), []);
  if (rest !== undefined && rest >= 0n && units > 0 && (rest > 0n || billings.size === 0)) {
    billings.set(whole, { amount: rest, units, quantity: Number.NaN });
  }
  return billings;
}

/** Returns the measures that a model is priced by as a whole. */
export function wholeOf(used: Amounts): readonly number[] {
  return wholes.find((places) => unitsOf(used, places, []) > 0) ?? allTokens;
}

function toolBillings(cells: ReadonlyMap<number, Cell>, used: readonly ReadonlyMap<Tier, Amounts>[]): Billings {
  const billings = new Map<number, Billing>();
  for (const place of toolMeasures) {
    const cell = cells.get(place);
    if (cell === undefined || cell.amount < 0n) continue;
    let units = 0;
    for (const tiers of used) for (const amounts of tiers.values()) units += amounts[place] ?? 0;
    if (units > 0) billings.set(place, { ...cell, units });
  }
  return billings;
}

function contradicting(model: string, kind: number, quantity: number, units: number): string {
  return `the bill counts ${Math.round(quantity)} ${measures[kind] ?? ''} of ${model}, but usage counts ${Math.round(units)}; prices go by usage`;
}

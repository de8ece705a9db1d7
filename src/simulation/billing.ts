/**
 * The true cost of a simulated organization's usage: exactly what a line bills, of any span of time, down to the
 * minute. The costs that the API shows are made of it, and come late; tests compare estimates with it.
 */
import { endpointOf } from '../openai/catalogue.ts';
import { createHourDraw, type DrawHour } from './hour-draw.ts';
import { leavesOf } from './leaves.ts';
import type { Behaviour, Billed, UsageGroup } from './profile.ts';

/** Decimal places of an amount. */
export const amountScale = 28;

/** A dollar for a million, split as finely as a price can be written here (`Billed.price`). */
const finestPrice = 1e9;
const finestAmount = 10n ** BigInt(amountScale - 6 - 9);

export interface Bill {
  /** The amount in 10^-28 of the currency. */
  readonly amount: bigint;
  /** The number of things that were billed. */
  readonly count: number;
}

/** Returns what is billed of the minutes that start in [from, to), seconds. A span has hours of one day, or days. */
export type Billing = (billed: Billed, from: number, to: number) => Bill;

export interface BillingOptions {
  readonly seed: number;
  readonly usage: ReadonlyMap<string, readonly UsageGroup[]>;
  readonly behaviour: Behaviour;
  /** Seconds: there is no usage before and after. */
  readonly createdAt: number;
  readonly closedAt?: number | undefined;
}

const hourSeconds = 3_600;
const daySeconds = 86_400;

export function createBilling({ seed, usage, behaviour, createdAt, closedAt = Infinity }: BillingOptions): Billing {
  const draws = new Map<string, { readonly draw: DrawHour; readonly leaves: number }>();

  function drawOf(api: string): { readonly draw: DrawHour; readonly leaves: number } {
    const known = draws.get(api);
    if (known) return known;
    const endpoint = endpointOf(api);
    if (!endpoint) throw new Error(`A line bills usage of an api that there is not: ${api}`);
    const made = {
      draw: createHourDraw({
        seed,
        endpoint,
        groups: usage.get(api) ?? [],
        behaviour,
        firstHour: Math.ceil(createdAt / hourSeconds),
        stopHour: Math.floor(closedAt / hourSeconds),
      }),
      leaves: leavesOf(endpoint).names.length,
    };
    draws.set(api, made);
    return made;
  }

  return (billed, from, to) => {
    const { draw, leaves } = drawOf(billed.api);
    const one = new Float64Array(leaves);
    let amount = 0n;
    let count = 0;
    const sumOf = (values: Float64Array) => billed.leaves.reduce((sum, leaf) => sum + (values[leaf] ?? 0), 0);
    for (let hour = Math.floor(from / hourSeconds); hour * hourSeconds < to; hour += 1) {
      const drawn = draw(billed.group, hour);
      if (!drawn) continue;
      const start = hour * hourSeconds;
      let units = 0;
      if (from <= start && to >= start + hourSeconds) units = sumOf(drawn.leaves);
      else {
        for (let n = 0; n < drawn.active; n += 1) {
          const minute = start + drawn.minuteAt(n) * 60;
          if (minute < from || minute >= to) continue;
          drawn.readMinute(n, one);
          units += sumOf(one);
        }
      }
      count += units;
      const price = BigInt(Math.round(billed.price(Math.floor(start / daySeconds)) * finestPrice)) * finestAmount;
      amount += BigInt(units) * price;
    }
    return { amount, count };
  };
}

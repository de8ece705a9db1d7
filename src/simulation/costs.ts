/**
 * The costs of a simulated organization. A day's amount of a line grows through the day with hours of delay, is
 * corrected within 24 hours after its end, and is now and then restated later. Amounts are exact: integers of
 * 10^-28 of a currency unit, which is as fine as the API's 34 digits go.
 */
import { LRUCache } from 'lru-cache';
import type { Behaviour, CostGroup } from './profile.ts';
import { mix, textHash, unit } from './random.ts';
import { rhythmOf } from './rhythm.ts';

/** Decimal places of an amount. */
export const amountScale = 28;
const micro = 10n ** BigInt(amountScale - 6);

export interface CostRow {
  /** Amounts in 10^-28 of the currency; null: no row that was summed has an amount. */
  readonly amount: bigint | null;
  /** Null: no row that was summed has a quantity. */
  readonly quantity: number | null;
}

export interface CostSnapshot {
  /** The value of each row; null: nothing there. */
  readonly rows: readonly (CostRow | null)[];
  /** The snapshot is the same for every instant in [since, until), milliseconds. */
  readonly since: number;
  readonly until: number;
}

export interface CostQuery {
  /** UTC day, counted from the epoch. */
  readonly day: number;
  /** Milliseconds. Infinity: when all is known. */
  readonly at: number;
  /** The row of each group, -1 to leave it out. */
  readonly rowOf: Int32Array;
  readonly rows: number;
  /** False: leave out restatements later than 24 hours after the day's end. */
  readonly restated: boolean;
}

export interface CostSource {
  readonly groups: readonly CostGroup[];
  at(query: CostQuery): CostSnapshot;
}

interface Part {
  readonly at: number;
  readonly amount: bigint;
  readonly quantity: number;
  readonly restated: boolean;
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

export function createCosts(
  seed: number,
  groups: readonly CostGroup[],
  behaviour: Behaviour,
  createdAt: number,
): CostSource {
  const base = mix(seed, textHash('costs'));
  const firstDay = Math.ceil(createdAt / 86_400);
  const days = new LRUCache<number, readonly (readonly Part[])[]>({ max: 500 });

  function partsOf(group: CostGroup, index: number, day: number): Part[] {
    const h = mix(mix(base, index), day);
    const end = (day + 1) * dayMs;
    const adjustment = group.style === 'adjustment';
    if (adjustment ? unit(h, 1) >= 0.15 : unit(h, 1) >= 0.95) return [];
    // Half of the weekly swing, for part of the work runs on weekends, too.
    const weekly = behaviour.rhythm ? 0.5 + rhythmOf(day * 24 + 12) / rhythmOf(12) / 2 : 1;
    const micros = Math.round(group.perDay * weekly * (0.6 + 0.8 * unit(h, 2)) * 1e6);
    const quantity = group.unit === null ? 0 : Math.floor(Math.abs(micros) / 1e6 / group.price);
    if (adjustment) {
      const at = end + Math.round((2 + 20 * unit(h, 3)) * hourMs);
      return [{ at, amount: BigInt(micros) * micro, quantity: 0, restated: false }];
    }
    const exact = group.style === 'text' ? BigInt(mix(h, 4)) * BigInt(mix(h, 5)) * 997n : 0n;
    const none = group.style === 'zero' || group.style === 'absent';
    const parts: Part[] = [];
    let passed = 0;
    let shownMicros = 0;
    let shownQuantity = 0;
    for (let hour = 0; hour < 24; hour += 1) {
      passed += behaviour.rhythm ? rhythmOf(4 * 24 + hour) : 1;
      const share = hour === 23 ? 1 : Math.min(1, passed / (behaviour.rhythm ? rhythmDay : 24));
      const nextMicros = Math.floor(micros * share);
      const nextQuantity = Math.floor(quantity * share);
      parts.push({
        // Ten minutes to five hours late, mostly less than two.
        at: day * dayMs + (hour + 1) * hourMs + Math.round((600 + 17_400 * unit(h, 100 + hour) ** 3) * 1_000),
        amount: none ? 0n : BigInt(nextMicros - shownMicros) * micro + (hour === 23 ? exact : 0n),
        quantity: nextQuantity - shownQuantity,
        restated: false,
      });
      shownMicros = nextMicros;
      shownQuantity = nextQuantity;
    }
    if (none) return parts;
    // The correction that makes the day final, and seldom a later one.
    const correction = Math.round(micros * 0.04 * (unit(h, 6) - 0.5));
    const amount = BigInt(correction) * micro;
    parts.push({ at: end + Math.round((6 + 17 * unit(h, 7)) * hourMs), amount, quantity: 0, restated: false });
    if (unit(h, 8) < behaviour.costsRestated) {
      const change = BigInt(Math.round(micros * 0.1 * (unit(h, 9) - 0.5))) * micro;
      const at = end + Math.round((25 + 44 * unit(h, 10)) * hourMs);
      parts.push({ at, amount: change, quantity: 0, restated: true });
    }
    return parts;
  }

  function dayOf(day: number): readonly (readonly Part[])[] {
    let parts = days.get(day);
    if (!parts) {
      parts = day < firstDay ? groups.map(() => []) : groups.map((group, index) => partsOf(group, index, day));
      days.set(day, parts);
    }
    return parts;
  }

  return {
    groups,
    at({ day, at, rowOf, rows, restated }) {
      const sums: ({ amount: bigint | null; quantity: number | null } | null)[] = new Array(rows).fill(null);
      let since = -Infinity;
      let until = Infinity;
      for (const [index, parts] of dayOf(day).entries()) {
        const row = rowOf[index] ?? -1;
        const group = groups[index];
        if (row < 0 || !group) continue;
        for (const part of parts) {
          if (part.restated && !restated) continue;
          if (part.at > at) {
            until = Math.min(until, part.at);
            continue;
          }
          since = Math.max(since, part.at);
          const sum = sums[row] ?? { amount: null, quantity: null };
          sums[row] = sum;
          if (group.style !== 'absent') sum.amount = (sum.amount ?? 0n) + part.amount;
          if (group.unit !== null) sum.quantity = (sum.quantity ?? 0) + part.quantity;
        }
      }
      return { rows: sums, since, until };
    },
  };
}

const rhythmDay = Array.from({ length: 24 }, (_, hour) => rhythmOf(4 * 24 + hour)).reduce((sum, each) => sum + each, 0);

/** An amount as plain decimal text without superfluous noughts. */
export function amountToDecimal(amount: bigint): string {
  const sign = amount < 0n ? '-' : '';
  const digits = (amount < 0n ? -amount : amount).toString().padStart(amountScale + 1, '0');
  const whole = digits.slice(0, -amountScale);
  const fraction = digits.slice(-amountScale).replace(/0+$/, '');
  return sign + whole + (fraction === '' ? '' : `.${fraction}`);
}

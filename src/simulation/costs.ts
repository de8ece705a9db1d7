/**
 * The costs of a simulated organization, as the API shows them. A day's amount of a line grows through the day with hours of
 * delay, is corrected within 24 hours after its end, and is now and then restated later. What a line bills of usage is then
 * exactly what that costs (`billing.ts`). Amounts are exact: integers of 10^-28 of a currency unit, which is as fine as the
 * API's 34 digits go.
 */
import { LRUCache } from 'lru-cache';
import { amountScale, type Bill, type Billing } from './billing.ts';
import type { Behaviour, CostGroup, DrawnCosts } from './profile.ts';
import { mix, textHash, unit } from './random.ts';
import { rhythmOf } from './rhythm.ts';

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
  billing: Billing,
): CostSource {
  const base = mix(seed, textHash('costs'));
  const firstDay = Math.ceil(createdAt / 86_400);
  const days = new LRUCache<number, readonly (readonly Part[])[]>({ max: 500 });

  /** The amount and quantity of each hour of a day. */
  function drawnHours(group: DrawnCosts, micros: number, exact: bigint): readonly Bill[] {
    const quantity = group.unit === null ? 0 : Math.floor(Math.abs(micros) / 1e6 / group.price);
    const none = group.style === 'zero' || group.style === 'absent';
    let passed = 0;
    let shownMicros = 0;
    let shownQuantity = 0;
    return Array.from({ length: 24 }, (_, hour) => {
      passed += behaviour.rhythm ? rhythmOf(4 * 24 + hour) : 1;
      const share = hour === 23 ? 1 : Math.min(1, passed / (behaviour.rhythm ? rhythmDay : 24));
      const nextMicros = Math.floor(micros * share);
      const nextQuantity = Math.floor(quantity * share);
      const amount = none ? 0n : BigInt(nextMicros - shownMicros) * micro + (hour === 23 ? exact : 0n);
      const count = nextQuantity - shownQuantity;
      shownMicros = nextMicros;
      shownQuantity = nextQuantity;
      return { amount, count };
    });
  }

  /** Parts of these amounts: each comes ten minutes to five hours late, mostly less than two. */
  function arrivals(hours: readonly Bill[], h: number, day: number): Part[] {
    return hours.map(({ amount, count }, hour) => ({
      at: day * dayMs + (hour + 1) * hourMs + Math.round((600 + 17_400 * unit(h, 100 + hour) ** 3) * 1_000),
      amount,
      quantity: count,
      restated: false,
    }));
  }

  /** The correction that makes the day final, and seldom a later one. */
  function corrections(correction: bigint, micros: number, h: number, day: number): Part[] {
    const end = (day + 1) * dayMs;
    const parts: Part[] = [];
    const at = end + Math.round((6 + 17 * unit(h, 7)) * hourMs);
    parts.push({ at, amount: correction, quantity: 0, restated: false });
    if (unit(h, 8) < behaviour.costsRestated) {
      const change = BigInt(Math.round(micros * 0.1 * (unit(h, 9) - 0.5))) * micro;
      const later = end + Math.round((25 + 44 * unit(h, 10)) * hourMs);
      parts.push({ at: later, amount: change, quantity: 0, restated: true });
    }
    return parts;
  }

  function partsOf(group: CostGroup, index: number, day: number): Part[] {
    const h = mix(mix(base, index), day);
    if ('billed' in group) {
      const bills = Array.from({ length: 24 }, (_, hour) =>
        billing(group.billed, day * 86_400 + hour * 3_600, day * 86_400 + (hour + 1) * 3_600),
      );
      if (bills.every(({ count }) => count === 0)) return [];
      const total = bills.reduce((sum, { amount }) => sum + amount, 0n);
      // Until it is final, a day is up to 2 % off.
      const off = BigInt(Math.round(4e4 * (unit(h, 6) - 0.5)));
      const shown = bills.map(({ amount, count }) => ({
        amount: amount + (amount * off) / 1_000_000n,
        count: count / group.unitSize,
      }));
      const correction = total - shown.reduce((sum, { amount }) => sum + amount, 0n);
      return [...arrivals(shown, h, day), ...corrections(correction, Number(total / micro), h, day)];
    }
    const adjustment = group.style === 'adjustment';
    if (adjustment ? unit(h, 1) >= 0.15 : unit(h, 1) >= 0.95) return [];
    // Half of the weekly swing, for part of the work runs on weekends, too.
    const weekly = behaviour.rhythm ? 0.5 + rhythmOf(day * 24 + 12) / rhythmOf(12) / 2 : 1;
    const micros = Math.round(group.perDay * weekly * (0.6 + 0.8 * unit(h, 2)) * 1e6);
    if (adjustment) {
      const at = (day + 1) * dayMs + Math.round((2 + 20 * unit(h, 3)) * hourMs);
      return [{ at, amount: BigInt(micros) * micro, quantity: 0, restated: false }];
    }
    const exact = group.style === 'text' ? BigInt(mix(h, 4)) * BigInt(mix(h, 5)) * 997n : 0n;
    const parts = arrivals(drawnHours(group, micros, exact), h, day);
    if (group.style === 'zero' || group.style === 'absent') return parts;
    return [...parts, ...corrections(BigInt(Math.round(micros * 0.04 * (unit(h, 6) - 0.5))) * micro, micros, h, day)];
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

/** An amount as plain decimal text without superfluous zeros. */
export function amountToDecimal(amount: bigint): string {
  const sign = amount < 0n ? '-' : '';
  const digits = (amount < 0n ? -amount : amount).toString().padStart(amountScale + 1, '0');
  const whole = digits.slice(0, -amountScale);
  const fraction = digits.slice(-amountScale).replace(/0+$/, '');
  return sign + whole + (fraction === '' ? '' : `.${fraction}`);
}

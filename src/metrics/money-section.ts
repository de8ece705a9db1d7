/** The sections of costs over longer spans: the running month so far, and the month before; by project, and by user. */
import type { Big } from 'big.js';
import type { Endpoint } from '../openai/catalogue.ts';
import type { CostAccount } from '../usage/cost-account.ts';
import { CostDifference } from '../usage/cost-difference.ts';
import { Decimal } from '../usage/decimal.ts';
import { labelText } from '../usage/labels.ts';
import type { SeriesView } from '../usage/ledger.ts';
import { type DaySums, type MonthDays, MonthSums, monthDays, monthsAt } from '../usage/months.ts';
import { monthToDateFamily, previousMonthFamily, userCostsDifferenceFamily } from './families.ts';
import { type Block, renderFamily } from './render.ts';
import type { Rendered, Section } from './section.ts';

/** Name of the section: it changes with the costs. */
export const moneySectionName = 'money';

export function moneySection(account: CostAccount): Section {
  const index = account.endpoint.fields.findIndex((field) => field.kind === 'money');
  const sums = new MonthSums(index);
  return {
    name: moneySectionName,
    *render(now) {
      const { ledger, historyTried } = account;
      const days = monthDays(ledger, now);
      // Before that only the few days of a poll are known: their sum would look as if money had come back.
      const running = historyTried ? days.running : [];
      yield* renderMoney(ledger.endpoint, ledger.seriesNow(), index, { ...days, running }, sums.of(ledger, now));
      // With the month, what is shown becomes that of the month before, whether anything is read or not.
      return { until: monthsAt(now).next * 1_000, untilElapsed: Number.POSITIVE_INFINITY };
    },
  };
}

export interface UserMoneyOptions {
  /** The account of costs by user; `costs` has the same money. */
  readonly byUser: CostAccount;
  readonly costs: CostAccount;
  /** They differ by this much, in units of the currency. */
  differs(amount: Big, currency: string): void;
}

/** Less than this is the same to the cent. */
const halfCent = new Decimal('0.005');

/** Costs by user, and by how much they differ from costs. It is named as the api, and empty without users. */
export function userMoneySection({ byUser, costs, differs }: UserMoneyOptions): Section {
  const section = moneySection(byUser);
  const difference = new CostDifference(byUser.endpoint.fields.findIndex((field) => field.kind === 'money'));
  return {
    name: byUser.endpoint.api,
    *render(now, elapsed) {
      // What OpenAI does not grant is left out of the grouping: then these are nobody's.
      if (!byUser.ledger.groups.dimensions.includes('user_id')) return undefined;
      const next = yield* section.render(now, elapsed);
      const amounts = [...difference.of(costs.ledger, byUser.ledger, now)].sort(([a], [b]) => (a < b ? -1 : 1));
      for (const [currency, amount] of amounts) if (amount.abs().gte(halfCent)) differs(amount, currency);
      yield* renderFamily(userCostsDifferenceFamily, [
        (add) => {
          for (const [currency, amount] of amounts) {
            add('', labelText(['currency'], [currency]), Number(amount.toFixed()));
          }
        },
      ]);
      return next;
    },
  };
}

function* renderMoney(
  endpoint: Endpoint,
  { groups, hasSeries }: SeriesView,
  index: number,
  days: MonthDays,
  sums: { readonly running: DaySums; readonly previous: DaySums },
): Generator<Rendered> {
  const field = endpoint.fields[index];
  if (field === undefined) return;
  sums.running.update(days.running);
  sums.previous.update(days.previous);

  const samples =
    (of: DaySums, isShown: (group: number) => boolean): Block =>
    (add) => {
      for (let group = 0; group < groups.size; group++) {
        // Money becomes a float here and nowhere before: the sum is exact.
        if (isShown(group) && hasSeries(index, group)) add('', groups.text(group), Number(of.exact(group)));
      }
    };
  if (days.running.length > 0) {
    // As in every bucket, a group reads 0 if it has nothing here but had in the one before.
    const isShown = (group: number) => sums.running.has(group) || sums.previous.has(group);
    yield* renderFamily(monthToDateFamily(endpoint, field), [samples(sums.running, isShown)]);
  }
  if (days.previousComplete) {
    const isThere = (group: number) => sums.previous.has(group);
    yield* renderFamily(previousMonthFamily(endpoint, field), [samples(sums.previous, isThere)]);
  }
}

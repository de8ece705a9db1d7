/**
 * The cost of live usage, at the prices that the reading thread finds out: a total for each group and currency, and one for
 * each project and currency, which move with each record. Usage from before there were prices, or of a model without one, is
 * in no total.
 */
import { type Fixed, numberOfFixed } from '../estimate/fixed.ts';
import { type Tier, tierOf } from '../estimate/line-items.ts';
import { measureNamed, noAmounts } from '../estimate/measures.ts';
import { type Money, type PriceEntry, type PriceList, priceList } from '../estimate/prices.ts';
import { renderEntries } from '../metrics/render.ts';
import type { Section } from '../metrics/section.ts';
import type { Milliseconds } from '../units.ts';
import type { GroupTable } from '../usage/groups.ts';
import { labelText } from '../usage/labels.ts';
import { liveProjectSpendFamily, liveSpendFamily } from './families.ts';
import type { Usage } from './read-record.ts';

/** One series. */
interface Spent {
  /** The labels as text. */
  readonly labels: string;
  amount: Fixed;
  /** The instant at which it was first shown, in monotonic milliseconds. */
  since?: Milliseconds;
}

export interface LiveSpendOptions {
  /** Label names, in the order of the groups' values. */
  readonly labels: readonly string[];
  readonly groups: GroupTable;
  /** The time for which a series stays at 0 before its first value. */
  readonly zeroHold: Milliseconds;
}

export class LiveSpend {
  readonly #options: LiveSpendOptions;
  readonly #columns: readonly [model: number, batch: number, tier: number];
  readonly #project: number;
  readonly #ofGroups: Spent[] = [];
  readonly #ofProjects = new Map<string, Spent>();
  /** The two series in which each group and currency counts. */
  readonly #series = new Map<string, readonly [ofGroup: Spent, ofProject: Spent]>();
  #prices: PriceList | undefined;
  #revision = 0;
  #rendered = 0;

  constructor(options: LiveSpendOptions) {
    this.#options = options;
    const column = (name: string) => options.labels.indexOf(name);
    this.#columns = [column('model'), column('batch'), column('service_tier')];
    this.#project = column('project_id');
  }

  /** Goes by these prices from now on. What was counted before stays as it was. */
  goBy(entries: readonly PriceEntry[]): void {
    this.#prices = priceList(entries);
  }

  /** @param group the group that the usage was counted in */
  add({ counts, labels }: Usage, group: number): void {
    const prices = this.#prices;
    if (prices === undefined) return;
    const [model, batch, serviceTier] = this.#columns.map((column) => String(labels[column] ?? ''));
    const used = noAmounts();
    for (const [{ api, name }, value] of counts) {
      const place = measureNamed(api, name);
      if (place !== undefined) used[place] = (used[place] ?? 0) + value;
    }
    const tier: Tier = tierOf(batch ?? '', serviceTier ?? '');
    this.#add(prices.tools(used), group);
    this.#add(prices.model(model ?? '', tier, used) ?? [], group);
  }

  /** The part of the page that shows it. */
  section(): Section {
    const spend = this;
    return {
      name: 'live spend',
      stale: () => spend.#revision !== spend.#rendered,
      *render(_, elapsed) {
        spend.#rendered = spend.#revision;
        let next: Milliseconds = Number.POSITIVE_INFINITY;
        for (const [family, spent] of [
          [liveSpendFamily, spend.#ofGroups],
          [liveProjectSpendFamily, [...spend.#ofProjects.values()]],
        ] as const) {
          yield* renderEntries(family, spent, (one, add) => {
            one.since ??= elapsed;
            const heldUntil = one.since + spend.#options.zeroHold;
            const isHeld = elapsed < heldUntil;
            if (isHeld) next = Math.min(next, heldUntil);
            add('', one.labels, isHeld ? 0 : numberOfFixed(one.amount));
          });
        }
        return { until: Number.POSITIVE_INFINITY, untilElapsed: next };
      },
    };
  }

  #add(money: readonly Money[], group: number): void {
    for (const { currency, amount } of money) {
      for (const spent of this.#seriesOf(group, currency)) spent.amount += amount;
      this.#revision++;
    }
  }

  #seriesOf(group: number, currency: string): readonly Spent[] {
    const key = `${group} ${currency}`;
    const known = this.#series.get(key);
    if (known !== undefined) return known;
    const { groups } = this.#options;
    const ofGroup: Spent = { labels: `${labelText(['currency'], [currency])},${groups.text(group)}`, amount: 0n };
    this.#ofGroups.push(ofGroup);
    const project = groups.values(group)[this.#project] ?? '';
    const labels = labelText(['currency', 'project_id'], [currency, project]);
    const ofProject: Spent = this.#ofProjects.get(labels) ?? { labels, amount: 0n };
    this.#ofProjects.set(labels, ofProject);
    this.#series.set(key, [ofGroup, ofProject]);
    return [ofGroup, ofProject];
  }
}

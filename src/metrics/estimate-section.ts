/** The section of estimates: what is being spent now, how far to trust that, and what has no price. */
import type { Estimate, Estimator, Spender } from '../estimate/estimator.ts';
import { numberOfFixed } from '../estimate/fixed.ts';
import { labelText, noValue } from '../usage/labels.ts';
import { bucketAt, bucketEnd } from '../usage/windows.ts';
import { estimateErrorFamily, estimateHourFamily, estimateTodayFamily, estimateUnpricedFamily } from './families.ts';
import { KeptParts } from './kept-parts.ts';
import { renderEntries } from './render.ts';
import type { Rendered, Section } from './section.ts';

/** Name of the section: it changes with usage and with costs. */
export const estimateSectionName = 'estimate';

/** @param estimated is told of each estimate that is shown */
export function estimateSection(estimator: Estimator, estimated: (estimate: Estimate) => void): Section {
  const labels = new SpenderLabels();
  const kept = new KeptParts();
  return {
    name: estimateSectionName,
    *render(now) {
      const estimate = estimator.at(now);
      if (estimate !== undefined) {
        estimated(estimate);
        yield* renderEstimate(estimate, labels, kept);
      }
      // At midnight another day is today.
      return { until: bucketEnd(bucketAt(now, '1d'), '1d') * 1_000, untilElapsed: Number.POSITIVE_INFINITY };
    },
  };
}

function* renderEstimate(
  { spend, error, unpriced }: Estimate,
  labels: SpenderLabels,
  kept: KeptParts,
): Generator<Rendered> {
  labels.withProject = [...spend, ...unpriced].some(({ spender }) => spender.project !== '');
  kept.begin();
  for (const [family, span] of [
    [estimateTodayFamily, 'today'],
    [estimateHourFamily, 'hour'],
  ] as const) {
    yield* kept.parts(family.name, [spend, labels.withProject], () =>
      renderEntries(family, spend, (each, add) => {
        add(labels.currency(each.currency), labels.of(each.spender), numberOfFixed(each[span]));
      }),
    );
  }
  yield* renderEntries(estimateErrorFamily, [...error], ([currency, ratio], add) => {
    add('', labels.currency(currency), ratio);
  });
  yield* kept.parts(estimateUnpricedFamily.name, [unpriced, labels.withProject], () =>
    renderEntries(estimateUnpricedFamily, unpriced, ({ spender, tokens }, add) => {
      add('', labels.of(spender), tokens);
    }),
  );
  kept.end();
}

/** Label text of spenders, each made once. */
class SpenderLabels {
  /** False where no usage is grouped by project: then that is no label. */
  withProject = true;
  readonly #texts = { true: new WeakMap<Spender, string>(), false: new WeakMap<Spender, string>() };
  readonly #currencies = new Map<string, string>();

  of(spender: Spender): string {
    const texts = this.#texts[`${this.withProject}`];
    const known = texts.get(spender);
    if (known !== undefined) return known;
    // An api without models, or projects, has none.
    const [project, model] = [spender.project || noValue, spender.model || noValue];
    const text = this.withProject
      ? labelText(['project_id', 'model'], [project, model])
      : labelText(['model'], [model]);
    texts.set(spender, text);
    return text;
  }

  currency(currency: string): string {
    const known = this.#currencies.get(currency) ?? labelText(['currency'], [currency]);
    this.#currencies.set(currency, known);
    return known;
  }
}

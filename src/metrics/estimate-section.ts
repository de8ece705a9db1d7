/** The section of estimates: what is being spent now, how far to trust that, and what has no price. */
import type { Estimate, Estimator } from '../estimate/estimator.ts';
import { nearestNumber } from '../usage/decimal.ts';
import { labelText, noValue } from '../usage/labels.ts';
import { bucketAt, bucketEnd } from '../usage/windows.ts';
import { estimateErrorFamily, estimateHourFamily, estimateTodayFamily, estimateUnpricedFamily } from './families.ts';
import { renderEntries } from './render.ts';
import type { Rendered, Section } from './section.ts';

/** Name of the section: it changes with usage and with costs. */
export const estimateSectionName = 'estimate';

/** @param estimated is told of each estimate that is shown */
export function estimateSection(estimator: Estimator, estimated: (estimate: Estimate) => void): Section {
  return {
    name: estimateSectionName,
    *render(now) {
      const estimate = estimator.at(now);
      if (estimate !== undefined) {
        estimated(estimate);
        yield* renderEstimate(estimate);
      }
      // At midnight another day is today.
      return { until: bucketEnd(bucketAt(now, '1d'), '1d') * 1_000, untilElapsed: Number.POSITIVE_INFINITY };
    },
  };
}

/** Yields the families. Where no usage is grouped by project, that is no label; an api without models has none. */
function* renderEstimate({ spend, error, unpriced }: Estimate): Generator<Rendered> {
  const withProject = [...spend, ...unpriced].some(({ project }) => project !== '');
  const owner = ({ project, model }: { readonly project: string; readonly model: string }) =>
    withProject
      ? labelText(['project_id', 'model'], [project || noValue, model || noValue])
      : labelText(['model'], [model || noValue]);
  for (const [family, span] of [
    [estimateTodayFamily, 'today'],
    [estimateHourFamily, 'hour'],
  ] as const) {
    yield* renderEntries(family, spend, (each, add) => {
      add(labelText(['currency'], [each.currency]), owner(each), nearestNumber(each[span]));
    });
  }
  yield* renderEntries(estimateErrorFamily, [...error], ([currency, ratio], add) => {
    add('', labelText(['currency'], [currency]), ratio);
  });
  yield* renderEntries(estimateUnpricedFamily, unpriced, (each, add) => add('', owner(each), each.tokens));
}

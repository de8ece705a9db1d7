/** One api's families as text: the gauges of its recent buckets and its counters. */
import type { Field } from '../openai/catalogue.ts';
import type { CounterBook } from '../usage/counters.ts';
import type { Ledger } from '../usage/ledger.ts';
import { type Shown, samplesOf } from '../usage/recent.ts';
import { sampleLine } from './exposition.ts';
import { type Family, familyHeader, recentFamily, totalFamily } from './families.ts';

/** What is to be rendered of an api, as of one instant. */
export interface View {
  readonly ledger: Ledger;
  readonly shown: readonly Shown[];
  readonly book: CounterBook | undefined;
  /** Minutes, for HELP. */
  readonly settleDelayMinutes: number;
}

export interface Rendered {
  readonly text: string;
  readonly series: number;
}

/** Family by family, so that the caller can pause in between; a family without samples is left out. */
export function* renderApi({ ledger, shown, book, settleDelayMinutes }: View): Generator<Rendered> {
  const { endpoint } = ledger;
  for (const [index, field] of ledger.fields.all.entries()) {
    yield renderFamily(recentFamily(endpoint, field, settleDelayMinutes), (add) =>
      recentSamples(ledger, field, index, shown, add),
    );
    if (field.kind !== 'flow' || book === undefined) continue;
    yield renderFamily(totalFamily(endpoint, field, settleDelayMinutes), (add) =>
      book.samples(index, (labels, value) => add('', labels, value)),
    );
  }
}

type Add = (fixed: string, labels: string, value: number) => void;

function recentSamples(ledger: Ledger, field: Field, index: number, shown: readonly Shown[], add: Add): void {
  for (const each of shown) {
    const fixed = `bucket_width="${each.width}",state="${each.state}"`;
    // Money becomes a float here and nowhere before: the sum it came from was exact.
    samplesOf(ledger, field, index, each, (group, value) => add(fixed, ledger.groups.text(group), Number(value)));
  }
}

function renderFamily(family: Family, samples: (add: Add) => void): Rendered {
  let text = '';
  let series = 0;
  samples((fixed, labels, value) => {
    text += sampleLine(family.name, fixed, labels, value);
    series++;
  });
  return { text: series === 0 ? '' : familyHeader(family) + text, series };
}

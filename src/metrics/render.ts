/** The section of an api: the gauges of its recent buckets, and its counters. */
import type { Field } from '../openai/catalogue.ts';
import type { Account } from '../usage/account.ts';
import type { CounterBook } from '../usage/counters.ts';
import type { Ledger } from '../usage/ledger.ts';
import { type RecentOptions, recent, type Shown, samplesOf } from '../usage/recent.ts';
import { sampleLine } from './exposition.ts';
import { type Family, familyHeader, recentFamily, totalFamily } from './families.ts';
import type { Rendered, Section } from './section.ts';

/** @param options what decides how long a bucket is shown */
export function apiSection(account: Account, options: RecentOptions): Section {
  return {
    name: account.endpoint.api,
    prepare(now, elapsed) {
      const { ledger, book } = account;
      book?.advance(now, elapsed);
      const { shown, until } = recent(options, (width, start) => ledger.buckets.get(width, start), now);
      const parts = renderApi({ ledger, shown, book, settleDelayMinutes: options.settleDelay / 60_000 });
      return { parts, until, untilElapsed: book?.nextChange ?? Number.POSITIVE_INFINITY };
    },
  };
}

/** What is to be rendered of an api, as of one instant. */
export interface View {
  readonly ledger: Ledger;
  readonly shown: readonly Shown[];
  readonly book: CounterBook | undefined;
  /** Minutes, for HELP. */
  readonly settleDelayMinutes: number;
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

/** Adds a sample: label text without braces that is common to many, and that of the group; either can be empty. */
export type AddSample = (fixed: string, labels: string, value: number) => void;

function recentSamples(ledger: Ledger, field: Field, index: number, shown: readonly Shown[], add: AddSample): void {
  for (const each of shown) {
    const fixed = `bucket_width="${each.width}",state="${each.state}"`;
    // Money becomes a float here and nowhere before: the sum it came from was exact.
    samplesOf(ledger, field, index, each, (group, value) => add(fixed, ledger.groups.text(group), Number(value)));
  }
}

/** A family with its samples; nothing where it has none. */
export function renderFamily(family: Family, samples: (add: AddSample) => void): Rendered {
  let text = '';
  let series = 0;
  samples((fixed, labels, value) => {
    text += sampleLine(family.name, fixed, labels, value);
    series++;
  });
  return { text: series === 0 ? '' : familyHeader(family) + text, series };
}

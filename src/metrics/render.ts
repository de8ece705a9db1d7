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

/** Families in parts, so that the caller can pause in between; a family without samples is left out. */
export function* renderApi({ ledger, shown, book, settleDelayMinutes }: View): Generator<Rendered> {
  const { endpoint } = ledger;
  for (const [index, field] of ledger.fields.all.entries()) {
    const blocks = shown.map((each) => (add: AddSample) => recentSamples(ledger, field, index, each, add));
    yield* renderFamily(recentFamily(endpoint, field, settleDelayMinutes), blocks);
    if (field.kind !== 'flow' || book === undefined) continue;
    const total = (add: AddSample) => book.samples(index, (labels, value) => add('', labels, value));
    yield* renderFamily(totalFamily(endpoint, field, settleDelayMinutes), [total]);
  }
}

/** Adds a sample: label text without braces that is common to many, and that of the group; either can be empty. */
export type AddSample = (fixed: string, labels: string, value: number) => void;

function recentSamples(ledger: Ledger, field: Field, index: number, shown: Shown, add: AddSample): void {
  const fixed = `bucket_width="${shown.width}",state="${shown.state}"`;
  // Money becomes a float here and nowhere before: the sum it came from was exact.
  samplesOf(ledger, field, index, shown, (group, value) => add(fixed, ledger.groups.text(group), Number(value)));
}

/** Samples in a part at most, so that no part takes long to make. */
const mostInPart = 2_000;

/** A family with its samples, block by block; nothing where it has none. */
export function* renderFamily(family: Family, blocks: readonly ((add: AddSample) => void)[]): Generator<Rendered> {
  let header = familyHeader(family);
  for (const block of blocks) {
    const texts: string[] = [];
    let text = header;
    let series = 0;
    block((fixed, labels, value) => {
      if (series > 0 && series % mostInPart === 0) {
        texts.push(text);
        text = '';
      }
      text += sampleLine(family.name, fixed, labels, value);
      series++;
    });
    if (series === 0) continue;
    header = '';
    texts.push(text);
    for (const [index, part] of texts.entries()) {
      yield { text: part, series: index < texts.length - 1 ? mostInPart : series - index * mostInPart };
    }
  }
}

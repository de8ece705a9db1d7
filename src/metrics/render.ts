/** The section of an api: the gauges of its recent buckets, and its counters. */
import type { Field } from '../openai/catalogue.ts';
import type { Account } from '../usage/account.ts';
import type { CounterBook } from '../usage/counters.ts';
import type { Ledger, SeriesView } from '../usage/ledger.ts';
import { type RecentOptions, recent, type Shown, samplesOf } from '../usage/recent.ts';
import { type Family, familyHeader, recentFamily, totalFamily } from './families.ts';
import { KeptParts } from './kept-parts.ts';
import { LineBytes } from './line-bytes.ts';
import type { Rendered, Section } from './section.ts';

/**
 * @param options what decides how long a bucket is shown
 * @param tell called with the buckets that are shown, each time
 */
export function apiSection(
  account: Account,
  options: RecentOptions,
  tell: (shown: readonly Shown[]) => void = () => {},
): Section {
  const kept = new KeptParts();
  return {
    name: account.endpoint.api,
    *render(now, elapsed) {
      const { ledger, book } = account;
      const { shown, until } = recent(options, (width, start) => ledger.buckets.get(width, start), now);
      tell(shown);
      const settleDelayMinutes = options.settleDelay / 60_000;
      const view = { ledger, series: ledger.seriesNow(), shown, book, settleDelayMinutes };
      book?.advance(now, elapsed);
      yield* renderApi(view, kept);
      // Known only now: the counters have been brought up to date.
      return { until, untilElapsed: book?.nextChange ?? Number.POSITIVE_INFINITY };
    },
  };
}

/** The view of an api that is rendered, as of one instant. */
export interface View {
  readonly ledger: Pick<Ledger, 'endpoint' | 'fields'>;
  readonly series: SeriesView;
  readonly shown: readonly Shown[];
  readonly book: CounterBook | undefined;
  /** Minutes, for HELP. */
  readonly settleDelayMinutes: number;
}

/**
 * Yields the families of an api in parts; a family without samples is left out.
 * @param kept what was rendered of the same api before, so that what has not changed is not rendered again
 */
export function* renderApi(view: View, kept: KeptParts): Generator<Rendered> {
  const { ledger, series, shown, book, settleDelayMinutes } = view;
  const { endpoint } = ledger;
  kept.begin();
  for (const [index, field] of ledger.fields.all.entries()) {
    const gauge = recentFamily(endpoint, field, settleDelayMinutes);
    yield* renderFamily(
      gauge,
      shown.map((each) => (add) => recentSamples(series, field, index, each, add)),
      (block, header, at) => {
        const { bucket, before, state } = shown[at] ?? {};
        // An hour that ends is settling from then on, though nothing in it has changed.
        const source = [header, state, bucket, series.seriesOf(index), ...(before ?? [])];
        return kept.parts(`${gauge.name} ${at}`, source, () => renderBlock(gauge, header, block));
      },
    );
    if (field.kind !== 'flow' || book === undefined) continue;
    const total = totalFamily(endpoint, field, settleDelayMinutes);
    yield* renderFamily(
      total,
      [(add) => book.samples(index, (labels, value) => add('', labels, value))],
      (block, header) =>
        kept.parts(total.name, [book, book.revisionOf(index)], () => renderBlock(total, header, block)),
    );
  }
  kept.end();
}

/** Adds a sample: label text without braces that is common to many, and that of the group; either can be empty. */
export type AddSample = (fixed: string, labels: string, value: number) => void;

/** Samples of a family: calls `add` for each, in the order of the page. */
export type Block = (add: AddSample) => void;

function recentSamples(series: SeriesView, field: Field, index: number, shown: Shown, add: AddSample): void {
  const fixed = `bucket_width="${shown.width}",state="${shown.state}"`;
  // Money becomes a float here and nowhere before: the sum it came from was exact.
  samplesOf(series, field, index, shown, (group, value) => add(fixed, series.groups.text(group), Number(value)));
}

/** The most samples in a part: what did not change within a family is kept by parts. */
const mostInPart = 1_000;

/** A family with its samples, block by block; nothing where it has none. */
export function* renderFamily(
  family: Family,
  blocks: readonly Block[],
  render = (block: Block, header: string, _at: number): Iterable<Rendered> => renderBlock(family, header, block),
): Generator<Rendered> {
  let header = familyHeader(family);
  for (const [at, block] of blocks.entries()) {
    for (const part of render(block, header, at)) {
      if (part.series > 0) header = '';
      yield part;
    }
  }
}

/** Yields a family with a sample or none for each entry, in order. */
export function renderEntries<T>(
  family: Family,
  entries: readonly T[],
  addEntry: (entry: T, add: AddSample) => void,
): Generator<Rendered> {
  const block: Block = (add) => {
    for (const entry of entries) addEntry(entry, add);
  };
  return renderFamily(family, [block]);
}

/** Holds the lines of one part at a time, whoever renders. */
const lines = new LineBytes();

/** The samples of a block as parts, the first of which begins with the header. */
function renderBlock({ name }: Family, header: string, block: Block): readonly Rendered[] {
  const parts: Rendered[] = [];
  let series = 0;
  const end = () => {
    if (series > 0) parts.push({ plain: lines.take(), series, family: name });
    series = 0;
  };
  lines.clear();
  block((fixed, labels, value) => {
    if (series === mostInPart) end();
    if (series === 0 && parts.length === 0) lines.add(header);
    lines.addSample(name, fixed, labels, value);
    series++;
  });
  end();
  return parts;
}

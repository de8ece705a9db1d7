/** The sections of the page that show live usage: one for each api, one for what that costs, and one for the records. */
import { KeptParts } from '../metrics/kept-parts.ts';
import { type Block, renderEntries, renderFamily } from '../metrics/render.ts';
import type { Section } from '../metrics/section.ts';
import type { Milliseconds } from '../units.ts';
import { labelText } from '../usage/labels.ts';
import {
  liveFoldedFamily,
  liveHourFamily,
  liveRecordsFamily,
  liveRestartsFamily,
  liveTotalFamily,
  outcomes,
} from './families.ts';
import type { LiveBook } from './live-book.ts';
import type { LiveUsage } from './live-usage.ts';
import { formats } from './record-kind.ts';
import { type HoursOptions, type LiveHour, liveHours } from './shown-hours.ts';
import { type LiveApi, type LiveField, liveApis, liveFields } from './vocabulary.ts';

export interface SectionOptions extends HoursOptions {
  readonly live: LiveUsage;
}

export function liveSections(options: SectionOptions): readonly Section[] {
  return [
    ...liveApis.map((api) => apiSection(api, options)),
    options.live.spend.section(),
    recordsSection(options.live),
  ];
}

/** A field as it is rendered: how often time alone has changed its counters, and when it does so next. */
interface Shown {
  readonly field: LiveField;
  changes: number;
  /** Monotonic milliseconds. */
  next: Milliseconds;
}

function apiSection(api: LiveApi, { live: { book }, ...options }: SectionOptions): Section {
  const kept = new KeptParts();
  const fields = liveFields
    .filter((field) => field.api === api)
    .map((field): Shown => ({ field, changes: 0, next: Number.POSITIVE_INFINITY }));
  const revision = () => fields.reduce((sum, { field }) => sum + book.revisionOf(field.index), 0);
  let rendered = 0;
  let renderedFor = options.shownByUsage();

  return {
    name: `live ${api}`,
    stale: () => revision() !== rendered || options.shownByUsage() !== renderedFor,
    *render(now, elapsed) {
      rendered = revision();
      const { hours, until } = liveHours(api, now, options);
      renderedFor = options.shownByUsage();
      kept.begin();
      for (const shown of fields) {
        const { field } = shown;
        const known = book.revisionOf(field.index);
        if (known === 0) continue;
        if (elapsed >= shown.next) shown.changes++;
        const total = liveTotalFamily(field);
        yield* kept.parts(total.name, [known, shown.changes], () =>
          renderFamily(total, [
            (add) => {
              shown.next = book.counters(field.index, elapsed, (group, value) => {
                add('', book.groups.text(group), value);
              });
            },
          ]),
        );
        const gauge = liveHourFamily(field);
        yield* kept.parts(gauge.name, [known, ...hours.flatMap(({ state, start }) => [state, start])], () =>
          renderFamily(
            gauge,
            hours.map((hour) => hourBlock(book, field, hour)),
          ),
        );
      }
      kept.end();
      return { until, untilElapsed: Math.min(...fields.map(({ next }) => next)) };
    },
  };
}

function hourBlock(book: LiveBook, { index }: LiveField, { state, start }: LiveHour): Block {
  const fixed = `bucket_width="1h",state="${state}"`;
  return (add) => book.hour(index, start, (group, value) => add(fixed, book.groups.text(group), value));
}

/** The records so far, each combination from 0 on. */
function recordsSection(live: LiveUsage): Section {
  let rendered = -1;
  return {
    name: 'live records',
    stale: () => live.revision !== rendered,
    *render(now) {
      rendered = live.revision;
      const all = formats.flatMap((format) => outcomes.map((outcome) => ({ format, outcome })));
      yield* renderEntries(liveRecordsFamily, all, ({ format, outcome }, add) =>
        add('', labelText(['format', 'outcome'], [format, outcome]), live.records(format, outcome)),
      );
      yield* renderEntries(liveFoldedFamily, [live.book.folded], (folded, add) => add('', '', folded));
      yield* renderEntries(liveRestartsFamily, [live.restarts], (restarts, add) => add('', '', restarts));
      // The status goes out with the page, and its minutes pass also when nothing is reported any more.
      return { until: live.statusChangesAt(now), untilElapsed: Number.POSITIVE_INFINITY };
    },
  };
}

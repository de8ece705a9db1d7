/**
 * Adds up what Prometheus would have: the rises between successive samples of each counter, by its own rules. A series' first
 * sample is no rise; one that is lower than the one before is a reset and counts whole; a series or a target that
 * was away for a while goes on from its last sample.
 *
 * Beside that it tells apart, from the samples and from when processes began, what the contract excepts.
 */
import { hour } from '../../src/usage/windows.ts';
import { labelNamesIn, readCounters, type Samples } from './exposition.ts';

/** Describes what is known of a scrape besides the page. */
export interface ScrapeContext {
  /** UTC milliseconds. */
  readonly at: number;
  /** The number of the process that answers, from 0. */
  readonly process: number;
  /** True if it knows what the one before has shown. */
  readonly remembers: boolean;
  /** The instant at which it began, in UTC milliseconds. */
  readonly since: number;
  /** Start of the period that the contract has this process begin in, in milliseconds. */
  readonly firstPeriod: number;
}

/** One api and field: sums over all series. */
export interface Counted {
  /** Holds what Prometheus adds up. */
  rises: number;
  /** First samples of the first page with counters: what was used before anybody looked. */
  baseline: number;
  /** The amount that Prometheus counts again, because a series was lower within its period after a restart. */
  fallen: number;
  /** First samples above 0 of series that were born while no process ran. */
  born: number;
  /** The amount of series that were not lower after downtime across a rollover, so that Prometheus sees no reset. */
  unseen: number;
}

/** The counters of an api as they were last seen in a period. */
export interface PeriodEnd {
  readonly api: string;
  /** Start of the period, in milliseconds. */
  readonly period: number;
  /** UTC milliseconds of the scrape that saw the next period. */
  readonly at: number;
  /** True if the process went through the rollover, rather than being down. */
  readonly witnessed: boolean;
  /** The last samples, field → labels → value; those that its last process did not show apart. */
  readonly values: ReadonlyMap<string, ReadonlyMap<string, number>>;
  readonly gone: ReadonlyMap<string, ReadonlyMap<string, number>>;
}

/** The first counters of an api that a process has shown. */
export interface Opening {
  readonly api: string;
  readonly at: number;
  /** The instant at which the process began, in UTC milliseconds. */
  readonly since: number;
  readonly process: number;
  readonly period: number;
  /** True if its series have other labels than those of the process before. */
  readonly regrouped: boolean;
  readonly values: ReadonlyMap<string, ReadonlyMap<string, number>>;
}

interface Series {
  last: number;
  process: number;
  period: number;
}

interface Api {
  /** The label names of its series. */
  names: string;
  process: number;
  period: number;
  readonly fields: Map<string, Map<string, Series>>;
}

export interface Watcher {
  /** Takes the pages in order; `plain` is the text in pieces. */
  scrape(plain: readonly Uint8Array[], context: ScrapeContext): void;
  counted(api: string, field: string): Counted;
  /** The last samples of the running period, field → labels → value. */
  shown(api: string): ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** The same of series that an earlier process showed in this period, and the running one does not. */
  gone(api: string): ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** Reports whether the process that was scraped last has shown any counter of the api. */
  isShown(api: string): boolean;
  /** Start of the period on show, in milliseconds. */
  period(api: string): number | undefined;
  readonly openings: readonly Opening[];
  readonly periodEnds: readonly PeriodEnd[];
  /** Holds what the contract rules out and was seen all the same. */
  readonly faults: readonly string[];
}

const mostFaults = 50;

const isHere = (api: Api) => (series: Series) => series.process === api.process;
const isGone = (api: Api) => (series: Series) => series.process !== api.process;

/** Pages change in few pieces, and several scrapers see the same ones. */
const parsed = new WeakMap<Uint8Array, readonly Samples[]>();

function samplesIn(piece: Uint8Array): readonly Samples[] {
  const known = parsed.get(piece) ?? readCounters(new TextDecoder().decode(piece));
  parsed.set(piece, known);
  return known;
}

/** The label names of the series of an api; undefined where there are none. */
function namesOf(samples: readonly Samples[]): string | undefined {
  for (const { values } of samples) for (const labels of values.keys()) return labelNamesIn(labels).join();
  return undefined;
}

function sumOf(values: Iterable<number>): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
}

/** @param monthOf start of the period that holds an instant; both in milliseconds */
export function createWatcher(monthOf: (instant: number) => number): Watcher {
  const apis = new Map<string, Api>();
  const sums = new Map<string, Counted>();
  const openings: Opening[] = [];
  const periodEnds: PeriodEnd[] = [];
  const faults: string[] = [];
  let seen: ReadonlySet<Uint8Array> = new Set();
  let process = -1;

  function counted(api: string, field: string): Counted {
    const key = `${api} ${field}`;
    const sum = sums.get(key) ?? { rises: 0, baseline: 0, fallen: 0, born: 0, unseen: 0 };
    sums.set(key, sum);
    return sum;
  }

  function fault(context: ScrapeContext, text: string): void {
    if (faults.length < mostFaults) faults.push(`${new Date(context.at).toISOString()} ${text}`);
  }

  function valuesOf(api: Api, wanted: (series: Series) => boolean): Map<string, Map<string, number>> {
    const values = new Map<string, Map<string, number>>();
    for (const [field, series] of api.fields) {
      const own = new Map<string, number>();
      for (const [labels, one] of series) if (one.period === api.period && wanted(one)) own.set(labels, one.last);
      values.set(field, own);
    }
    return values;
  }

  /** Takes out series that end because others, with other labels, take their place. Returns their sums by field. */
  function replace(api: Api, wanted: (series: Series) => boolean): Map<string, number> {
    const sums = new Map<string, number>();
    for (const [field, series] of api.fields) {
      for (const [labels, one] of series) {
        if (!wanted(one)) continue;
        if (one.period === api.period) sums.set(field, (sums.get(field) ?? 0) + one.last);
        series.delete(labels);
      }
    }
    return sums;
  }

  /** An api that nobody uses shows nothing for long: then it is in the running month. */
  function openingPeriod({ at, since, firstPeriod }: ScrapeContext): number {
    return at - since > 2 * hour ? monthOf(at - hour / 2) : firstPeriod;
  }

  /** Reports whether a running process has begun its next period: then a series is lower than it has shown it before. */
  function hasRolledOver(api: Api, changed: readonly Samples[]): boolean {
    return changed.some(({ field, values }) => {
      const series = api.fields.get(field);
      if (series === undefined) return false;
      for (const [labels, value] of values) {
        const before = series.get(labels);
        if (before !== undefined && before.process === api.process && value < before.last) return true;
      }
      return false;
    });
  }

  function scrapeApi(name: string, changed: readonly Samples[], context: ScrapeContext): void {
    let api = apis.get(name);
    const isFirst = api === undefined;
    if (api === undefined) {
      api = {
        names: namesOf(changed) ?? '',
        process: context.process,
        period: openingPeriod(context),
        fields: new Map(),
      };
      apis.set(name, api);
    }
    const isOpening = isFirst || api.process !== context.process;
    const names = namesOf(changed);
    const regrouped = names !== undefined && names !== api.names;
    const replaced = regrouped ? replace(api, isOpening ? () => true : isHere(api)) : new Map<string, number>();
    api.names = names ?? api.names;
    const rollsOver = !isOpening && hasRolledOver(api, changed);
    let { period } = api;
    if (isOpening) period = openingPeriod(context);
    else if (rollsOver) period = monthOf(context.at);
    if (period !== api.period) {
      periodEnds.push({
        api: name,
        period: api.period,
        at: context.at,
        witnessed: !isOpening,
        values: valuesOf(api, isHere(api)),
        gone: valuesOf(api, isGone(api)),
      });
      if (rollsOver && period < api.period) fault(context, `${name}: a period began again`);
    } else if (rollsOver) fault(context, `${name}: a counter fell within its period`);
    api.process = context.process;
    api.period = period;

    for (const { field, values } of changed) {
      let series = api.fields.get(field);
      if (series === undefined) {
        series = new Map();
        api.fields.set(field, series);
      }
      const sum = counted(name, field);
      if (regrouped) {
        // Series of other labels go on from those that they take the place of.
        const [begin, end] = [sumOf(values.values()), replaced.get(field) ?? 0];
        if (!isOpening || context.remembers) {
          if (begin !== end) fault(context, `${name} ${field}: new series begin at ${begin} in all, not at ${end}`);
        } else sum.born += begin - end;
      }
      for (const [labels, value] of values) {
        const before = series.get(labels);
        if (rollsOver && value !== 0) fault(context, `${name} ${field}{${labels}}: begins its period at ${value}`);
        if (before === undefined) {
          if (isFirst && context.process === 0) sum.baseline += value;
          else if (value > 0 && !regrouped) {
            sum.born += value;
            if (!isOpening || context.remembers) fault(context, `${name} ${field}{${labels}}: begins at ${value}`);
          }
          series.set(labels, { last: value, process: context.process, period });
          continue;
        }
        const reset = value < before.last;
        sum.rises += reset ? value : value - before.last;
        if (before.period !== period) {
          if (!reset && before.last > 0) {
            sum.unseen += before.last;
            if (!isOpening || context.remembers)
              fault(context, `${name} ${field}{${labels}}: its reset was not to be seen`);
          }
        } else if (reset) {
          sum.fallen += before.last;
          if (context.remembers || before.process === context.process) {
            fault(context, `${name} ${field}{${labels}}: fell from ${before.last} to ${value}`);
          }
        }
        before.last = value;
        before.process = context.process;
        before.period = period;
      }
    }
    if (isOpening) {
      const values = valuesOf(api, (series) => series.process === context.process);
      openings.push({
        api: name,
        at: context.at,
        since: context.since,
        process: context.process,
        period,
        regrouped,
        values,
      });
    }
  }

  return {
    counted,
    openings,
    periodEnds,
    faults,
    isShown: (api) => apis.get(api)?.process === process,
    period: (api) => apis.get(api)?.period,
    shown(name) {
      const api = apis.get(name);
      return api === undefined ? new Map() : valuesOf(api, isHere(api));
    },
    gone(name) {
      const api = apis.get(name);
      return api === undefined ? new Map() : valuesOf(api, isGone(api));
    },
    scrape(plain, context) {
      if (context.process !== process) seen = new Set();
      process = context.process;
      const changed = new Map<string, Samples[]>();
      for (const piece of plain) {
        // The same text again: no series of it rises.
        if (seen.has(piece)) continue;
        for (const samples of samplesIn(piece)) {
          const of = changed.get(samples.api) ?? [];
          of.push(samples);
          changed.set(samples.api, of);
        }
      }
      seen = new Set(plain);
      for (const [api, samples] of changed) scrapeApi(api, samples, context);
    },
  };
}

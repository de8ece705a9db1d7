/**
 * Plans what a backfill reads and how far it may go. Pure: the span asked for and the time decide, so that a run that was
 * broken off goes on with the same plan.
 */
import { costsByKeySince, type Endpoint, type Width, widthSeconds } from '../openai/catalogue.ts';
import type { Span } from '../usage/plan.ts';
import {
  type Anchor,
  anchorAfter,
  anchorAt,
  bucketAt,
  bucketEnd,
  day,
  hour,
  settleDelayOf,
  takeoverDelay,
} from '../usage/windows.ts';

/** The time that is left to a running Prometheus, which still writes there itself: its head block, in milliseconds before now. */
const headSpan = 3 * hour;

export const headSpanText = `${headSpan / hour} hours`;

/** How far behind the end groups are looked for that begin there, in seconds: they get their 0 in time. */
const outlook = day / 1_000;

export interface Asked {
  /** Seconds, multiples of the width; `to` is exclusive, and as late as possible where it is undefined. */
  readonly from: number;
  readonly to: number | undefined;
  readonly width: Width;
  /** Milliseconds. */
  readonly settleDelay: number;
  readonly anchor: Anchor;
}

/** The part that is written: the same however often it is resumed. */
export interface Bounds {
  /** Seconds: buckets of usage in [from, to). */
  readonly from: number;
  readonly to: number;
  /** The end of the last day of costs, in seconds; it can be before `from`. */
  readonly costsTo: number;
  /** The newest bucket looked at ends here at the latest, in seconds; it can be in progress. */
  readonly lookTo: number;
}

/** @param now UTC in milliseconds @returns the bounds, or why there are none */
export function boundsOf(asked: Asked, now: number): Bounds | { readonly mistake: string } {
  const { from, width, settleDelay } = asked;
  const seconds = widthSeconds[width];
  const latest = now - headSpan;
  if (from * 1_000 >= now) return { mistake: '--from: is in the future' };
  if (asked.to !== undefined && asked.to * 1_000 > now) return { mistake: '--to: is in the future' };
  let to = Math.min(asked.to ?? Number.POSITIVE_INFINITY, bucketAt(latest - settleDelay, width));
  // At the end of a period the zeros of the next one belong to it, and come later.
  if (to === anchorAt(to * 1_000, asked.anchor) && to * 1_000 + takeoverDelay(settleDelay) > latest) to -= seconds;
  if (to <= from) {
    return {
      mistake: `--from: no bucket of ${width} from ${isoOf(from)} on has settled more than ${headSpanText} ago; later samples are left to the scraping Prometheus`,
    };
  }
  return {
    from,
    to,
    costsTo: Math.min(asked.to ?? Number.POSITIVE_INFINITY, bucketAt(latest - day, '1d')),
    lookTo: Math.min(to + outlook, bucketEnd(bucketAt(now, '1h'), '1h')),
  };
}

/**
 * - `before`: only summed, for the counters begin at an anchor before the span.
 * - `span`: becomes samples.
 * - `after`: tells which groups begin right behind the span.
 */
export type Phase = 'before' | 'span' | 'after';

export interface Step extends Span {
  readonly phase: Phase;
  /** Start of the period that its buckets count in, in seconds. */
  readonly anchor: number;
}

/** Everything to be read of an api, in the order of time; no step reaches over an anchor. */
export function stepsOf(
  endpoint: Endpoint,
  asked: Pick<Asked, 'width' | 'settleDelay' | 'anchor'>,
  bounds: Bounds,
  dimensions: readonly string[],
): readonly Step[] {
  if (endpoint.kind === 'costs') return costSteps(bounds, dimensions);
  if (!endpoint.fields.some(({ kind }) => kind === 'flow')) return [];
  const { from, to, lookTo } = bounds;
  const begin = anchorAt(from * 1_000, asked.anchor);
  const steps: Step[] = [];
  // By the widest buckets that serve, as the counters themselves are.
  let at = begin;
  for (const width of ['1d', '1h', '1m'] as const) {
    const end = bucketAt(from * 1_000, width);
    if (end > at) steps.push({ phase: 'before', anchor: begin, width, from: at, to: end });
    at = Math.max(at, end);
  }
  const periods = (phase: Phase, width: Width, first: number, last: number) => {
    for (let start = first; start < last; ) {
      const anchor = anchorAt(start * 1_000, asked.anchor);
      const end = Math.min(last, anchorAfter(anchor, asked.anchor));
      steps.push({ phase, anchor, width, from: start, to: end });
      start = end;
    }
  };
  periods('span', asked.width, from, to);
  const hourOfEnd = bucketAt(to * 1_000, '1h');
  const lookEnd = Math.min(lookTo, anchorAfter(anchorAt(to * 1_000, asked.anchor), asked.anchor));
  if (lookEnd > hourOfEnd) periods('after', '1h', hourOfEnd, lookEnd);
  return steps;
}

function costSteps({ from, costsTo }: Bounds, dimensions: readonly string[]): readonly Step[] {
  const seconds = widthSeconds['1d'];
  const firstDay = Math.ceil(from / seconds) * seconds;
  const first = dimensions.includes('api_key_id') ? Math.max(firstDay, costsByKeySince) : firstDay;
  const last = Math.floor(costsTo / seconds) * seconds;
  return first < last ? [{ phase: 'span', anchor: first, width: '1d', from: first, to: last }] : [];
}

/** When the numbers of a bucket that ends then are served, in milliseconds. */
export function servedAt(endpoint: Endpoint, end: number, settleDelay: number): number {
  return end * 1_000 + settleDelayOf(endpoint, settleDelay);
}

/** `2026-05-01T13:00Z` */
export function isoOf(seconds: number): string {
  return `${new Date(seconds * 1_000).toISOString().slice(0, 16)}Z`;
}

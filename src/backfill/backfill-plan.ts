/**
 * Plans what a backfill reads and how far it may go. Pure: the span asked for and the time decide, so that a run that was
 * broken off goes on with the same plan.
 */
import { costsByKeySince, type Endpoint, type Width, widthSeconds } from '../openai/catalogue.ts';
import { inMilliseconds, inSeconds, type Milliseconds, type Seconds } from '../units.ts';
import type { Span } from '../usage/plan.ts';
import { openingOf, settleDelayOf, settlesAt } from '../usage/settle.ts';
import { type Anchor, anchorAfter, anchorAt, bucketAt, bucketEnd, day, hour } from '../usage/windows.ts';

/** The time that is left to a running Prometheus, which still writes there itself: its head block, in milliseconds before now. */
const headSpan = 3 * hour;

export const headSpanText = `${headSpan / hour} hours`;

/** The time behind the end in which groups are looked for that begin there: they get their 0 in time. */
const outlook = inSeconds(day);

export interface Asked {
  /** Multiples of the width; `to` is exclusive, and as late as possible where it is undefined. */
  readonly from: Seconds;
  readonly to: Seconds | undefined;
  readonly width: Width;
  readonly settleDelay: Milliseconds;
  readonly anchor: Anchor;
}

/** The part that is written: the same however often it is resumed. */
export interface Bounds {
  /** Buckets of usage in [from, to). */
  readonly from: Seconds;
  readonly to: Seconds;
  /** The end of the last day of costs; it can be before `from`. */
  readonly costsTo: Seconds;
  /** The newest bucket looked at ends here at the latest; it can be in progress. */
  readonly lookTo: Seconds;
}

/** Returns the bounds, or why there are none. */
export function boundsOf(asked: Asked, now: Milliseconds): Bounds | { readonly mistake: string } {
  const { from, width, settleDelay } = asked;
  const seconds = widthSeconds[width];
  const latest = now - headSpan;
  if (inMilliseconds(from) >= now) return { mistake: '--from: is in the future' };
  if (asked.to !== undefined && inMilliseconds(asked.to) > now) return { mistake: '--to: is in the future' };
  let to = Math.min(asked.to ?? Number.POSITIVE_INFINITY, bucketAt(latest - settleDelay, width));
  // At the end of a period the zeros of the next one belong to it, and come later.
  if (to === anchorAt(inMilliseconds(to), asked.anchor) && openingOf(to, settleDelay) > latest) to -= seconds;
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
  /** Start of the period that its buckets count in. */
  readonly anchor: Seconds;
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
  const begin = anchorAt(inMilliseconds(from), asked.anchor);
  const steps: Step[] = [];
  // By the widest buckets that serve, as the counters themselves are.
  let at = begin;
  for (const width of ['1d', '1h', '1m'] as const) {
    const end = bucketAt(inMilliseconds(from), width);
    if (end > at) steps.push({ phase: 'before', anchor: begin, width, from: at, to: end });
    at = Math.max(at, end);
  }
  const periods = (phase: Phase, width: Width, first: Seconds, last: Seconds) => {
    for (let start = first; start < last; ) {
      const anchor = anchorAt(inMilliseconds(start), asked.anchor);
      const end = Math.min(last, anchorAfter(anchor, asked.anchor));
      steps.push({ phase, anchor, width, from: start, to: end });
      start = end;
    }
  };
  periods('span', asked.width, from, to);
  const hourOfEnd = bucketAt(inMilliseconds(to), '1h');
  const lookEnd = Math.min(lookTo, anchorAfter(anchorAt(inMilliseconds(to), asked.anchor), asked.anchor));
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

/** Returns when the numbers of a bucket that ends then are served. */
export function servedAt(endpoint: Endpoint, end: Seconds, settleDelay: Milliseconds): Milliseconds {
  return settlesAt(end, settleDelayOf(endpoint, settleDelay));
}

/** `2026-05-01T13:00Z` */
export function isoOf(time: Seconds): string {
  return `${new Date(inMilliseconds(time)).toISOString().slice(0, 16)}Z`;
}

/** Chooses the settled buckets that make up a total: each instant once, by the widest bucket that has settled. Pure. */
import { type Width, widthSeconds } from '../openai/catalogue.ts';
import type { Seconds } from '../units.ts';
import type { Bucket } from './bucket.ts';

/** The settled bucket of this width and start, if there is one. */
export type SettledAt = (width: Width, start: Seconds) => Bucket | undefined;

const widestFirst: readonly Width[] = ['1d', '1h', '1m'];

/** The widest settled bucket that starts here and ends by `to`. */
function widestAt(settled: SettledAt, start: Seconds, to: Seconds): Bucket | undefined {
  for (const width of widestFirst) {
    if (start % widthSeconds[width] !== 0 || start + widthSeconds[width] > to) continue;
    const bucket = settled(width, start);
    if (bucket !== undefined) return bucket;
  }
  return undefined;
}

/**
 * The settled buckets in [from, to), in seconds, oldest first, none overlapping another. Where something is
 * missing, the walk goes on at the next minute.
 */
export function* cover(settled: SettledAt, from: Seconds, to: Seconds): Generator<Bucket> {
  let start = from;
  while (start < to) {
    const bucket = widestAt(settled, start, to);
    if (bucket !== undefined) yield bucket;
    start += bucket === undefined ? widthSeconds['1m'] : widthSeconds[bucket.width];
  }
}

/** The unbroken run of settled buckets that starts at `from`, and its end: `to` at the most. */
export function unbroken(
  settled: SettledAt,
  from: Seconds,
  to: Seconds,
): { readonly buckets: readonly Bucket[]; readonly end: Seconds } {
  const buckets: Bucket[] = [];
  let end = from;
  while (end < to) {
    const bucket = widestAt(settled, end, to);
    if (bucket === undefined) break;
    buckets.push(bucket);
    end += widthSeconds[bucket.width];
  }
  return { buckets, end };
}

/** The end of the unbroken run of settled buckets that starts at `from`; `to` at the most. */
export function coveredThrough(settled: SettledAt, from: Seconds, to: Seconds): Seconds {
  return unbroken(settled, from, to).end;
}

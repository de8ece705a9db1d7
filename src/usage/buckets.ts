/**
 * The buckets held of one api, by width and start.
 *
 * A shown number never loses what it needs: `keep` decides that by what is needed, and the size is bounded
 * because folding bounds the groups of a bucket and `keep` the number of buckets. The cache's own limit is set
 * beyond what these allow, so reaching it would be a defect rather than a loss that goes unseen.
 */
import { LRUCache } from 'lru-cache';
import { type Width, widthSeconds } from '../openai/catalogue.ts';
import type { Seconds } from '../units.ts';
import type { Bucket } from './bucket.ts';

/** Returns about how many numbers a bucket holds. */
function sizeOf(bucket: Bucket): number {
  const columns = bucket.numbers.size + bucket.decimals.size;
  return 1 + bucket.groups.length * (1 + columns);
}

export class BucketCache {
  readonly #cache: LRUCache<string, Bucket>;
  /** Start of the newest bucket that is held and that the API returned, by width. */
  readonly #newest = new Map<Width, number>();

  /** @param mostNumbers numbers that all buckets together may hold */
  constructor(mostNumbers: number, clock: { now(): number }) {
    this.#cache = new LRUCache({ maxSize: mostNumbers, sizeCalculation: sizeOf, perf: clock });
  }

  /** Numbers held, all buckets together. */
  get size(): number {
    return this.#cache.calculatedSize;
  }

  get(width: Width, start: Seconds): Bucket | undefined {
    // Looking is no use that would keep a bucket longer, and thousands are looked at for each page.
    return this.#cache.peek(`${width}/${start}`);
  }

  set(bucket: Bucket): void {
    this.#cache.set(`${bucket.width}/${bucket.start}`, bucket);
    this.#note(bucket);
  }

  /** Start of the newest bucket of this width that the API returned, rather than passed over. */
  newest(width: Width): number | undefined {
    return this.#newest.get(width);
  }

  /** The buckets held that start in [from, to), oldest first. */
  *between(width: Width, from: number, to: number): Generator<Bucket> {
    for (let start = from; start < to; start += widthSeconds[width]) {
      const bucket = this.get(width, start);
      if (bucket !== undefined) yield bucket;
    }
  }

  /** Drops every bucket that is not wanted. */
  keep(wanted: (bucket: Bucket) => boolean): void {
    this.#newest.clear();
    for (const [key, bucket] of this.#cache.entries()) {
      if (!wanted(bucket)) this.#cache.delete(key);
      else this.#note(bucket);
    }
  }

  #note({ width, start, passedOver }: Bucket): void {
    if (!passedOver) this.#newest.set(width, Math.max(start, this.#newest.get(width) ?? start));
  }
}

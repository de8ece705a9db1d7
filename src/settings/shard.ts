/**
 * Says which of several processes serves an organization: a function of its name alone, so that all of them agree without
 * a word. It is the jump consistent hash of Lamping and Veach: one process more takes its share, and nothing else moves.
 */
import { createHash } from 'node:crypto';

const mask = (1n << 64n) - 1n;

/** Returns the shard of a name, from 0 to one below `total`. */
export function shardOf(name: string, total: number): number {
  return jump(createHash('sha256').update(name).digest().readBigUInt64BE(), total);
}

/** The jump of a key of 64 bits to one of `total` places. */
export function jump(hash: bigint, total: number): number {
  let key = hash;
  let place = 0;
  for (let next = 0; next < total; ) {
    place = next;
    key = (key * 2_862_933_555_777_941_757n + 1n) & mask;
    next = Math.floor((place + 1) * (2 ** 31 / (Number(key >> 33n) + 1)));
  }
  return place;
}

/**
 * Which of several processes serves an organization: a function of its name alone, so that all of them agree without a
 * word. It is the jump consistent hash of Lamping and Veach: one process more takes its share, and nothing else moves.
 */
import { createHash } from 'node:crypto';

const mask = (1n << 64n) - 1n;

/** Returns the shard of a name, from 0 to one below `total`. */
export function shardOf(name: string, total: number): number {
  let key = createHash('sha256').update(name).digest().readBigUInt64BE();
  let shard = 0;
  for (let next = 0; next < total; ) {
    shard = next;
    key = (key * 2_862_933_555_777_941_757n + 1n) & mask;
    next = Math.floor((shard + 1) * (2 ** 31 / (Number(key >> 33n) + 1)));
  }
  return shard;
}

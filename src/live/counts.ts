/** Reads the counts of a usage object at the places that a shape names, and refuses what cannot be a count. */
import { isObject, own, type PlainObject } from '../openai/json.ts';
import { namesOf } from './places.ts';

/** A count that cannot be one. The message names the place, and never what is there. */
export class NotACount extends Error {
  override readonly name = 'NotACount';
}

/**
 * Returns the count at the first of these places that has one; undefined where none has.
 * @throws {NotACount}
 */
export function countAt(usage: PlainObject, places: readonly string[], fraction: boolean): number | undefined {
  for (const place of places) {
    const count = read(usage, namesOf(place), 0, place, fraction);
    if (count !== undefined) return count;
  }
  return undefined;
}

/** @param depth how many names of the path lie behind */
function read(
  value: unknown,
  path: readonly string[],
  depth: number,
  place: string,
  fraction: boolean,
): number | undefined {
  if (value === undefined || value === null) return undefined;
  const name = path[depth];
  if (name === undefined) return checked(value, place, fraction);
  if (Array.isArray(value)) {
    let sum: number | undefined;
    for (const each of value) {
      const count = read(each, path, depth, place, fraction);
      if (count !== undefined) sum = checked((sum ?? 0) + count, place, fraction);
    }
    return sum;
  }
  if (!isObject(value)) throw new NotACount(`${place}: there is no object where one should be`);
  return read(own(value, name), path, depth + 1, place, fraction);
}

function checked(value: unknown, place: string, fraction: boolean): number {
  if (typeof value !== 'number') throw new NotACount(`${place} is not a number`);
  if (value < 0) throw new NotACount(`${place} is negative`);
  if (value > Number.MAX_SAFE_INTEGER) throw new NotACount(`${place} is above 2^53`);
  if (!fraction && !Number.isInteger(value)) throw new NotACount(`${place} is not a whole number`);
  return value;
}

/** Counts by field name. */
export type Counts = Map<string, number>;

const kinds = ['text', 'audio', 'image'] as const;

/**
 * Turns the parts of the input by kind into what the Usage API means by them: uncached input alone. A part of which it
 * is not known how much was cached is taken away.
 */
export function keepUncachedParts(counts: Counts): void {
  const cached = counts.get('input_cached_tokens') ?? 0;
  const written = counts.get('input_cache_write_tokens') ?? 0;
  for (const kind of kinds) {
    const name = `input_${kind}_tokens`;
    const all = counts.get(name);
    if (all === undefined || all === 0) continue;
    const cachedPart = counts.get(`input_cached_${kind}_tokens`) ?? (cached === 0 ? 0 : undefined);
    if (cachedPart === undefined || written > 0 || cachedPart > all) counts.delete(name);
    else counts.set(name, all - cachedPart);
  }
}

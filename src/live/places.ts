/** Places in a record, as names joined by dots. */
import { isObject, own, type PlainObject } from '../openai/json.ts';

/** Places that are looked at for each record are taken apart once. They come from tables and settings, so there are few. */
const known = new Map<string, readonly string[]>();

export function namesOf(place: string): readonly string[] {
  let names = known.get(place);
  if (names === undefined) {
    names = place.split('.');
    known.set(place, names);
  }
  return names;
}

/** Returns the value at a place; undefined where it leads nowhere. */
export function valueAt(record: PlainObject, place: string): unknown {
  let value: unknown = record;
  for (const name of namesOf(place)) {
    if (!isObject(value)) return undefined;
    value = own(value, name);
  }
  return value;
}

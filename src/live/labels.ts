/** The labels of live usage, and where their values come from. */
import type { RawLabel } from '../openai/bucket-page.ts';
import { own, type PlainObject } from '../openai/json.ts';
import { liveDimensions } from '../settings/live-dimensions.ts';
import type { LiveLabel } from '../settings/live-labels.ts';
import { valueAt } from './places.ts';

/** Returns all labels: the dimensions, then those of `--live.labels`, which can also give a dimension its place. */
export function allLabels(further: readonly LiveLabel[]): readonly LiveLabel[] {
  const given = new Map(further.map((label) => [label.name, label]));
  const dimensions = liveDimensions.map((name) => given.get(name) ?? { name, path: undefined });
  return [...dimensions, ...further.filter(({ name }) => !dimensions.some((dimension) => dimension.name === name))];
}

/** The labels that somebody gave, by name. */
export type GivenLabels = ReadonlyMap<string, RawLabel>;

/** Returns what an object gives as labels. Members that no label can be made of are none. */
export function givenLabels(object: PlainObject): GivenLabels {
  return new Map(Object.entries(object).map(([name, value]) => [name, rawLabel(value)]));
}

/** Returns the value at a path of a record, as far as a label can be made of it. */
export function labelAt(record: PlainObject, path: string): RawLabel {
  // An attribute can have dots in its name.
  const whole = own(record, path);
  return rawLabel(whole === undefined ? valueAt(record, path) : whole);
}

function rawLabel(value: unknown): RawLabel {
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

/** Reports whether a value is a key itself, where its id or its name was meant. It must not become a label. */
export function looksLikeKey(value: RawLabel): boolean {
  return typeof value === 'string' && /\bsk-[A-Za-z0-9_-]{16,}/.test(value);
}

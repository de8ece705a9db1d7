/**
 * Finds out what a line item of the bill is about, as far as its text says so. Known texts are `<model>, <kind>` in
 * several spellings and the names of tools; everything else is free text. A kind is known by its words, whatever their
 * order and what is between them: "cached input", "input_cached_tokens" and "batch cached input" say the same of the
 * tokens.
 */
import { measure, tokenMeasures } from './measures.ts';

/** A batch, or a service tier that has prices of its own; empty for usage at the usual price. */
export type Tier = '' | 'batch' | 'flex' | 'priority' | 'scale';

export type Line =
  /** It bills a model; a kind that is not known is undefined. */
  | { readonly is: 'model'; readonly model: string; readonly tier: Tier; readonly kind: number | undefined }
  /** It bills the calls of a tool, by its measure. */
  | { readonly is: 'tool'; readonly kind: number }
  /** It gives money back, or corrects the bill. */
  | { readonly is: 'credit' }
  /** It bills something that no usage tells of. */
  | { readonly is: 'other' };

const tiers: ReadonlyMap<string, Tier> = new Map([
  ['batch', 'batch'],
  ['flex', 'flex'],
  ['priority', 'priority'],
  ['scale', 'scale'],
  ['default', ''],
  ['standard', ''],
]);

/** Words that say nothing of the kind, and words for others. */
const silent = new Set(['tokens', 'token']);
const synonyms: ReadonlyMap<string, string> = new Map([
  ['prompt', 'input'],
  ['completion', 'output'],
  ['completions', 'output'],
  ['writes', 'write'],
]);

/** Kinds of tokens by their words, in the order of the alphabet: each as its field is named. */
const kinds: ReadonlyMap<string, number> = new Map(tokenMeasures.map((name) => [kindKey(name), measure(name)]));

const tools: readonly (readonly [words: readonly string[], measure: number])[] = [
  [['web', 'search'], measure('web_search_calls')],
  [['file', 'search'], measure('file_search_calls')],
  [['code', 'interpreter'], measure('code_interpreter_sessions')],
];

const credits = new Set(
  'credit credits adjustment adjustments refund refunds discount discounts coupon promotion grant'.split(' '),
);

/**
 * Returns what a line item is about.
 * @param isModel reports whether usage names this model
 */
export function lineOf(lineItem: string, isModel: (name: string) => boolean): Line {
  const comma = lineItem.indexOf(',');
  const model = (comma < 0 ? lineItem : lineItem.slice(0, comma)).trim();
  const { tier, kind } = kindOf(comma < 0 ? '' : lineItem.slice(comma + 1));
  // A name alone may look like a model and be something else.
  if (isModel(model) && (comma < 0 || kind !== undefined)) return { is: 'model', model, tier, kind };
  const words = new Set(wordsOf(lineItem));
  for (const [all, place] of tools) {
    if (all.every((word) => words.has(word))) return { is: 'tool', kind: place };
  }
  if (isModel(model)) return { is: 'model', model, tier, kind };
  if ([...words].some((word) => credits.has(word))) return { is: 'credit' };
  // Usage may not have been read for as long as costs have.
  return kind === undefined ? { is: 'other' } : { is: 'model', model, tier, kind };
}

/** Returns the tier that usage of this batch and service tier is billed by. */
export function tierOf(batch: string, serviceTier: string): Tier {
  return batch === 'true' ? 'batch' : (tiers.get(serviceTier) ?? '');
}

function kindOf(text: string): { readonly tier: Tier; readonly kind: number | undefined } {
  const words = wordsOf(text);
  const tier = words.flatMap((word) => tiers.get(word) ?? [])[0] ?? '';
  return { tier, kind: kinds.get(kindKey(words.filter((word) => !tiers.has(word)).join(' '))) };
}

function kindKey(text: string): string {
  const words = new Set(wordsOf(text).map((word) => synonyms.get(word) ?? word));
  for (const word of silent) words.delete(word);
  // Only input is cached.
  if (words.has('cached') || words.has('cache')) words.add('input');
  return [...words].sort().join(' ');
}

function wordsOf(text: string): readonly string[] {
  return text.toLowerCase().match(/[a-z0-9]+/g) ?? [];
}

/** The meaning of a line's quantity, by its unit: the measure, and how many of it make one; null for every kind of tokens. */
export const quantityUnits: ReadonlyMap<string, { readonly measure: number | null; readonly each: number }> = new Map([
  ['tokens', { measure: null, each: 1 }],
  ['1000_tokens', { measure: null, each: 1_000 }],
  ['images', { measure: measure('images'), each: 1 }],
  ['characters', { measure: measure('characters'), each: 1 }],
  ['duration_seconds', { measure: measure('seconds'), each: 1 }],
  ['duration_minutes', { measure: measure('seconds'), each: 60 }],
  ['duration_hours', { measure: measure('seconds'), each: 3_600 }],
]);

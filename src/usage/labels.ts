/**
 * Label values and label text: what the API sends for a dimension, made into what the text format can carry.
 * The text of a group's labels is made once, when the group is first seen.
 */
import { longestLabel, type RawLabel } from '../openai/bucket-page.ts';

/** The value of a dimension that the row leaves open. */
export const noValue = 'none';

/** The value of every dimension of the group that takes in what is past the bound on groups. */
export const foldedValue = 'other';

/** A dimension's value as a label value: never empty, well-formed Unicode, at most `longestLabel` characters. */
export function labelValue(raw: RawLabel): string {
  if (raw === null || raw === '') return noValue;
  const text = wellFormed(typeof raw === 'string' ? raw : String(raw));
  // Only text with more UTF-16 units than the bound can have more characters than it.
  return text.length <= longestLabel ? text : [...text].slice(0, longestLabel).join('');
}

const unpairedSurrogate = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g;
const anySurrogate = /[\uD800-\uDFFF]/;

/** Does what `String.prototype.toWellFormed` does, which the oldest supported Node has but its type definitions do not. */
function wellFormed(text: string): string {
  return anySurrogate.test(text) ? text.replace(unpairedSurrogate, '\uFFFD') : text;
}

const needsEscape = /[\\"\n]/;

/** Escapes a label value as the text format 0.0.4 asks: backslash, double quote and line feed. */
export function escapeLabelValue(value: string): string {
  if (!needsEscape.test(value)) return value;
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

/** `a="x",b="y"`, without braces; empty for no labels. `values` belong to `names` by position. */
export function labelText(names: readonly string[], values: readonly string[]): string {
  return names.map((name, index) => `${name}="${escapeLabelValue(values[index] ?? noValue)}"`).join(',');
}

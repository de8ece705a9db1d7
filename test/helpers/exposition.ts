/** The values of one metric in an exposition, in a form that reads well beside the expected ones. */
import { parseExposition } from './exposition-parser.ts';

/** Sums by the values of the labels `by`, or of all, joined by a space; only series that have the labels `only`. */
export function valuesOf(
  text: string,
  name: string,
  by?: readonly string[],
  only: Readonly<Record<string, string>> = {},
): Record<string, number> {
  const samples = parseExposition(text).families.get(name)?.samples ?? [];
  return Object.fromEntries(
    samples
      .filter(({ labels }) => Object.entries(only).every(([label, value]) => labels[label] === value))
      .map(({ labels, value }) => [(by ?? Object.keys(labels)).map((label) => labels[label] ?? '').join(' '), value]),
  );
}

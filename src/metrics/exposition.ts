/** Samples as lines of the text format 0.0.4. */

/** A value as the text format writes it. */
export function valueText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  if (value === Number.NEGATIVE_INFINITY) return '-Inf';
  return String(value);
}

/** One line. `fixed` and `labels` are label text without braces; either can be empty. */
export function sampleLine(name: string, fixed: string, labels: string, value: number): string {
  const both = fixed === '' || labels === '' ? fixed + labels : `${fixed},${labels}`;
  return both === '' ? `${name} ${valueText(value)}\n` : `${name}{${both}} ${valueText(value)}\n`;
}

/** Samples as lines of the text format 0.0.4. */

/** A value as the text format writes it. */
export function valueText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  if (value === Number.NEGATIVE_INFINITY) return '-Inf';
  return String(value);
}

/** Returns what makes the lines of a metric: of label text without braces, common to many or its own, and a value. */
export function lineMaker(name: string): (fixed: string, labels: string, value: number) => string {
  let before = '';
  let start = `${name}{`;
  return (fixed, labels, value) => {
    if (labels === '')
      return fixed === '' ? `${name} ${valueText(value)}\n` : `${name}{${fixed}} ${valueText(value)}\n`;
    // Most lines begin as the one before.
    if (fixed !== before) start = fixed === '' ? `${name}{` : `${name}{${fixed},`;
    before = fixed;
    const end = `} ${valueText(value)}\n`;
    return start + labels + end;
  };
}

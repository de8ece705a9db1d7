/** Parts of a page out of text, and back. */
import type { Rendered } from '../../src/metrics/section.ts';

const encoder = new TextEncoder();

/** A part that holds this text. */
export function renderedOf(text: string, more: Partial<Rendered> = {}): Rendered {
  return { plain: encoder.encode(text), series: 1, ...more };
}

export function textOf({ plain }: Pick<Rendered, 'plain'>): string {
  return Buffer.from(plain).toString();
}

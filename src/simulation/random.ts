/**
 * Numbers that look random and follow from their arguments alone: the whole organization is a function of its
 * seed, so any minute of any year can be asked for first, and every process sees the same one.
 */

/** Mixes two 32-bit integers to one; unsigned, and about even over its range. */
export function mix(a: number, b: number): number {
  let h = a ^ Math.imul(b + 0x7f4a7c15, 0x9e3779b1);
  h = Math.imul(h ^ (h >>> 16), 0x21f0aaad);
  h = Math.imul(h ^ (h >>> 15), 0x735a2d97);
  return (h ^ (h >>> 15)) >>> 0;
}

/** Returns `mix`, scaled to [0, 1). */
export function unit(a: number, b: number): number {
  return mix(a, b) / 4_294_967_296;
}

/** A 32-bit integer from any text. */
export function textHash(text: string): number {
  let h = text.length;
  for (let i = 0; i < text.length; i += 1) h = mix(h, text.charCodeAt(i));
  return h;
}

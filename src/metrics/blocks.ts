/** Cuts what is to be rendered into blocks, between which the event loop can have its turn. */
import type { AddSample, Block } from './render.ts';

/** Entries in a block. */
const stretch = 1_000;

/** Blocks for `renderFamily`: `add` is called for each entry, in order. */
export function inBlocks<T>(entries: readonly T[], addEntry: (entry: T, add: AddSample) => void): readonly Block[] {
  return rangesInBlocks(entries.length, (from, to, add) => {
    for (const entry of entries.slice(from, to)) addEntry(entry, add);
  });
}

/** The same for what is numbered from 0: `addRange` is called for what is from `from` on and before `to`. */
export function rangesInBlocks(
  count: number,
  addRange: (from: number, to: number, add: AddSample) => void,
): readonly Block[] {
  return Array.from({ length: Math.ceil(count / stretch) }, (_, block) => (add) => {
    addRange(block * stretch, Math.min(count, (block + 1) * stretch), add);
  });
}

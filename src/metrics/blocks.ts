/** Cuts what is to be rendered into blocks, between which the event loop can have its turn. */
import type { AddSample } from './render.ts';

/** Entries in a block. */
const stretch = 1_000;

/** Blocks for `renderFamily`: `add` is called for each entry, in order. */
export function inBlocks<T>(
  entries: readonly T[],
  addEntry: (entry: T, add: AddSample) => void,
): readonly ((add: AddSample) => void)[] {
  return Array.from({ length: Math.ceil(entries.length / stretch) }, (_, block) => (add: AddSample) => {
    for (const entry of entries.slice(block * stretch, (block + 1) * stretch)) addEntry(entry, add);
  });
}

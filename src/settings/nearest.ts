/** Returns what somebody may have meant: the known name that the fewest edits lead to. */

/** The nearest of `known`; undefined when none is near enough to be meant. */
export function nearest(text: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let least = Math.max(2, Math.floor(text.length / 3)) + 1;
  for (const name of known) {
    if (Math.abs(name.length - text.length) >= least) continue;
    const edits = editsBetween(text.toLowerCase(), name.toLowerCase());
    if (edits < least) {
      best = name;
      least = edits;
    }
  }
  return best;
}

/** `; did you mean …?`, or nothing. */
export function suggestion(text: string, known: readonly string[]): string {
  const name = nearest(text, known);
  return name === undefined ? '' : `; did you mean ${name}?`;
}

/** Insertions, deletions and replacements from one text to the other. */
function editsBetween(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let i = 0; i < from.length; i += 1) {
    const next = [i + 1];
    for (let j = 0; j < to.length; j += 1) {
      const replaced = (row[j] ?? 0) + (from[i] === to[j] ? 0 : 1);
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}

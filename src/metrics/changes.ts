/**
 * The one signal of change: whoever learns something notes which section of the page it is about, and the publisher
 * renders that section again. Neither knows the other.
 */

export interface Changes {
  /** Notes that something of this section changed; it will be on the page soon. */
  note(section: string): void;
  /** Reports whether something of this section changed since it was taken. */
  has(section: string): boolean;
  /** Takes what was noted of this section: it is rendered now. */
  take(section: string): void;
  /** Calls `listener` at each note, in place of the listener before. */
  listen(listener: (() => void) | undefined): void;
}

export function createChanges(): Changes {
  const noted = new Set<string>();
  let heard: (() => void) | undefined;
  return {
    note(section) {
      noted.add(section);
      heard?.();
    },
    has: (section) => noted.has(section),
    take(section) {
      noted.delete(section);
    },
    listen(listener) {
      heard = listener;
    },
  };
}

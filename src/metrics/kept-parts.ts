/** Remembers which parts were made of what, so that a part whose sources are the same is not rendered again. */
import type { Rendered } from './section.ts';

const none = new Uint8Array(0);

interface Kept {
  /** What the parts were made from; it is compared one by one, by identity. */
  readonly sources: readonly unknown[];
  /** The parts without their lines, which the publisher has handed over. */
  readonly parts: readonly Rendered[];
}

export class KeptParts {
  #before = new Map<string, Kept>();
  #now = new Map<string, Kept>();

  /** Begins a rendering. Only one that was broken off is forgotten. */
  begin(): void {
    this.#now = new Map();
  }

  /** Ends a rendering: parts that it did not ask for are forgotten. */
  end(): void {
    this.#before = this.#now;
  }

  /** The parts that this name had in the last rendering if they were made of the same sources; otherwise new ones. */
  *parts(name: string, sources: readonly unknown[], render: () => Iterable<Rendered>): Generator<Rendered> {
    const before = this.#before.get(name);
    if (before !== undefined && same(before.sources, sources)) {
      this.#now.set(name, before);
      yield* before.parts;
      return;
    }
    const parts: Rendered[] = [];
    for (const part of render()) {
      const mark = {};
      parts.push({ ...part, plain: none, mark });
      yield { ...part, mark };
    }
    this.#now.set(name, { sources, parts });
  }
}

function same(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((each, index) => each === b[index]);
}

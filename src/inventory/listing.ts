/**
 * Items of one kind by scope (a project, or the organization) and id. A read replaces what its scope had; one that
 * broke off only adds to it. Items are immutable, so a map that was handed out may be read for as long as it is needed.
 */

export class Listing<T extends { readonly id: string }> {
  /** Rises with every change, and only then. */
  version = 0;
  readonly #scopes = new Map<string, ReadonlyMap<string, T>>();
  readonly #gone: (item: T) => void;
  #all: ReadonlyMap<string, T> | undefined;

  /** @param gone told of every item that its scope no longer has */
  constructor(gone: (item: T) => void = () => {}) {
    this.#gone = gone;
  }

  /** @param complete whether the items are all that the scope has */
  take(scope: string, items: readonly T[], complete: boolean): void {
    const before = this.#scopes.get(scope);
    const after = new Map(complete ? [] : before);
    let changed = false;
    for (const item of items) {
      const known = before?.get(item.id);
      const same = known !== undefined && isSame(known, item);
      if (!same) changed = true;
      // Of two items of one id the last one counts; what has not changed is not held twice.
      after.set(item.id, same ? known : item);
    }
    if (!changed && after.size === (before?.size ?? 0)) return;
    this.#scopes.set(scope, after);
    for (const item of before?.values() ?? []) if (!after.has(item.id)) this.#gone(item);
    this.#changed();
  }

  drop(scope: string): void {
    const before = this.#scopes.get(scope);
    if (before === undefined) return;
    this.#scopes.delete(scope);
    for (const item of before.values()) this.#gone(item);
    this.#changed();
  }

  get(scope: string): ReadonlyMap<string, T> | undefined {
    return this.#scopes.get(scope);
  }

  /** Scopes in the order of their names. */
  scopes(): readonly string[] {
    return [...this.#scopes.keys()].sort();
  }

  /** Each id once; where two scopes have it, that of the first scope by name, in whatever order they were read. */
  all(): ReadonlyMap<string, T> {
    if (this.#all !== undefined) return this.#all;
    const all = new Map<string, T>();
    for (const scope of this.scopes()) {
      for (const [id, item] of this.#scopes.get(scope) ?? []) if (!all.has(id)) all.set(id, item);
    }
    this.#all = all;
    return all;
  }

  #changed(): void {
    this.version++;
    this.#all = undefined;
  }
}

/** Items are flat, texts and numbers, and those of a listing have their keys in one order. */
function isSame(a: object, b: object): boolean {
  const others = Object.entries(b);
  const entries = Object.entries(a);
  return (
    entries.length === others.length &&
    entries.every(([key, value], index) => others[index]?.[0] === key && others[index]?.[1] === value)
  );
}

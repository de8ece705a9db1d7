/** Counts how the lists of one kind went the last time they were read, as it happens: each project has one of them. */
import type { Outcome } from '../poll/attempt.ts';

export interface ListOutcome {
  /** True if all were read; undefined where none was tried, and where the key has the scope for none of them. */
  readonly up: boolean | undefined;
  /** The failure of one that was not read, a missing scope included. */
  readonly failure: Outcome['failure'];
}

export const notTried: ListOutcome = { up: undefined, failure: undefined };

export class Tally<T> {
  readonly #succeeded = new Set<T>();
  readonly #failed = new Map<T, NonNullable<Outcome['failure']>>();
  /** The number of those that failed for lack of the scope. */
  #refused = 0;

  /** A read of this one has ended. */
  note(task: T, failure: Outcome['failure']): void {
    this.forget(task);
    if (failure === undefined) {
      this.#succeeded.add(task);
      return;
    }
    this.#failed.set(task, failure);
    if (failure.reason === 'permission') this.#refused++;
  }

  /** It is not read any more. */
  forget(task: T): void {
    if (this.#failed.get(task)?.reason === 'permission') this.#refused--;
    this.#failed.delete(task);
    this.#succeeded.delete(task);
  }

  outcome(): ListOutcome {
    const [failure] = this.#failed.values();
    const onlyRefused = this.#succeeded.size === 0 && this.#refused === this.#failed.size;
    return { up: onlyRefused ? undefined : failure === undefined, failure };
  }
}

/** Work in steps: a generator that yields where it may be paused, and returns the result. */
export type Steps<T> = Generator<undefined, T>;

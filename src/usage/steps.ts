/** Work in steps: a generator that yields where it may be paused, and returns the result. */
export type Steps<T> = Generator<undefined, T>;

/** Does the work without a pause. */
export function atOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** Work in steps: a generator that yields where it may be paused, and returns the result. */
export type Steps<T> = Generator<undefined, T>;

/** Does the work, with a pause wherever it may be paused for as long as `breathe` takes. */
export async function inTurns<T>(steps: Steps<T>, breathe: () => Promise<void> | undefined): Promise<T> {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    await breathe();
  }
}

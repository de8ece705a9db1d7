/** Work that many want at once is done once for all of them. */

/** Returns a function that gives the result of `make`: of the one that is under way, if one is. */
export function createShared<T>(make: () => Promise<T>): () => Promise<T> {
  let underWay: Promise<T> | undefined;
  return () => {
    underWay ??= make().finally(() => {
      underWay = undefined;
    });
    return underWay;
  };
}

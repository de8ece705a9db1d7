/** Lets the heap grow further between two collections where the page is large. */
import { setFlagsFromString } from 'node:v8';

/** The series from which a new page makes megabytes of garbage, and up to which there is memory to hold them. */
const large = { from: 20_000, to: 200_000 };

/**
 * Returns the growth in percent after which V8 collects; 0 where that is left to V8. It favours memory, and would collect
 * three times for one new page of 100,000 series, which takes a fifth of the time until the page is there.
 */
function heapGrowth(series: number): number {
  return series >= large.from && series <= large.to ? 200 : 0;
}

/**
 * Returns a function that takes the number of series of each new page, and lets the heap grow accordingly. The first one
 * always sets the flag, which is the process's: an earlier thread may have left another value.
 */
export function createHeapGrowth(set: (flag: string) => void = setFlagsFromString): (series: number) => void {
  let now: number | undefined;
  return (series) => {
    const next = heapGrowth(series);
    if (next === now) return;
    now = next;
    set(`--heap-growing-percent=${next}`);
  };
}

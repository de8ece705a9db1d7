/** Tests what the thread of the exporter and that of the simulated organization know of each other: the time, and who waits for it. */

/** Answers that wait for the clock at once: two connections, and some that nobody waits for any more. */
const mostWaiting = 64;

export interface SharedTime {
  readonly buffer: SharedArrayBuffer;
  /** UTC milliseconds. */
  now(): number;
  set(now: number): void;
  /** Takes a place until `release`: something waits until then, UTC milliseconds. */
  wait(until: number): { release(): void };
  /** The number of those that wait for a time that has not come. */
  waiting(): number;
}

export function sharedTime(
  buffer: SharedArrayBuffer = new SharedArrayBuffer((1 + mostWaiting) * Float64Array.BYTES_PER_ELEMENT),
): SharedTime {
  const cells = new Float64Array(buffer);
  const dues = cells.subarray(1);
  const now = () => cells[0] ?? 0;
  return {
    buffer,
    now,
    set(value) {
      cells[0] = value;
    },
    wait(until) {
      const place = dues.indexOf(0);
      if (place < 0) throw new Error('Too much waits for the clock.');
      dues[place] = until;
      return {
        release() {
          dues[place] = 0;
        },
      };
    },
    waiting: () => dues.reduce((count, due) => count + Number(due > now()), 0),
  };
}

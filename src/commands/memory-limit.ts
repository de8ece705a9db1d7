/**
 * Looks at the memory limit of the container or service before anything begins: a process that reaches it is ended by the
 * system without a word, and started again, and so on.
 */

const mebibyte = 2 ** 20;
/** The least memory in which a small organization fits (docs/performance.md). */
export const leastMemory = 80 * mebibyte;
/** The least memory in which some ten thousand series fit. */
export const littleMemory = 192 * mebibyte;

/** The faults of a limit: a mistake to end with, or a warning to go on with; empty if there is none. */
export interface MemoryVerdict {
  readonly mistake?: string;
  readonly warning?: string;
}

/** @param limit in bytes; 0 or undefined if there is none */
export function judgeMemory(limit: number | undefined): MemoryVerdict {
  if (limit === undefined || limit === 0 || limit >= littleMemory) return {};
  const has = `the memory limit is ${Math.floor(limit / mebibyte)} MiB`;
  const raise = 'raise the limit (docker run --memory, resources.limits.memory, MemoryMax=)';
  if (limit < leastMemory)
    return { mistake: `${has}, and nothing fits into less than ${leastMemory / mebibyte} MiB: ${raise}` };
  return {
    warning: `${has}, which is enough for a small organization alone; if the process ends without a word, ${raise}`,
  };
}

/** Flags of V8 for a process with many threads that do the same. */
import { setFlagsFromString } from 'node:v8';

/**
 * Lets all threads optimize their code later. Each optimizes the same code anew as soon as it is warm, which was a fifth
 * of the time in which twenty organizations start. What is hot is still optimized.
 */
export function optimizeLater(): void {
  for (const flag of laterFlags(process.versions.v8)) setFlagsFromString(flag);
}

/** Returns the flags, which versions of V8 name differently; V8 complains on stderr about one that it does not know. */
export function laterFlags(version: string): readonly string[] {
  const [major] = version.split('.', 1);
  return Number(major) < 12
    ? ['--interrupt-budget=1000000']
    : ['--invocation-count-for-turbofan=30000', '--invocation-count-for-maglev=4000'];
}

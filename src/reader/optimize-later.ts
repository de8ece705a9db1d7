/** Flags of V8 for a process with many threads that do the same. */
import { setFlagsFromString } from 'node:v8';

/**
 * Lets threads that are started from now on optimize their code later. Each optimizes the same code anew as soon as it is
 * warm, which was a fifth of the time in which twenty organizations start. What is hot is still optimized.
 */
export function optimizeLater(): void {
  // Versions of V8 name this differently.
  const [version] = process.versions.v8.split('.', 1);
  const flags =
    Number(version) < 13
      ? ['--interrupt-budget=1000000']
      : ['--invocation-count-for-turbofan=30000', '--invocation-count-for-maglev=4000'];
  for (const flag of flags) setFlagsFromString(flag);
}

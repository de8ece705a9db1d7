/**
 * Tells V8 to favour a small heap; imported before all else, so that what loading leaves behind is collected, too. It
 * holds for all threads. The garbage of a poll stays resident otherwise until the next one.
 */
import { setFlagsFromString } from 'node:v8';

setFlagsFromString('--optimize-for-size');
// The code between interpreted and optimized takes three megabytes in each thread, and saves no time here.
setFlagsFromString('--no-sparkplug');
// undici parses answers in WebAssembly. Compiled once more, optimized, that would take forty megabytes for a moment.
setFlagsFromString('--no-wasm-tier-up');
setFlagsFromString('--no-wasm-dynamic-tiering');
// The young heap of a thread has one megabyte: helpers take longer to wake up than to clear it.
setFlagsFromString('--no-parallel-scavenge');
// Each thread optimizes the same code anew as soon as it is warm, which was a fifth of the time in which twenty
// organizations start. What is hot is still optimized, a little later. Versions of V8 name this differently.
const [v8 = ''] = process.versions.v8.split('.', 1);
for (const flag of Number(v8) < 13
  ? ['--interrupt-budget=1000000']
  : ['--invocation-count-for-turbofan=30000', '--invocation-count-for-maglev=4000']) {
  setFlagsFromString(flag);
}

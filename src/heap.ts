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
// Young heaps are small here: helpers take longer to wake up than to clear one.
setFlagsFromString('--no-parallel-scavenge');
// Calls within V8 would be shorter with a copy of its code in each thread, which takes two megabytes and time to load.
setFlagsFromString('--no-short-builtin-calls');

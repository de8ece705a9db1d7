/**
 * Loaded into a process before the program (`node --import`): gives it another time of day, and lets it run faster
 * than the wall, without a change to the program. TEST_CLOCK holds three numbers: the instant to begin with, how
 * many times as fast, and the wall's instant at which it began; all processes with the same three agree on the time.
 */
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { performance } from 'node:perf_hooks';

const [start = 0, speed = 1, origin = 0] = (process.env['TEST_CLOCK'] ?? '').split(' ').map(Number);
const wallNow = Date.now;
const wallMonotonic = performance.now.bind(performance);

Date.now = () => start + (wallNow() - origin) * speed;
Object.defineProperty(performance, 'now', { value: () => wallMonotonic() * speed });

const timers = createRequire(import.meta.url)('node:timers');
const wait = timers.setTimeout;
timers.setTimeout = (then, ms, ...rest) => wait(then, ms / speed, ...rest);
syncBuiltinESMExports();

/** Loaded into a process before its program: measures it, and answers each message with what was measured since the last. */
import { readFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Reading } from './messages.ts';

const delays = monitorEventLoopDelay({ resolution: 1 });
delays.enable();
let before = process.cpuUsage();

process.on('message', () => {
  const { user, system } = process.cpuUsage(before);
  before = process.cpuUsage();
  const reading: Reading = {
    longestDelay: delays.max / 1e6,
    cpu: (user + system) / 1_000,
    resident: process.memoryUsage.rss(),
    residentPeak: peak(),
  };
  delays.reset();
  process.send?.(reading);
});
// A listener alone would keep the process from ending.
process.channel?.unref();

function peak(): number {
  const kilobytes = /VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return Number(kilobytes ?? 0) * 1_024;
}

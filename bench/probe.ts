/** Loaded into a process before its program: measures it, and answers each message with what was measured since the last. */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';
import type { Reading } from './messages.ts';

// Threads of the program get what was loaded before it, too; to be measured each millisecond would cost them dearly.
if (isMainThread) measure();

function measure(): void {
  const delays = monitorEventLoopDelay({ resolution: 1 });
  delays.enable();
  let before = process.cpuUsage();

  /**
   * Nanoseconds that the main thread has been running. Others on the machine can make it wait for a processor; between
   * two ticks of a timer this tells what of a delay was its own work.
   */
  const schedule = openSync('/proc/thread-self/schedstat', 'r');
  const line = Buffer.alloc(64);
  const worked = (): number => Number(line.toString('latin1', 0, readSync(schedule, line, 0, 64, 0)).split(' ')[0]);
  process.once('exit', () => closeSync(schedule));
  let last = worked();
  let longestWork = 0;
  setInterval(() => {
    const now = worked();
    longestWork = Math.max(longestWork, now - last);
    last = now;
  }, 1).unref();

  process.on('message', () => {
    const { user, system } = process.cpuUsage(before);
    before = process.cpuUsage();
    const reading: Reading = {
      longestDelay: delays.max / 1e6,
      longestWork: longestWork / 1e6,
      cpu: (user + system) / 1_000,
      resident: process.memoryUsage.rss(),
      residentPeak: peak(),
    };
    delays.reset();
    longestWork = 0;
    process.send?.(reading);
  });
  // A listener alone would keep the process from ending.
  process.channel?.unref();
}

function peak(): number {
  const kilobytes = /VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return Number(kilobytes ?? 0) * 1_024;
}

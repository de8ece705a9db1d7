/**
 * Ends a process of which a thread hangs in the system, such as one that writes to a disk that does not answer:
 * `process.exit` would wait for that thread.
 */

/**
 * Replaces the process by one that ends with the code. Where Node cannot do that (before 22.15), the process ends by
 * the signal that it was told to end with, or else is aborted.
 */
export function leaveHanging(code: number, signal: NodeJS.Signals = 'SIGTERM'): never {
  if ('execve' in process && typeof process.execve === 'function') {
    Reflect.apply(process.execve, process, [process.execPath, [process.execPath, '-e', `process.exit(${code})`], {}]);
  }
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
  // The first process of a container is deaf to its own signals.
  process.abort();
}

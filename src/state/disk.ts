/**
 * Work on a disk that may not answer. One thing at a time is asked of it, and what takes too long is left to itself:
 * at most one thread of Node's pool hangs with it, and compression and DNS have the others.
 */
import { alarm, type Clock } from '../clock.ts';

/** The disk has not answered in time. */
export class DiskHangs extends Error {
  override readonly name = 'DiskHangs';
}

export interface Disk {
  /**
   * Does the work once what was asked before is done.
   * @param within milliseconds
   * @throws {DiskHangs} if that takes longer; work that has begun goes on by itself
   */
  run<T>(work: () => Promise<T>, within: number): Promise<T>;
  /** Reports whether something is being waited for. */
  busy(): boolean;
}

export function createDisk(clock: Pick<Clock, 'monotonic' | 'sleep'>): Disk {
  let running: Promise<void> | undefined;
  /** A write that is running has been left to itself. */
  let abandoned = false;

  /** Resolves with whether the work ended in time. */
  function inTime(work: Promise<void>, deadline: number): Promise<boolean> {
    return new Promise((resolve) => {
      const disarm = alarm(clock, Math.max(0, deadline - clock.monotonic()), () => resolve(false));
      void work.then(() => {
        disarm();
        resolve(true);
      });
    });
  }

  return {
    async run(work, within) {
      const deadline = clock.monotonic() + within;
      while (running !== undefined) {
        if (abandoned || !(await inTime(running, deadline))) throw new DiskHangs('the disk does not answer');
      }
      const result = work();
      const ended = result.then(
        () => {},
        () => {},
      );
      const settled = ended.then(() => {
        running = undefined;
        abandoned = false;
      });
      running = settled;
      if (await inTime(settled, deadline)) return await result;
      abandoned = true;
      throw new DiskHangs('the disk does not answer');
    },
    busy: () => running !== undefined,
  };
}

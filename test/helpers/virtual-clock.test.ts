import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createVirtualClock } from './virtual-clock.ts';

const start = Date.UTC(2026, 0, 31, 23, 0);
/** Milliseconds of the monotonic clock. */
const begin = createVirtualClock({ start }).monotonic();

describe('the virtual clock', () => {
  test('stands still until told to move', async () => {
    const clock = createVirtualClock({ start });
    expect([clock.now(), clock.monotonic()]).toEqual([start, begin]);
    await clock.advance(1_500);
    expect([clock.now(), clock.monotonic()]).toEqual([start + 1_500, begin + 1_500]);
    await clock.runUntil(start + 60_000);
    expect(clock.now()).toBe(start + 60_000);
    await clock.runUntil(start);
    expect(clock.now()).toBe(start + 60_000);
    expect(createVirtualClock({ start: 0 }).monotonic()).not.toBe(0);
  });

  test('wakes sleepers in order, each at its time', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 40 }), async (waits) => {
        const clock = createVirtualClock({ start });
        const woken: [number, number][] = [];
        for (const [i, ms] of waits.entries())
          void clock.sleep(ms).then(() => woken.push([clock.monotonic() - begin, i]));
        await clock.advance(60);
        const due = waits.map((ms, i): [number, number] => [ms, i]).sort(([a, i], [b, j]) => a - b || i - j);
        expect(woken).toEqual(due);
        expect(clock.sleepers).toBe(0);
      }),
      { numRuns: 50 },
    );
  });

  test('lets the program finish before time goes on: promises, ticks, immediates, files', async () => {
    const clock = createVirtualClock({ start });
    const times: number[] = [];
    const file = join(tmpdir(), `virtual-clock-${process.pid}`);
    const program = async () => {
      for (let i = 0; i < 3; i += 1) {
        await clock.sleep(1_000);
        await new Promise<void>((resolve) => process.nextTick(resolve));
        for (let turn = 0; turn < 5; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve));
        await writeFile(file, String(i));
        times.push(clock.monotonic());
      }
    };
    const done = program();
    await clock.advance(10_000);
    await done;
    expect(times).toEqual([1_000, 2_000, 3_000].map((ms) => begin + ms));
  });

  test('waits for what it cannot see, if told', async () => {
    let compressing = 0;
    const clock = createVirtualClock({ start, busy: () => compressing > 0 });
    let doneAt = 0;
    const program = async () => {
      await clock.sleep(1_000);
      compressing += 1;
      await promisify(gzip)(Buffer.alloc(2_000_000));
      compressing -= 1;
      doneAt = clock.monotonic();
    };
    void program();
    void clock.sleep(1_001);
    await clock.advance(10_000);
    expect(doneAt).toBe(begin + 1_000);
  });

  test('lets go of aborted sleepers with their reason', async () => {
    const clock = createVirtualClock({ start });
    const controller = new AbortController();
    const reason = new Error('never mind');
    const asleep = expect(clock.sleep(1_000, controller.signal)).rejects.toBe(reason);
    controller.abort(reason);
    await asleep;
    expect([clock.sleepers, clock.nextDue]).toEqual([0, undefined]);
    await expect(clock.sleep(1_000, controller.signal)).rejects.toBe(reason);
    await clock.sleep(0);
    await clock.advance(2_000);
  });

  test('steps UTC without moving sleepers', async () => {
    const clock = createVirtualClock({ start });
    let wokenAt = 0;
    void clock.sleep(1_000).then(() => {
      wokenAt = clock.monotonic();
    });
    clock.step(-3_600_000);
    expect([clock.now(), clock.monotonic()]).toEqual([start - 3_600_000, begin]);
    await clock.advance(1_000);
    expect(wokenAt).toBe(begin + 1_000);
    await clock.runUntil(start);
    expect(clock.monotonic()).toBe(begin + 3_600_000);
  });

  test('runs until a promise is settled, and no further', async () => {
    const clock = createVirtualClock({ start });
    const program = async (ms: number) => {
      await clock.sleep(ms);
      if (ms === 7) throw new Error('seven');
      return ms;
    };
    expect(await clock.settle(program(5_000))).toBe(5_000);
    expect(clock.monotonic()).toBe(begin + 5_000);
    await expect(clock.settle(program(7))).rejects.toThrow('seven');
    await expect(clock.settle(program(90_000), 60_000)).rejects.toThrow('60000');
  });

  test('runs a loop that wakes every minute through a month in no time', async () => {
    const clock = createVirtualClock({ start });
    const stop = new AbortController();
    let wakes = 0;
    const loop = (async () => {
      for (;;) {
        await clock.sleep(60_000, stop.signal);
        wakes += 1;
      }
    })().catch(() => {});
    await clock.advance(2 * 86_400_000);
    stop.abort();
    await loop;
    expect(wakes).toBe(2_880);
  });
});

import { describe, expect, test } from 'vitest';
import { alarm } from '../src/clock.ts';
import { createVirtualClock } from './helpers/virtual-clock.ts';

describe('an alarm', () => {
  test('rings once, at its time', async () => {
    const clock = createVirtualClock();
    const rung: number[] = [];
    const begin = clock.monotonic();
    alarm(clock, 1_000, () => rung.push(clock.monotonic() - begin));
    await clock.advance(999);
    expect(rung).toEqual([]);
    await clock.advance(5_000);
    expect(rung).toEqual([1_000]);
  });

  test('does not ring once it is turned off, and nobody sleeps any more', async () => {
    const clock = createVirtualClock();
    let rung = 0;
    const off = alarm(clock, 1_000, () => {
      rung += 1;
    });
    off();
    off();
    await clock.drain();
    expect(clock.sleepers).toBe(0);
    await clock.advance(5_000);
    expect(rung).toBe(0);
  });

  test('does not ring either if it is turned off when its time is up', async () => {
    let wake = () => {};
    const sleep = () =>
      new Promise<void>((resolve) => {
        wake = resolve;
      });
    let rung = 0;
    const off = alarm({ sleep }, 1_000, () => {
      rung += 1;
    });
    wake();
    off();
    await new Promise(setImmediate);
    expect(rung).toBe(0);
  });
});

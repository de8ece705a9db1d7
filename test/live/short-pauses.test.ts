/** Heaps are collected seldom while reports are many, and only then. */
import { expect, test } from 'vitest';
import { createSeldomCollection } from '../../src/live/short-pauses.ts';

/** A time that goes on when the test says so, and the flags that were set, each line at once. */
function setUp() {
  const flags: string[] = [];
  let asleep: { readonly ms: number; readonly wake: () => void } | undefined;
  const clock = {
    sleep: (ms: number) => {
      return new Promise<void>((wake) => {
        asleep = { ms, wake };
      });
    },
  };
  const handedOver = createSeldomCollection(clock, (flag) => flags.push(flag));
  return {
    handedOver,
    /** Ends the sleep; returns how long it was, and the flags that were set then. */
    async goOn() {
      const { ms, wake } = asleep ?? { ms: 0, wake: () => {} };
      asleep = undefined;
      wake();
      await new Promise<void>((resolve) => setImmediate(resolve));
      return { ms, flags: flags.splice(0) };
    },
    isAsleep: () => asleep !== undefined,
  };
}

const seldom = ['--no-optimize-for-size', '--heap-growing-percent=10', '--semi-space-growth-factor=1'];
const often = ['--optimize-for-size', '--heap-growing-percent=0', '--semi-space-growth-factor=2'];

test('few reports change nothing, and nothing is waited for after them', async () => {
  const { handedOver, goOn, isAsleep } = setUp();
  handedOver(50_000);
  handedOver(49_999);
  expect(await goOn()).toEqual({ ms: 100, flags: [] });
  expect(isAsleep()).toBe(false);
  handedOver(99_999);
  expect(await goOn()).toEqual({ ms: 100, flags: [] });
});

test('while there is a megabyte a second it is seldom, and said once; after ten quiet minutes as before', async () => {
  const { handedOver, goOn, isAsleep } = setUp();
  handedOver(100_000);
  expect(await goOn()).toEqual({ ms: 100, flags: seldom });
  for (let second = 0; second < 10; second++) handedOver(1_000_000);
  expect(await goOn()).toEqual({ ms: 10_000, flags: [] });
  for (let look = 0; look < 59; look++) {
    handedOver(9_999_999);
    expect(await goOn()).toEqual({ ms: 10_000, flags: [] });
  }
  handedOver(10_000_000);
  expect(await goOn()).toEqual({ ms: 10_000, flags: [] });
  for (let look = 0; look < 59; look++) expect(await goOn()).toEqual({ ms: 10_000, flags: [] });
  expect(await goOn()).toEqual({ ms: 10_000, flags: often });
  expect(isAsleep()).toBe(false);
  handedOver(100_000);
  expect(await goOn()).toEqual({ ms: 100, flags: seldom });
});

/** Threads that start a few at a time. */
import { expect, test } from 'vitest';
import { createStarts } from '../../src/reader/starts.ts';
import { handClock } from '../helpers/hand-clock.ts';

const longest = 1_000;

function starts(atOnce: number) {
  const clock = handClock();
  const { turn } = createStarts({ atOnce, longest, clock });
  /** Those that have had their turn, in order. */
  const begun: string[] = [];
  /** Those that waited in vain, with the reason. */
  const left: unknown[] = [];
  const ends = new Map<string, () => void>();
  const settle = async () => {
    for (let turns = 0; turns < 10; turns++) await Promise.resolve();
  };
  return {
    ...{ begun, left },
    async ask(name: string, signal = new AbortController().signal) {
      turn(signal).then(
        (end) => {
          begun.push(name);
          ends.set(name, end);
        },
        (reason: unknown) => left.push(reason),
      );
      await settle();
    },
    async end(name: string) {
      ends.get(name)?.();
      await settle();
    },
    async pass(ms: number) {
      clock.pass(ms);
      await settle();
    },
  };
}

test('as many start at once as there are turns; each that has started lets the next one start, in the order in which they asked', async () => {
  const { ask, begun, end } = starts(2);
  for (const name of ['a', 'b', 'c', 'd', 'e']) await ask(name);
  expect(begun).toEqual(['a', 'b']);
  await end('b');
  expect(begun).toEqual(['a', 'b', 'c']);
  await end('c');
  await end('a');
  expect(begun).toEqual(['a', 'b', 'c', 'd', 'e']);
});

test('one that does not get done holds up the next for a second, and then counts no longer', async () => {
  const { ask, begun, end, pass } = starts(1);
  for (const name of ['hangs', 'b', 'c']) await ask(name);
  await pass(longest - 1);
  expect(begun).toEqual(['hangs']);
  await pass(1);
  expect(begun).toEqual(['hangs', 'b']);
  // Its late end is not that of the one that starts now.
  await end('hangs');
  expect(begun).toEqual(['hangs', 'b']);
  await pass(longest);
  expect(begun).toEqual(['hangs', 'b', 'c']);
});

test('an end counts once, and its time does not run on into the turns of others', async () => {
  const { ask, begun, end, pass } = starts(1);
  for (const name of ['a', 'b', 'c']) await ask(name);
  await pass(longest / 2);
  await end('a');
  await end('a');
  expect(begun).toEqual(['a', 'b']);
  await pass(longest / 2);
  expect(begun).toEqual(['a', 'b']);
  await pass(longest / 2);
  expect(begun).toEqual(['a', 'b', 'c']);
});

test('one that is told to stop while it waits leaves the line', async () => {
  const { ask, begun, left, end } = starts(1);
  const stop = new AbortController();
  const reason = new Error('told to stop');
  await ask('a');
  await ask('b', stop.signal);
  await ask('c');
  stop.abort(reason);
  await end('a');
  expect([begun, left]).toEqual([['a', 'c'], [reason]]);
  await ask('d', stop.signal);
  expect(left).toEqual([reason, reason]);
});

test('there is room again once all have ended', async () => {
  const { ask, begun, end } = starts(1);
  await ask('a');
  await end('a');
  await ask('b');
  expect(begun).toEqual(['a', 'b']);
});

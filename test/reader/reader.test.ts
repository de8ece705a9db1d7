/** A reading thread that dies, hangs, floods or does not answer, seen from the serving thread; with real workers. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, test } from 'vitest';
import type { Clock } from '../../src/clock.ts';
import { createReader, ReaderFailed } from '../../src/reader/reader.ts';
import { StatusUnavailable } from '../../src/status.ts';
import { silentLogger } from '../helpers/silent-logger.ts';

/** Describes what a life of the thread does, in the order of lives; the last one for all further ones. */
interface Step {
  readonly page?: boolean;
  readonly ready?: boolean;
  readonly silent?: boolean;
  readonly deaf?: boolean;
  readonly floods?: number;
  readonly throws?: string;
  readonly exits?: number;
  readonly eats?: boolean;
}

const ending: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(ending.splice(0).map((end) => end()));
});

/** A clock whose time is set by hand; its sleeps are over at once, and remembered. */
function handClock() {
  const slept: number[] = [];
  const clock: Clock & { elapsed: number } = {
    elapsed: 0,
    now: () => 0,
    monotonic: () => clock.elapsed,
    async sleep(milliseconds) {
      slept.push(milliseconds);
      clock.elapsed += milliseconds;
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
  return { clock, slept };
}

function start(plan: readonly Step[], limits: Parameters<typeof createReader>[0]['limits'] = {}) {
  const lives = new SharedArrayBuffer(4);
  const { clock, slept } = handClock();
  const deaths: string[] = [];
  const lines: string[] = [];
  let restarts = 0;
  const reader = createReader({
    spawn: () =>
      new Worker(new URL('../fixtures/threads/thread.mjs', import.meta.url), {
        workerData: { lives, plan },
        resourceLimits: { maxOldGenerationSizeMb: 64 },
      }),
    clock,
    log: { ...silentLogger, error: (_, fields) => deaths.push(String(fields?.['error'])) },
    writeLine: (line) => lines.push(line),
    restarting: () => {
      restarts++;
    },
    limits,
  });
  const stop = new AbortController();
  const run = reader.run(stop.signal);
  run.catch(() => {});
  const end = async () => {
    stop.abort();
    await run.catch(() => {});
  };
  ending.push(end);
  const text = () => Buffer.concat([...reader.page.current().plain]).toString();
  const until = async (isTrue: () => boolean) => {
    while (!isTrue()) await sleep(2);
  };
  return { reader, clock, slept, deaths, lines, run, end, text, until, restarts: () => restarts };
}

describe('a reading thread', () => {
  test('shows its page and its own metrics, is ready, answers, and ends with all of its words', async () => {
    const { reader, text, until, lines, end, restarts } = start([{ ready: true }]);
    await until(reader.ready);
    expect(text()).toBe('life 1\n');
    expect(Buffer.from(reader.own()?.plain ?? []).toString()).toBe('own 1\n');
    expect(await reader.status()).toEqual({ version: 'life 1' });
    await end();
    expect(lines).toEqual(['first words of 1\n', 'last words of 1\n']);
    expect(restarts()).toBe(0);
  });

  test.each<[string, Step, RegExp]>([
    ['throws', { throws: 'broken inside' }, /broken inside/],
    ['ends by itself', { exits: 3 }, /ended with code 3/],
    ['runs out of memory', { eats: true }, /memory/],
    ['floods', { floods: 50_000 }, /sent more than 20000 messages within/],
  ])('that %s is started again after a second, its page on show and its reason in the log', async (_, step, why) => {
    const { text, until, deaths, slept, restarts } = start([step, { page: false }]);
    await until(() => restarts() === 1);
    expect(text()).toBe('life 1\n');
    expect(slept).toEqual([1_000]);
    expect(deaths).toEqual([expect.stringMatching(why)]);
  });

  test('that cannot start is tried again', async () => {
    const { until, text, restarts } = start([{ page: false, throws: 'no start' }, {}]);
    await until(() => text() === 'life 2\n');
    expect(restarts()).toBe(1);
  });

  test('that gives no sign of life is ended and started again', async () => {
    const { reader, clock, until, text, deaths } = start([{}, { page: false, ready: true }], { lookEvery: 10 });
    await until(() => text() === 'life 1\n');
    clock.elapsed += 301_000;
    await until(reader.ready);
    expect(text()).toBe('life 1\n');
    expect(deaths).toEqual([expect.stringMatching(/no sign of life for 5 minutes/)]);
  });

  test('that dies ten times within ten minutes ends the program', async () => {
    const { run, slept, restarts } = start([{ throws: 'again' }]);
    await expect(run).rejects.toThrow(ReaderFailed);
    expect(slept).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60].map((seconds) => seconds * 1_000));
    expect(restarts()).toBe(9);
  });

  test('that does not answer makes the status unavailable, and one question serves all who wait', async () => {
    const { reader, until, text } = start([{ silent: true }], { status: 50 });
    await expect(reader.status()).rejects.toThrow(StatusUnavailable);
    await until(() => text() !== '');
    const [first, second] = [reader.status(), reader.status()];
    await expect(first).rejects.toThrow(StatusUnavailable);
    await expect(second).rejects.toThrow(StatusUnavailable);
  });

  test('that does not hear that it should stop is ended', async () => {
    const { end, until, text } = start([{ deaf: true }], { stop: 50 });
    await until(() => text() !== '');
    await end();
  });

  test('that is told to stop while it starts ends', async () => {
    const { end, restarts } = start([{}]);
    await end();
    expect(restarts()).toBe(0);
  });
});

test('a thread that is told to stop as its turn comes is not started, and gives the turn back', async () => {
  const stop = new AbortController();
  const happened: string[] = [];
  const reader = createReader({
    spawn() {
      happened.push('spawned');
      throw new Error('no thread is to be had');
    },
    clock: handClock().clock,
    log: silentLogger,
    writeLine: () => {},
    restarting: () => happened.push('restarting'),
    starts: {
      async turn() {
        stop.abort();
        return () => happened.push('turn ended');
      },
    },
  });
  await reader.run(stop.signal);
  expect(happened).toEqual(['turn ended']);
});

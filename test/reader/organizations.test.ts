/** Several organizations, each with a real thread: the list is exchanged, and what goes wrong in one stays in it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, test } from 'vitest';
import { type Clock, systemClock } from '../../src/clock.ts';
import { createOrganizations } from '../../src/reader/organizations.ts';
import { createStarts, type Starts } from '../../src/reader/starts.ts';
import type { Organization } from '../../src/settings/settings.ts';
import { demoSettings } from '../helpers/demo-settings.ts';
import { handClock } from '../helpers/hand-clock.ts';

/** The things that a thread does, life by life; the last one for all further lives. */
type Plan = readonly Readonly<Record<string, unknown>>[];

const settings = demoSettings([]);
const other = demoSettings(['--poll.interval=2m']);
const sound: Plan = [{ ready: true }];

const ending: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(ending.splice(0).map((end) => end()));
});

function organization(name: string, more: Partial<Organization> = {}): Organization {
  return { name, settings, key: { from: 'file', path: `/keys/${name}` }, ...more };
}

interface StartOptions {
  readonly clock?: Clock;
  readonly starts?: Starts;
}

function start(plans: Readonly<Record<string, Plan>>, { clock = systemClock, starts }: StartOptions = {}) {
  const lives = new Map<string, SharedArrayBuffer>();
  const lines: string[] = [];
  const errors: string[] = [];
  const threads = new Set<Worker>();
  /** The settings with which each thread was started, in order. */
  const spawned: Organization['settings'][] = [];
  let failing = '';
  const at = (message: string, fields: Readonly<Record<string, unknown>> = {}) =>
    errors.push(`${fields['organization']}: ${message}`);
  const organizations = createOrganizations({
    spawn({ name, settings: own }) {
      spawned.push(own);
      if (name === failing) throw new Error('no thread is to be had');
      const counted = lives.get(name) ?? new SharedArrayBuffer(4);
      lives.set(name, counted);
      const workerData = { lives: counted, plan: plans[name] ?? sound };
      const thread = new Worker(new URL('../fixtures/threads/thread.mjs', import.meta.url), { workerData });
      threads.add(thread);
      return thread.once('exit', () => threads.delete(thread));
    },
    clock,
    log: { debug: () => {}, info: () => {}, warn: () => {}, error: at },
    writeLine: (line) => lines.push(line),
    processStart: 1_000,
    ...(starts && { starts }),
    limits: { firstPause: 1, longestPause: 2, stop: 1_000 },
  });
  const stop = new AbortController();
  const run = organizations.run(stop.signal);
  const end = async () => {
    stop.abort();
    await run;
  };
  ending.push(end);
  const reader = (name: string) => organizations.running().get(name)?.reader;
  const text = (name: string) => Buffer.concat([...(reader(name)?.page.current().plain ?? [])]).toString();
  const until = async (isTrue: () => boolean) => {
    while (!isTrue()) await sleep(2);
  };
  return {
    ...{ organizations, lines, errors, spawned, reader, text, until, end },
    /** Returns how many threads there are that have not ended. */
    threads: () => threads.size,
    livesOf: (name: string) => new Int32Array(lives.get(name) ?? new ArrayBuffer(4))[0] ?? 0,
    failAt(name: string) {
      failing = name;
    },
  };
}

describe('a list that is exchanged', () => {
  test('starts what is new, ends what is gone, starts anew what has changed, and leaves the rest alone', async () => {
    const { organizations, text, until, livesOf, lines } = start({});
    expect(organizations.apply(['a', 'b', 'c'].map((name) => organization(name)))).toEqual({
      added: ['a', 'b', 'c'],
      removed: [],
      changed: [],
    });
    await until(() => ['a', 'b', 'c'].every((name) => text(name) === 'life 1\n'));
    const kept = organizations.running().get('a');
    const changes = organizations.apply([organization('d'), organization('b', { settings: other }), organization('a')]);
    expect(changes).toEqual({ added: ['d'], removed: ['c'], changed: ['b'] });
    expect([...organizations.running().keys()]).toEqual(['d', 'b', 'a']);
    // The last page stays on show until there is another one.
    expect(text('b')).toBe('life 1\n');
    await until(() => text('b') === 'life 2\n' && text('d') === 'life 1\n');
    expect(organizations.running().get('a')).toBe(kept);
    expect([livesOf('a'), livesOf('b'), livesOf('c'), livesOf('d')]).toEqual([1, 2, 1, 1]);
    await until(() => lines.filter((line) => line === 'last words of 1\n').length === 2);
    expect(await organizations.running().get('b')?.ownText()).toContain('openai_exporter_reader_restarts_total 0');
  });

  test('starts one anew whose key has changed its place', async () => {
    const { organizations, text, until } = start({});
    organizations.apply([organization('a')]);
    await until(() => text('a') === 'life 1\n');
    const key = { from: 'variable', key: 'sk-admin-1' } as const;
    expect(organizations.apply([organization('a', { key })]).changed).toEqual(['a']);
    await until(() => text('a') === 'life 2\n');
  });

  test('starts what comes back only when what was there has ended, for they have one state file', async () => {
    const { organizations, text, until, livesOf, lines } = start({});
    organizations.apply([organization('a')]);
    await until(() => text('a') === 'life 1\n');
    organizations.apply([]);
    organizations.apply([organization('a')]);
    expect(text('a')).toBe('');
    await until(() => text('a') === 'life 2\n');
    expect(livesOf('a')).toBe(2);
    expect(lines).toEqual(['first words of 1\n', 'last words of 1\n', 'first words of 2\n']);
  });

  test('gives back the threads of what is gone; whoever reads its page reads it to the end', async () => {
    const { organizations, text, until, threads } = start({});
    organizations.apply([organization('a')]);
    await until(() => text('a') === 'life 1\n');
    expect(threads()).toBe(1);
    const names = ['b', 'c', 'd'];
    organizations.apply([organization('a'), ...names.map((name) => organization(name))]);
    await until(() => names.every((name) => text(name) === 'life 1\n'));
    expect(threads()).toBe(4);
    const page = organizations.running().get('b')?.reader.page.current();
    organizations.apply([organization('a')]);
    expect(organizations.running().get('b')).toBeUndefined();
    await until(() => threads() === 1);
    expect(Buffer.concat([...(page?.plain ?? [])]).toString()).toBe('life 1\n');
  });
});

describe('an organization', () => {
  test('whose thread dies again and again leaves the others alone, and ends nothing', async () => {
    const { organizations, text, until, livesOf, reader, errors, end } = start({ bad: [{ throws: 'broken inside' }] });
    organizations.apply([organization('bad'), organization('good')]);
    await until(() => livesOf('bad') > 10);
    expect([reader('bad')?.up(), reader('good')?.up()]).toEqual([false, true]);
    expect(text('bad')).toMatch(/^life \d+\n$/);
    expect(await reader('good')?.status()).toEqual({ version: 'life 1' });
    expect([livesOf('good'), new Set(errors)]).toEqual([
      1,
      new Set([
        'bad: the thread that reads OpenAI has died; its last page stays on show until it has been started again',
      ]),
    ]);
    expect(await organizations.running().get('bad')?.ownText()).toMatch(/reader_restarts_total \d\d/);
    await end();
  });

  test('whose thread hangs leaves the others alone, and does not hold up their end', async () => {
    const { organizations, until, reader, end } = start({ hung: [{ ready: true, spins: true }] });
    organizations.apply([organization('hung'), organization('good')]);
    await until(() => reader('good')?.ready() === true && reader('hung')?.ready() === true);
    expect(await reader('good')?.status()).toEqual({ version: 'life 1' });
    const begun = performance.now();
    await end();
    expect(performance.now() - begun).toBeLessThan(4_500);
  });

  test('for which no thread can be had is tried again', async () => {
    const { organizations, until, text, failAt, reader } = start({});
    failAt('a');
    organizations.apply([organization('a'), organization('b')]);
    await until(() => reader('a')?.up() === false && text('b') === 'life 1\n');
    failAt('');
    await until(() => text('a') === 'life 1\n');
  });

  test('is up again only once a poll has succeeded', async () => {
    const { organizations, until, reader, text } = start({ a: [{ throws: 'once' }, {}] });
    organizations.apply([organization('a')]);
    await until(() => text('a') === 'life 2\n');
    expect(reader('a')?.up()).toBe(false);
  });

  test('holds up readiness for a minute at most', async () => {
    let now = 0;
    const { organizations, until, reader } = start({ slow: [{}] }, { clock: { ...systemClock, monotonic: () => now } });
    organizations.apply([organization('slow'), organization('good')]);
    await until(() => reader('good')?.ready() === true);
    expect(organizations.ready()).toBe(false);
    now = 60_000;
    expect(organizations.ready()).toBe(true);
    organizations.apply([organization('slow'), organization('new')]);
    now = 0;
    expect(organizations.ready()).toBe(true);
  });
});

describe('threads that start in turn', () => {
  const names = ['a', 'b', 'c', 'd'];

  /** Threads start one at a time, and a turn lasts until the test lets a second pass. */
  function oneAtATime(plans: Readonly<Record<string, Plan>>) {
    const clock = handClock();
    const turns = createStarts({ atOnce: 1, longest: 1_000, clock });
    const started = start(plans, { clock: { ...systemClock, monotonic: clock.monotonic }, starts: turns });
    return { ...started, clock, shown: () => names.filter((name) => started.text(name) !== '') };
  }

  test('do so when the one before has tried every api, and all are there at last', async () => {
    const { organizations, shown, until, threads, clock } = oneAtATime({ b: [{}] });
    organizations.apply(names.map((name) => organization(name)));
    // The second one never tells that it has tried every api.
    await until(() => shown().length === 2);
    expect([shown(), threads()]).toEqual([['a', 'b'], 2]);
    clock.pass(1_000);
    await until(() => shown().length === 4);
  });

  test('wait a second at most for one that hangs', async () => {
    const { organizations, shown, until, threads, clock, livesOf } = oneAtATime({ a: [{ spins: true, page: false }] });
    organizations.apply(names.map((name) => organization(name)));
    await until(() => livesOf('a') === 1);
    clock.pass(999);
    await sleep(0);
    expect(threads()).toBe(1);
    clock.pass(1);
    await until(() => shown().length === 3);
    expect(shown()).toEqual(['b', 'c', 'd']);
  });

  test('do not wait for one that dies, or for which no thread can be had', async () => {
    const { organizations, shown, until, failAt, livesOf } = oneAtATime({ a: [{ throws: 'broken', page: false }] });
    failAt('b');
    organizations.apply(names.map((name) => organization(name)));
    await until(() => shown().length === 2);
    expect([shown(), livesOf('b')]).toEqual([['c', 'd'], 0]);
  });

  test('do not start at all if they are removed before, or all are told to end', async () => {
    const { organizations, until, shown, livesOf, errors, end } = oneAtATime({ a: [{}] });
    organizations.apply(names.map((name) => organization(name)));
    await until(() => shown().length === 1);
    organizations.apply([organization('a'), organization('d')]);
    await end();
    expect([names.map(livesOf), errors]).toEqual([[1, 0, 0, 0], []]);
  });

  test('hold up readiness for a minute from their own start', async () => {
    const { organizations, until, shown, clock } = oneAtATime({ a: [{}], b: [{}] });
    organizations.apply([organization('a'), organization('b')]);
    await until(() => shown().length === 1);
    clock.pass(60_000);
    await until(() => shown().length === 2);
    expect(organizations.ready()).toBe(false);
    clock.pass(60_000);
    expect(organizations.ready()).toBe(true);
  });

  test('keep their place if they are changed while they wait, and start with what was changed', async () => {
    const { organizations, until, shown, reader, spawned, errors, clock } = oneAtATime({ a: [{}] });
    organizations.apply(['a', 'b', 'c'].map((name) => organization(name)));
    await until(() => shown().length === 1);
    const changed = ['a', 'b', 'c'].map((name) => organization(name, name === 'b' ? { settings: other } : {}));
    expect(organizations.apply(changed).changed).toEqual(['b']);
    expect(reader('b')?.up()).toBeUndefined();
    clock.pass(1_000);
    await until(() => shown().length === 3);
    expect([spawned, errors]).toEqual([[settings, other, settings], []]);
    expect(await organizations.running().get('b')?.ownText()).toContain('openai_exporter_reader_restarts_total 0');
  });
});

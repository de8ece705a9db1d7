import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createBudget, type Priority, priorities } from '../../src/openai/request-budget.ts';
import { createVirtualClock } from '../helpers/virtual-clock.ts';

function setUp(maxPerMinute: number, maxInFlight?: number) {
  const clock = createVirtualClock();
  const budget = createBudget({ clock, maxPerMinute, ...(maxInFlight === undefined ? {} : { maxInFlight }) });
  const sends: { name: string; priority: Priority; at: number }[] = [];
  const origin = clock.monotonic();
  /** Asks, and sends for `lasting` ms once allowed. */
  const send = async (name: string, priority: Priority, lasting = 0, signal?: AbortSignal, kind = name) => {
    const release = await budget.acquire({ priority, api: name, kind }, signal);
    sends.push({ name, priority, at: clock.monotonic() - origin });
    await clock.sleep(lasting);
    release();
    release();
  };
  return { clock, budget, sends, send, origin };
}

describe('the budget', () => {
  it('has at most two in flight', async () => {
    const { clock, sends, send } = setUp(60);
    for (const name of ['a', 'b', 'c', 'd']) void send(name, 'poll', 100);
    await clock.advance(99);
    expect(sends.map(({ name }) => name)).toEqual(['a', 'b']);
    await clock.advance(1);
    expect(sends.map(({ name }) => name)).toEqual(['a', 'b', 'c', 'd']);
  });

  it('serves polls before replay before names, each in the order asked', async () => {
    const { clock, sends, send } = setUp(60, 1);
    void send('first', 'names', 10);
    void send('n1', 'names', 10);
    void send('r1', 'replay', 10);
    void send('p1', 'poll', 10);
    void send('r2', 'replay', 10);
    void send('p2', 'poll', 10);
    await clock.advance(1_000);
    expect(sends.map(({ name }) => name)).toEqual(['first', 'p1', 'p2', 'r1', 'r2', 'n1']);
  });

  it('leaves room for polls, whatever the lower classes want', async () => {
    const { clock, sends, send } = setUp(30);
    for (let i = 0; i < 40; i++) {
      void send(`r${i}`, 'replay');
      void send(`n${i}`, 'names');
    }
    await clock.advance(50_000);
    expect(sends.filter(({ priority }) => priority === 'replay')).toHaveLength(18);
    // Together two thirds; alone, names would have 10.
    expect(sends.filter(({ priority }) => priority === 'names')).toHaveLength(2);
    for (let i = 0; i < 10; i++) void send('poll', 'poll');
    await clock.advance(0);
    expect(sends.filter(({ name, at }) => name === 'poll' && at === 50_000)).toHaveLength(10);
  });

  it('gives names a third of the limit', async () => {
    for (const [limit, most] of [
      [600, 200],
      [60, 20],
      [30, 10],
      [2, 1],
    ] as const) {
      const { clock, sends, send } = setUp(limit);
      for (let i = 0; i < 400; i++) void send(`n${i}`, 'names');
      await clock.advance(60_000);
      expect(sends).toHaveLength(most);
    }
  });

  it('keeps a place for polls while a replay hangs', async () => {
    const { clock, sends, send } = setUp(60);
    void send('r1', 'replay', 1_000_000);
    void send('r2', 'replay', 1_000_000);
    void send('p1', 'poll', 10);
    void send('p2', 'poll', 10);
    await clock.advance(100);
    expect(sends.map(({ name }) => name)).toEqual(['r1', 'p1', 'p2']);
  });

  it('sends nothing before the end of a hold, and a shorter one does not cut it', async () => {
    const { clock, budget, sends, send, origin } = setUp(60);
    budget.holdUntil(origin + 5_000);
    budget.holdUntil(origin + 3_000);
    expect(budget.heldUntil('completions')).toBe(origin + 5_000);
    for (const priority of priorities) void send(priority, priority);
    await clock.advance(4_999);
    expect(sends).toEqual([]);
    budget.holdUntil(origin + 7_000);
    await clock.advance(2_000);
    expect(sends).toEqual([]);
    await clock.advance(1_000);
    expect(sends.map(({ name, at }) => [name, at])).toEqual([
      ['poll', 7_000],
      ['replay', 7_000],
      ['names', 7_000],
    ]);
    expect(clock.sleepers).toBe(0);
  });

  it('holds one kind and lets the others go, in the same class, too', async () => {
    const { clock, budget, sends, send, origin } = setUp(60);
    budget.holdUntil(origin + 5_000, 'lists');
    for (const name of ['projects', 'users']) void send(name, 'names', 0, undefined, 'lists');
    void send('completions', 'poll');
    void send('completions', 'names');
    await clock.advance(4_999);
    expect(sends.map(({ name, priority }) => [name, priority])).toEqual([
      ['completions', 'poll'],
      ['completions', 'names'],
    ]);
    expect([budget.heldUntil('lists'), budget.heldUntil('completions')]).toEqual([
      origin + 5_000,
      Number.NEGATIVE_INFINITY,
    ]);
    await clock.advance(1);
    expect(sends.slice(2).map(({ name, at }) => [name, at])).toEqual([
      ['projects', 5_000],
      ['users', 5_000],
    ]);
  });

  it('lets the lower classes come late instead of never where polls alone want more than there is', async () => {
    const { clock, sends, send } = setUp(15);
    const again = async (name: string, priority: Priority): Promise<void> => {
      for (;;) await send(name, priority, 1_000);
    };
    for (let i = 0; i < 11; i++) void again(`p${i}`, 'poll');
    for (let i = 0; i < 3; i++) void again(`r${i}`, 'replay');
    void again('n', 'names');
    await clock.advance(1_800_000);
    const of = (priority: Priority) => sends.filter((one) => one.priority === priority).length;
    expect(of('poll')).toBeGreaterThan(of('replay') + of('names'));
    expect(of('replay')).toBeGreaterThan(40);
    expect(of('names')).toBeGreaterThan(10);
  });

  it('sends hardly anything while nothing is answered, and everything at once when something is', async () => {
    const { clock, budget, sends, send, origin } = setUp(60);
    const failing = async (name: string, priority: Priority) => {
      for (;;) {
        await send(name, priority, 100);
        if (clock.monotonic() > origin + 600_000) return;
        budget.failed(name);
      }
    };
    for (const name of ['a', 'b', 'c']) void failing(name, 'poll');
    void failing('d', 'replay');
    void failing('lists', 'names');
    await clock.advance(600_000);
    const late = sends.map(({ at }) => at).filter((at) => at > 30_000);
    for (const at of late) expect(late.filter((other) => other >= at && other <= at + 60_000).length).toBeLessThan(3);
    expect(late.length).toBeGreaterThan(16);
    for (const [index, at] of late.entries()) expect(at - (late[index - 1] ?? 0)).toBeLessThan(60_500);
    // Each api may show once that it is answered; after that it is polls alone that ask.
    expect(sends.filter(({ priority }) => priority !== 'poll')).toHaveLength(2);
    expect(new Set(sends.slice(-3).map(({ name }) => name)).size).toBe(3);
    expect(budget.sparingSince()).toBeDefined();
    const sent = sends.length;
    expect(budget.answered('a')).toBe(Number.POSITIVE_INFINITY);
    expect(budget.answered('a')).toBeUndefined();
    expect(budget.sparingSince()).toBeUndefined();
    await clock.advance(1_000);
    expect(sends.length).toBeGreaterThanOrEqual(sent + 4);
    expect(budget.spared()).toBeGreaterThan(590_000);
  });

  it('asks an api that has not failed at once, although others have: they may be alone with it', async () => {
    const { clock, budget, sends, send } = setUp(60);
    for (let i = 0; i < 3; i++) {
      await send('a', 'poll');
      budget.failed('a');
    }
    void send('a', 'poll');
    void send('b', 'names');
    await clock.advance(100);
    expect(sends.slice(3).map(({ name }) => name)).toEqual(['b']);
    budget.answered('b');
    await clock.drain();
    expect(sends.slice(4).map(({ name }) => name)).toEqual(['a']);
  });

  it('lets apis that fail, or hang, take no more than one place and one turn from those that are answered', async () => {
    const { clock, budget, sends, send } = setUp(60);
    await send('good', 'poll');
    budget.answered('good');
    for (const name of ['a', 'b', 'c']) {
      await send(name, 'poll');
      budget.failed(name);
    }
    // They have failed while another was answered.
    await send('good', 'poll');
    budget.answered('good');
    for (const name of ['a', 'b', 'c']) void send(name, 'poll', 30_000);
    await clock.advance(1_000);
    for (let turn = 0; turn < 3; turn++) {
      void send('good', 'poll', 100);
      await clock.advance(1_000);
    }
    expect(sends.slice(5).map(({ name }) => name)).toEqual(['a', 'good', 'good', 'good']);
    await clock.advance(90_000);
    expect(sends.slice(9).map(({ name }) => name)).toEqual(['b', 'c']);

    // Nothing is answered, and one of them is asked all the same.
    for (const name of ['a', 'b', 'c']) budget.failed(name);
    expect(budget.sparingSince()).toBeDefined();
    await clock.advance(31_000);
    for (const name of ['a', 'b', 'new', 'good']) void send(name, 'poll');
    await clock.drain();
    expect(sends.slice(11).map(({ name }) => name)).toEqual(['a', 'new']);
    budget.answered('new');
    await clock.drain();
    expect(sends.slice(13).map(({ name }) => name)).toEqual(['b', 'good']);
  });

  it('lets an aborted request go at once and does not serve it', async () => {
    const { clock, sends, send } = setUp(1);
    const abort = new AbortController();
    void send('a', 'poll');
    const waiting = send('b', 'poll', 0, abort.signal);
    void send('c', 'poll');
    await clock.drain();
    const reason = new Error('enough');
    abort.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    await expect(send('d', 'poll', 0, abort.signal)).rejects.toBe(reason);
    await clock.advance(61_000);
    expect(sends.map(({ name }) => name)).toEqual(['a', 'c']);
  });

  it('keeps no timer when nobody waits', async () => {
    const { clock, send } = setUp(1);
    const abort = new AbortController();
    void send('a', 'poll');
    const waiting = send('b', 'poll', 0, abort.signal);
    await clock.drain();
    expect(clock.sleepers).toBe(1);
    abort.abort();
    await expect(waiting).rejects.toThrow();
    await clock.drain();
    expect(clock.sleepers).toBe(0);
  });

  it('never exceeds the limit in any minute, as seen by the other side, and serves everybody', async () => {
    const asked = fc.record({
      after: fc.integer({ min: 0, max: 20_000 }),
      priority: fc.constantFrom(...priorities),
      lasting: fc.integer({ min: 0, max: 30_000 }),
      /** The instant of its time at which the other side sees it. */
      seen: fc.double({ min: 0, max: 1, noNaN: true }),
      gaveUp: fc.option(fc.integer({ min: 0, max: 60_000 })),
    });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 12 }), fc.array(asked, { maxLength: 40 }), async (limit, all) => {
        const { clock, budget } = setUp(limit);
        const arrivals: number[] = [];
        let inFlight = 0;
        let served = 0;
        for (const { after, priority, lasting, seen, gaveUp } of all) {
          await clock.advance(after);
          const abort = new AbortController();
          if (gaveUp !== null) void clock.sleep(gaveUp).then(() => abort.abort());
          void budget.acquire({ priority, api: 'completions', kind: 'completions' }, abort.signal).then(
            async (release) => {
              served += 1;
              inFlight += 1;
              expect(inFlight).toBeLessThanOrEqual(2);
              arrivals.push(clock.monotonic() + lasting * seen);
              await clock.sleep(lasting);
              inFlight -= 1;
              release();
            },
            () => {
              served += 1;
            },
          );
        }
        await clock.advance(3_600_000 * 2);
        expect(served).toBe(all.length);
        arrivals.sort((a, b) => a - b);
        for (const [index, arrival] of arrivals.entries()) {
          const later = arrivals[index + limit];
          if (later !== undefined) expect(later - arrival).toBeGreaterThan(60_000);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('uses what it has: a full limit goes out at once, and again as soon as the minute is over', async () => {
    const { clock, sends, send } = setUp(60);
    for (let i = 0; i < 120; i++) void send(`p${i}`, 'poll');
    await clock.advance(60_000);
    expect(sends).toHaveLength(60);
    await clock.advance(250);
    expect(sends).toHaveLength(120);
  });
});

/** Tests what of the counters is remembered, and how it comes back. */
import { describe, expect, test } from 'vitest';
import { decodeState, encodeState } from '../../src/state/codec.ts';
import { createMemory, restoredOf } from '../../src/state/memory.ts';
import { minute } from '../../src/usage/windows.ts';
import { createReplica, type ReplicaOptions } from '../helpers/replica.ts';
import { seconds } from '../helpers/rows.ts';
import { type Entry, smallOrganization, used } from '../helpers/small-organization.ts';

const tenth = seconds('2026-05-10T10:30Z');

function world(entries: Entry[], more: Partial<ReplicaOptions> = {}) {
  const organization = smallOrganization(entries);
  const time = { now: tenth * 1_000 + 30_000, elapsed: 0 };
  const process = (state?: Buffer) => createReplica({ organization, time, ...more, state });
  const pass = (minutes: number) => {
    time.now += minutes * minute;
    time.elapsed += minutes * minute;
  };
  const restate = (model: string, text: string, tokens: number) =>
    organization.entries.push({ model, minute: seconds(text), tokens, known: time.now });
  return { organization, time, process, pass, restate };
}

const shownBy = (replica: ReturnType<typeof createReplica>) => Object.fromEntries(replica.round());

describe('a restart with the state file', () => {
  test('lowers no known series, and lets one that is new rise from 0', () => {
    const { process, pass, restate } = world([used('a', seconds('2026-05-09T12:00Z'), 10)]);
    const first = process();
    expect(shownBy(first)).toEqual({ a: 10 });
    pass(5);
    restate('a', '2026-05-09T12:00Z', -4);
    restate('b', '2026-05-09T12:00Z', 7);
    const second = process(first.state);
    expect(shownBy(second)).toEqual({ a: 10, b: 0 });
    expect(second.heldBack()).toBe(4);
    pass(2);
    expect(shownBy(second)).toEqual({ a: 10, b: 7 });
  });

  test('holds a zero once more that may not have been seen', () => {
    const { process, pass } = world([used('a', seconds('2026-05-10T10:16Z'), 10)]);
    const first = process();
    expect(shownBy(first)).toEqual({ a: 0 });
    pass(20);
    const second = process(first.state);
    expect(shownBy(second)).toEqual({ a: 0 });
    pass(1);
    expect(shownBy(second)).toEqual({ a: 0 });
    pass(1);
    expect(shownBy(second)).toEqual({ a: 10 });
  });

  test('again and again: a series whose usage was taken away does not come back lower', () => {
    const { process, pass, restate } = world([
      used('a', seconds('2026-05-09T12:00Z'), 10),
      used('b', seconds('2026-05-09T12:00Z'), 1),
    ]);
    const first = process();
    expect(shownBy(first)).toEqual({ a: 10, b: 1 });
    restate('a', '2026-05-09T12:00Z', -10);
    pass(5);
    const second = process(first.state);
    shownBy(second);
    // Something else changes, so the state is written anew.
    restate('b', '2026-05-09T12:01Z', 1);
    pass(70);
    shownBy(second);
    const third = process(second.state);
    shownBy(third);
    restate('a', '2026-05-09T12:00Z', 3);
    pass(70);
    expect(shownBy(third)).toEqual({ a: 10, b: 2 });
  });

  test('shows an older period’s total first, then the rollover', () => {
    const organization = smallOrganization([
      used('a', seconds('2026-05-09T12:00Z'), 10),
      used('a', seconds('2026-05-31T23:50Z'), 5),
      used('a', seconds('2026-06-01T00:00Z'), 3),
    ]);
    const time = { now: tenth * 1_000, elapsed: 0 };
    const first = createReplica({ organization, time });
    expect(shownBy(first)).toEqual({ a: 10 });
    time.now = seconds('2026-06-02T08:00Z') * 1_000;
    const second = createReplica({ organization, time, state: first.state });
    const seen: (number | undefined)[] = [];
    for (let each = 0; each < 10; each++) {
      seen.push(shownBy(second)['a']);
      time.now += minute;
      time.elapsed += minute;
    }
    expect(seen.filter((value, index) => value !== seen[index - 1])).toEqual([15, 0, 3]);
  });

  test('shows each of several missed periods in turn: no usage is lost', () => {
    const organization = smallOrganization([
      used('a', seconds('2026-05-09T12:00Z'), 10),
      used('a', seconds('2026-06-09T12:00Z'), 4),
      used('a', seconds('2026-07-01T12:00Z'), 3),
    ]);
    const time = { now: tenth * 1_000, elapsed: 0 };
    const first = createReplica({ organization, time });
    shownBy(first);
    time.now = seconds('2026-07-05T08:00Z') * 1_000;
    const second = createReplica({ organization, time, state: first.state });
    const seen: (number | undefined)[] = [];
    for (let each = 0; each < 20; each++) {
      seen.push(shownBy(second)['a']);
      time.now += minute;
      time.elapsed += minute;
    }
    expect(seen.filter((value, index) => value !== seen[index - 1])).toEqual([10, 0, 4, 0, 3]);
  });
});

describe('what is remembered', () => {
  test('is made anew only when something has changed', () => {
    const { process } = world([used('a', seconds('2026-05-09T12:00Z'), 10)]);
    const replica = process();
    shownBy(replica);
    const memory = createMemory('mine', [replica.account], undefined);
    expect(memory.changed()?.apis.map(({ api }) => api)).toEqual(['embeddings']);
    expect(memory.changed()).toBeUndefined();
  });

  test('stays what an earlier process left, until the counters of this one have been shown', () => {
    const { process, pass } = world([used('a', seconds('2026-05-09T12:00Z'), 10)]);
    const first = process();
    shownBy(first);
    const left = decodeState(first.state ?? Buffer.alloc(0));
    pass(5);
    const second = process(first.state);
    const memory = createMemory('mine', [second.account], left);
    second.poll();
    second.readHistory();
    // Its history is there, but no page has shown it; another api's page is about to be.
    expect(second.account.book).toBeDefined();
    const kept = decodeState(encodeState(memory.changed() ?? left));
    const restored = restoredOf(kept, 'embeddings');
    const group = restored?.group('model="a"');
    expect(group === undefined ? undefined : restored?.value('input_tokens', group)).toBe(10);
  });

  test('keeps the apis that this process has not shown yet', () => {
    const { process } = world([used('a', seconds('2026-05-09T12:00Z'), 10)]);
    const replica = process();
    shownBy(replica);
    const other = { api: 'images', anchor: 1, fields: ['f'], hashes: new Uint8Array(8), values: Float64Array.of(5) };
    const memory = createMemory('mine', [replica.account], { fingerprint: 'mine', apis: [other] });
    expect(memory.changed()?.apis.find(({ api }) => api === 'images')).toEqual(other);
  });
});

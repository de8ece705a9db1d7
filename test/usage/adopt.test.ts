/** Tests of what is not asked for once more: buckets that polls have read, taken over by the ledger of the counters. */
import { describe, expect, test } from 'vitest';
import type { Width } from '../../src/openai/catalogue.ts';
import { adopted, canAdopt } from '../../src/usage/adopt.ts';
import { collectBucket } from '../../src/usage/bucket.ts';
import { Ledger } from '../../src/usage/ledger.ts';
import { createReplica } from '../helpers/replica.ts';
import { endpointNamed, type Row, rawBucket, seconds } from '../helpers/rows.ts';
import { smallOrganization, used } from '../helpers/small-organization.ts';

const now = seconds('2026-06-15T10:00Z') * 1_000 + 30_000;
const minute = seconds('2026-06-15T09:30Z');

function newLedger({ api = 'completions', dimensions = ['model'], maxGroups = 100 } = {}): Ledger {
  const endpoint = api === 'costs' ? endpointNamed('costs') : endpointNamed('completions');
  return new Ledger({ endpoint, dimensions, maxGroups, anchor: minute, clock: { now: () => now } });
}

function put(ledger: Ledger, width: Width, start: number, rows: readonly Row[]) {
  const bucket = collectBucket(rawBucket(width, start, rows), width, now, 900_000, ledger.groups, ledger.fields);
  if (bucket === undefined) throw new Error('not a whole bucket');
  ledger.put(bucket);
}

const row = (model: string, fields: Row['fields']): Row => ({ labels: [model], fields });

/** What a ledger holds of a bucket, in words. */
function read({ buckets, groups, fields }: Ledger, start: number): Record<string, Record<string, number>> {
  const bucket = buckets.get('1m', start);
  const values: Record<string, Record<string, number>> = {};
  for (const [slot, group] of (bucket?.groups ?? []).entries()) {
    const own: Record<string, number> = {};
    for (const [field, column] of bucket?.numbers ?? [])
      own[fields.all[field]?.name ?? '?'] = column[slot] ?? Number.NaN;
    values[groups.values(group).join()] = own;
  }
  return values;
}

describe('buckets of another ledger', () => {
  test('have its groups and fields by their names, not by their numbers', () => {
    const from = newLedger();
    put(from, '1m', minute, [row('a', { input_tokens: 1, sparkles: 5 }), row('b', { input_tokens: 2, glitter: 6 })]);
    const into = newLedger();
    put(into, '1m', minute - 60, [row('c', { glitter: 1 }), row('b', { sparkles: 1 })]);
    expect(canAdopt(from, into)).toBe(true);
    const [bucket] = adopted([...from.buckets.between('1m', minute, minute + 60)], from, into);
    if (bucket === undefined) throw new Error('no bucket');
    into.put(bucket);
    expect(read(into, minute)).toEqual(read(from, minute));
    expect(read(into, minute)).toEqual({
      a: { input_tokens: 1, sparkles: 5, glitter: Number.NaN },
      b: { input_tokens: 2, sparkles: Number.NaN, glitter: 6 },
    });
  });

  test('are left out where rows were refused, or a field has no room; no other field takes any', () => {
    const from = newLedger();
    const raw = rawBucket('1m', minute, [row('a', { input_tokens: 1 }), row('b', { input_tokens: 2 })]);
    const odd = collectBucket(
      { ...raw, malformedRows: 1, refused: [['b']] },
      '1m',
      now,
      900_000,
      from.groups,
      from.fields,
    );
    if (odd === undefined) throw new Error('not a whole bucket');
    expect(adopted([odd], from, newLedger())).toEqual([]);

    for (let each = 0; each < 64; each++) put(from, '1m', minute + 60, [row('a', { [`old_${each}`]: 1 })]);
    put(from, '1m', minute, [row('a', { old_0: 1 })]);
    const into = newLedger();
    const found = [...from.buckets.between('1m', minute, minute + 60)];
    expect(canAdopt(from, into)).toBe(true);
    expect(adopted(found, from, into)).toHaveLength(1);
    expect(into.fields.all.length - into.fields.known).toBe(1);
    const full = newLedger();
    for (let each = 0; each < 64; each++) full.fields.index(`own_${each}`);
    expect(adopted(found, from, full)).toEqual([]);
  });

  test('are not taken where groups are told apart otherwise, were folded, or would be, nor where units have groups', () => {
    const from = newLedger();
    put(from, '1m', minute, [row('a', { input_tokens: 1 }), row('b', { input_tokens: 2 })]);
    expect(canAdopt(from, newLedger())).toBe(true);
    expect(canAdopt(from, newLedger({ dimensions: ['project_id'] }))).toBe(false);
    expect(canAdopt(from, newLedger({ dimensions: [] }))).toBe(false);
    expect(canAdopt(from, newLedger({ maxGroups: 2 }))).toBe(true);
    expect(canAdopt(from, newLedger({ maxGroups: 1 }))).toBe(false);
    const folding = newLedger({ maxGroups: 1 });
    put(folding, '1m', minute, [row('a', { input_tokens: 1 }), row('b', { input_tokens: 2 })]);
    expect(canAdopt(folding, newLedger())).toBe(false);
    expect(canAdopt(newLedger({ api: 'costs' }), newLedger({ api: 'costs' }))).toBe(false);
  });
});

describe('an account at its first start', () => {
  const entries = [
    used('a', seconds('2026-06-03T12:00Z'), 100),
    used('b', seconds('2026-06-15T09:40Z'), 7),
    used('a', seconds('2026-06-15T09:58Z'), 5),
  ];
  const time = () => ({ now, elapsed: 5_000 });
  const widths = (replica: ReturnType<typeof createReplica>) =>
    replica.account.history(now).spans.map(({ width }) => width);

  test('asks for days and hours alone, once it has polled', () => {
    const replica = createReplica({ organization: smallOrganization(entries), time: time() });
    replica.poll();
    // The last is the hours that are polled as well, as they are now.
    expect(widths(replica)).toEqual(['1d', '1h', '1h']);
    replica.readHistory();
    // What was polled has come over, and all is shown at once.
    expect(replica.show()).toEqual(
      new Map([
        ['a', 100],
        ['b', 7],
      ]),
    );
    const fresh = createReplica({ organization: smallOrganization(entries), time: time() });
    fresh.readHistory();
    expect(widths(fresh)).toEqual(['1m']);
  });

  test('asks for the one minute that has settled since, and not for those before it', () => {
    const later = { now, elapsed: 5_000 };
    const replica = createReplica({ organization: smallOrganization(entries), time: later });
    replica.poll();
    later.now += 40_000;
    replica.readHistory();
    const [minutes] = replica.account.history(later.now).spans.filter(({ width }) => width === '1m');
    expect(minutes?.from).toBe(seconds('2026-06-15T09:45Z'));
  });

  test('asks for minutes itself where groups may be folded, so that the oldest keep their names', () => {
    const replica = createReplica({ organization: smallOrganization(entries), time: time(), maxGroups: 1 });
    replica.poll();
    replica.readHistory();
    expect(widths(replica)).toEqual(['1m']);
    replica.readHistory();
    expect(replica.show()).toEqual(
      new Map([
        ['a', 100],
        ['other', 7],
      ]),
    );
  });
});

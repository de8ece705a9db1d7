/** Tells which buckets the gauges show, in which state, and what each group reads. */
import { describe, expect, test } from 'vitest';
import { type Width, widthSeconds } from '../../src/openai/catalogue.ts';
import { collectBucket } from '../../src/usage/bucket.ts';
import { Ledger } from '../../src/usage/ledger.ts';
import { type Recent, recent, samplesOf } from '../../src/usage/recent.ts';
import { settleDelayOf } from '../../src/usage/settle.ts';
import { day, hour, minute } from '../../src/usage/windows.ts';
import { endpointNamed, type Row, rawBucket, seconds } from '../helpers/rows.ts';

const settleDelay = 15 * minute;
const at = (text: string) => seconds(text) * 1_000;

/** Rows of a bucket: groups by name, with the value of the first field, or all fields. */
type Rows = Readonly<Record<string, number | Row['fields']>>;

function world(api = 'completions', dimensions: readonly string[] = ['model']) {
  const endpoint = endpointNamed(api);
  const ledger = new Ledger({ endpoint, dimensions, maxGroups: 100, anchor: 0, clock: { now: () => 0 } });
  const costs = api === 'costs';
  const options = { endpoint, settleDelay, interval: () => (costs ? 10 * minute : minute) };
  const first = endpoint.fields[0]?.name ?? '';
  return {
    ledger,
    /** Reads a bucket at a time. */
    read(width: Width, start: string, readAt: string, rows: Rows, units?: Row['units']) {
      const begin = seconds(start);
      const raw = rawBucket(
        width,
        begin,
        Object.entries(rows).map(([model, fields]) => ({
          labels: dimensions.map(() => model),
          fields: typeof fields === 'number' ? { [first]: costs ? String(fields) : fields } : fields,
          ...(units === undefined ? {} : { units }),
        })),
      );
      const delay = settleDelayOf(endpoint, settleDelay);
      const bucket = collectBucket(raw, width, at(readAt), delay, ledger.groups, ledger.fields);
      if (bucket !== undefined) ledger.put(bucket);
    },
    shownAt: (now: string): Recent => recent(options, (width, start) => ledger.buckets.get(width, start), at(now)),
    /** `width state group value` of a field. */
    samples(now: string, field = first): string[] {
      const index = ledger.fields.all.findIndex(({ name }) => name === field);
      const definition = ledger.fields.all[index];
      const lines: string[] = [];
      if (definition === undefined) return lines;
      for (const shown of recent(options, (width, start) => ledger.buckets.get(width, start), at(now)).shown) {
        samplesOf(ledger, definition, index, shown, (group, value) => {
          lines.push(`${shown.width} ${shown.state} ${ledger.groups.values(group)[0]} ${value}`);
        });
      }
      return lines.sort();
    },
  };
}

const states = ({ shown }: Recent) =>
  shown.map(
    ({ width, state, bucket }) => `${width} ${state} ${new Date(bucket.start * 1_000).toISOString().slice(8, 16)}`,
  );

/** A world that read all minutes and hours of an hour and more until `now`, each with the group `a`. */
function busy(now: string) {
  const it = world();
  const end = at(now);
  for (let start = end - 3 * hour; start <= end; start += minute) {
    const text = new Date(Math.floor(start / minute) * minute).toISOString();
    it.read('1m', text, now, { a: 1 });
    if (Math.floor(start / minute) % 60 === 0) it.read('1h', text, now, { a: 60 });
  }
  return it;
}

describe('states', () => {
  test.each<[string, string[]]>([
    [
      '2026-11-20T09:07:30Z',
      ['1m settled 20T08:51', '1h settled 20T07:00', '1h settling 20T08:00', '1h open 20T09:00'],
    ],
    [
      '2026-11-20T09:14:59Z',
      ['1m settled 20T08:58', '1h settled 20T07:00', '1h settling 20T08:00', '1h open 20T09:00'],
    ],
    ['2026-11-20T09:15:00Z', ['1m settled 20T08:59', '1h settled 20T08:00', '1h open 20T09:00']],
    [
      '2026-11-20T10:00:00Z',
      ['1m settled 20T09:44', '1h settled 20T08:00', '1h settling 20T09:00', '1h open 20T10:00'],
    ],
    [
      '2026-12-01T00:05:00Z',
      ['1m settled 30T23:49', '1h settled 30T22:00', '1h settling 30T23:00', '1h open 01T00:00'],
    ],
  ])('of usage at %s', (now, expected) => {
    expect(states(busy(now).shownAt(now))).toEqual(expected);
  });

  test('of costs: today so far, yesterday, the newest settled day', () => {
    const it = world('costs', ['project_id']);
    for (const start of ['2026-11-17', '2026-11-18', '2026-11-19', '2026-11-20']) {
      it.read('1d', `${start}T00:00Z`, '2026-11-20T09:07Z', { a: 1 }, { amount_value: 'usd' });
    }
    expect(states(it.shownAt('2026-11-20T09:07Z'))).toEqual([
      '1d settled 18T00:00',
      '1d settling 19T00:00',
      '1d open 20T00:00',
    ]);
  });

  test('an open bucket is gone at its end, to the millisecond, whether anything is read or not', () => {
    const it = busy('2026-11-20T09:59:00Z');
    const before = it.shownAt('2026-11-20T09:59:59.999Z');
    expect(states(before)).toContain('1h open 20T09:00');
    expect(before.until).toBe(at('2026-11-20T10:00Z'));
    const after = states(it.shownAt('2026-11-20T10:00Z'));
    expect(after.filter((state) => state.includes('open'))).toEqual([]);
    expect(after).toContain('1h settling 20T09:00');
  });

  test('nothing read is nothing shown', () => {
    expect(world().shownAt('2026-11-20T09:07Z').shown).toEqual([]);
  });
});

describe('a bucket that could not be renewed', () => {
  // Everything was read at 09:07, then nothing any more.
  const it = busy('2026-11-20T09:07:00Z');
  const shown = (now: string) => states(it.shownAt(now)).map((state) => state.split(' 20T')[0]);

  test.each<[string, string, boolean, string]>([
    // It settled at 09:07 and is replaced by the next a minute later, read within a minute of interval.
    ['1m settled', '2026-11-20T10:08:59Z', true, 'an hour past its normal age'],
    ['1m settled', '2026-11-20T10:09:01Z', false, 'an hour past its normal age'],
    // Settled at 08:15, to be replaced at 09:15.
    ['1h settled', '2026-11-20T10:15:59Z', true, 'an hour past its normal age'],
    ['1h settled', '2026-11-20T10:16:01Z', false, 'an hour past its normal age'],
    // Read again each minute.
    ['1h settling', '2026-11-20T10:07:59Z', true, 'an hour after its next reading was due'],
    ['1h settling', '2026-11-20T10:08:01Z', false, 'an hour after its next reading was due'],
    ['1h open', '2026-11-20T09:59:59Z', true, 'its end'],
    ['1h open', '2026-11-20T10:00:00Z', false, 'its end'],
  ])('%s at %s: shown %s', (state, now, expected) => {
    expect(shown(now).includes(state)).toBe(expected);
  });

  test('says beforehand when it will go', () => {
    let now = at('2026-11-20T09:07:00Z');
    const seen: string[] = [];
    for (let turn = 0; turn < 10; turn++) {
      const { shown: current, until } = it.shownAt(new Date(now).toISOString());
      seen.push(current.map(({ width, state }) => `${width} ${state}`).join(', '));
      if (until === Number.POSITIVE_INFINITY) break;
      expect(until).toBeGreaterThan(now);
      now = until;
    }
    expect(seen.at(-1)).toBe('');
    expect(seen.length).toBeGreaterThan(2);
  });

  test('of costs: an hour past the day and the interval', () => {
    const costs = world('costs', ['project_id']);
    for (const start of ['2026-11-18', '2026-11-19', '2026-11-20']) {
      costs.read('1d', `${start}T00:00Z`, '2026-11-20T09:00Z', { a: 1 }, { amount_value: 'usd' });
    }
    // Today and yesterday are renewed every ten minutes.
    expect(states(costs.shownAt('2026-11-20T10:09Z'))).toHaveLength(3);
    expect(states(costs.shownAt('2026-11-20T10:11Z'))).toEqual(['1d settled 18T00:00']);
    // The 19th settles at midnight, and takes its place with the first reading after that.
    expect(states(costs.shownAt('2026-11-21T01:09Z'))).toEqual(['1d settled 18T00:00']);
    expect(states(costs.shownAt('2026-11-21T01:11Z'))).toEqual([]);
  });
});

describe('a group that is not in the shown bucket', () => {
  test('reads 0 if it was in one of the 60 minutes before', () => {
    const it = world();
    const now = '2026-11-20T09:07Z';
    it.read('1m', '2026-11-20T08:51Z', now, { a: 5 });
    it.read('1m', '2026-11-20T08:50Z', now, { b: 5 });
    it.read('1m', '2026-11-20T07:51Z', now, { oldest: 5 });
    it.read('1m', '2026-11-20T07:50Z', now, { tooOld: 5 });
    expect(it.samples(now)).toEqual(['1m settled a 5', '1m settled b 0', '1m settled oldest 0']);
  });

  test('reads 0 if it was in the hour, or the day, before', () => {
    const it = world();
    const now = '2026-11-20T09:20Z';
    it.read('1h', '2026-11-20T06:00Z', now, { tooOld: 1 });
    it.read('1h', '2026-11-20T07:00Z', now, { before: 1 });
    it.read('1h', '2026-11-20T08:00Z', now, { settled: 1 });
    it.read('1h', '2026-11-20T09:00Z', now, { open: 1 });
    expect(it.samples(now)).toEqual([
      '1h open open 1',
      '1h open settled 0',
      '1h settled before 0',
      '1h settled settled 1',
    ]);
    const costs = world('costs', ['project_id']);
    costs.read('1d', '2026-11-18T00:00Z', now, { tooOld: 1 }, { amount_value: 'usd' });
    costs.read('1d', '2026-11-19T00:00Z', now, { yesterday: 1 }, { amount_value: 'usd' });
    costs.read('1d', '2026-11-20T00:00Z', now, { today: 1 }, { amount_value: 'usd' });
    expect(costs.samples(now).filter((line) => line.includes('open'))).toEqual([
      '1d open today 1',
      '1d open yesterday 0',
    ]);
  });

  test('is absent if it is a level, or a field that the catalogue does not know', () => {
    const now = '2026-11-20T09:07Z';
    const stores = world('vector_stores', ['project_id']);
    stores.read('1m', '2026-11-20T08:51Z', now, { a: 5 });
    stores.read('1m', '2026-11-20T08:50Z', now, { b: 5 });
    expect(stores.samples(now)).toEqual(['1m settled a 5']);
    const it = world();
    it.read('1m', '2026-11-20T08:51Z', now, { a: { new_field: 1 } });
    it.read('1m', '2026-11-20T08:50Z', now, { b: { new_field: 1 } });
    expect(it.samples(now, 'new_field')).toEqual(['1m settled a 1']);
  });

  test('an empty bucket is one in which nobody used anything', () => {
    const it = world();
    const now = '2026-11-20T09:07Z';
    it.read('1m', '2026-11-20T08:51Z', now, {});
    it.read('1m', '2026-11-20T08:50Z', now, { b: 5 });
    expect(it.samples(now)).toEqual(['1m settled b 0']);
  });
});

describe('a field', () => {
  const now = '2026-11-20T09:07Z';

  test('that is missing from a row that is present is absent, though it was there before', () => {
    const it = world();
    it.read('1m', '2026-11-20T08:50Z', now, { a: { input_tokens: 1, output_audio_tokens: 7 } });
    it.read('1m', '2026-11-20T08:51Z', now, { a: { input_tokens: 2 } });
    expect(it.samples(now, 'input_tokens')).toEqual(['1m settled a 2']);
    expect(it.samples(now, 'output_audio_tokens')).toEqual([]);
  });

  test('that was only ever 0 has no series', () => {
    const it = world();
    it.read('1m', '2026-11-20T08:50Z', now, { a: { input_tokens: 1, output_audio_tokens: 0 } });
    it.read('1m', '2026-11-20T08:51Z', now, { a: { input_tokens: 2, output_audio_tokens: 0 } });
    expect(it.samples(now, 'output_audio_tokens')).toEqual([]);
  });

  test('that was something once reads its explicit 0', () => {
    const it = world();
    it.read('1h', '2026-11-20T07:00Z', now, { a: { input_tokens: 1, output_audio_tokens: 7 } });
    it.read('1m', '2026-11-20T08:51Z', now, { a: { input_tokens: 2, output_audio_tokens: 0 } });
    expect(it.samples(now, 'output_audio_tokens')).toEqual(['1h settled a 7', '1m settled a 0']);
  });

  test('of a group is read when the group comes as several rows of the bucket', () => {
    const it = world('costs', ['project_id']);
    it.read(
      '1d',
      '2026-11-18T00:00Z',
      now,
      { a: { amount_value: '0.1', quantity: 3 } },
      { amount_value: 'usd', quantity: null },
    );
    expect(it.samples(now, 'amount_value')).toEqual(['1d settled a 0.1']);
    expect(it.samples(now, 'quantity')).toEqual(['1d settled a 3']);
  });

  test('of money that fell below 0 is shown as it is', () => {
    const it = world('costs', ['project_id']);
    it.read('1d', '2026-11-18T00:00Z', now, { a: -1.5 }, { amount_value: 'usd' });
    expect(it.samples(now)).toEqual(['1d settled a -1.5']);
  });
});

test('widths are what they are called', () => {
  expect(widthSeconds).toEqual({ '1m': minute / 1_000, '1h': hour / 1_000, '1d': day / 1_000 });
});

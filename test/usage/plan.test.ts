/** Tests what is read next, as a table: it follows from what is known and the time. */
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { type Width, widthSeconds } from '../../src/openai/catalogue.ts';
import { collectBucket } from '../../src/usage/bucket.ts';
import { FieldTable } from '../../src/usage/fields.ts';
import { GroupTable } from '../../src/usage/groups.ts';
import { type Held, historySpans, type PlanOptions, pollSpans, type Span } from '../../src/usage/plan.ts';
import { settleDelayOf } from '../../src/usage/settle.ts';
import { day, hour, minute } from '../../src/usage/windows.ts';
import { endpointNamed, rawBucket, seconds } from '../helpers/rows.ts';
import { propertyRuns, propertyTimeout } from '../helpers/runs.ts';

vi.setConfig({ testTimeout: propertyTimeout });

const at = (text: string) => seconds(text) * 1_000;

function options(api: string): PlanOptions {
  return { endpoint: endpointNamed(api), settleDelay: 15 * minute, offset: 0 };
}

const usage = options('completions');
const costs = options('costs');
const nothing: Held = () => undefined;

/** Returns what a process knows that read everything each minute (costs: every ten) from `since` to `to`. */
function readSince(plan: PlanOptions, since: number, to: number, every = minute): Held {
  const groups = new GroupTable([], 1);
  const fields = new FieldTable(plan.endpoint);
  const delay = settleDelayOf(plan.endpoint, plan.settleDelay);
  return (width: Width, start: number) => {
    const end = (start + widthSeconds[width]) * 1_000;
    // Read at each poll until it had settled, and hours and days when they were due.
    const last = Math.floor(to / every) * every;
    const settledAt = Math.ceil((end + delay) / every) * every;
    const periodic = width === '1m' ? settledAt : Math.max(settledAt, last);
    const readAt = Math.min(periodic, last);
    if (readAt < since || readAt < start * 1_000) return undefined;
    return collectBucket(rawBucket(width, start, []), width, readAt, delay, groups, fields);
  };
}

const clockTime = (start: number) => new Date(start * 1_000).toISOString().slice(5, 16).replace('T', ' ');
const spansText = (spans: readonly Span[]) =>
  spans.map(({ width, from, to }) => `${width} ${clockTime(from)} – ${clockTime(to)}`);

describe('a poll reads', () => {
  test('at the start: what the gauges show and look back to', () => {
    expect(spansText(pollSpans(usage, nothing, at('2026-11-20T09:07Z')))).toEqual([
      // The newest minute that can have settled is 08:51; an hour of minutes before it.
      '1m 11-20 07:51 – 11-20 09:08',
      // Of the hours, 07 has settled; one before it.
      '1h 11-20 06:00 – 11-20 10:00',
    ]);
    expect(spansText(pollSpans(costs, nothing, at('2026-11-20T09:07Z')))).toEqual(['1d 11-17 00:00 – 11-21 00:00']);
  });

  const known = (now: number, ago: number) => readSince(usage, now - 3 * hour - ago, now - ago);

  test.each<[string, string, number, string[]]>([
    ['a minute later', '09:07', minute, ['1m 11-20 08:51 – 11-20 09:08', '1h 11-20 08:00 – 11-20 10:00']],
    ['just before an hour settles', '09:14', minute, ['1m 11-20 08:58 – 11-20 09:15', '1h 11-20 08:00 – 11-20 10:00']],
    ['when an hour settles', '09:15', minute, ['1m 11-20 08:59 – 11-20 09:16', '1h 11-20 08:00 – 11-20 10:00']],
    ['after that', '09:16', minute, ['1m 11-20 09:00 – 11-20 09:17', '1h 11-20 09:00 – 11-20 10:00']],
    [
      'ten minutes of outage later',
      '09:27',
      10 * minute,
      ['1m 11-20 09:02 – 11-20 09:28', '1h 11-20 09:00 – 11-20 10:00'],
    ],
    ['hours of outage later', '14:07', 5 * hour, ['1m 11-20 12:51 – 11-20 14:08', '1h 11-20 11:00 – 11-20 15:00']],
  ])('%s: open and settling buckets, and what was missed', (_, time, ago, spans) => {
    const now = at(`2026-11-20T${time}Z`);
    expect(spansText(pollSpans(usage, known(now, ago), now))).toEqual(spans);
  });

  test('days of outage later: as at the start, the rest is history’s', () => {
    const now = at('2026-11-23T09:07Z');
    expect(pollSpans(usage, known(now, 3 * day), now)).toEqual(pollSpans(usage, nothing, now));
  });

  test('at midnight, and on the first: across it', () => {
    const now = at('2026-12-01T00:05Z');
    expect(spansText(pollSpans(usage, known(now, minute), now))).toEqual([
      '1m 11-30 23:49 – 12-01 00:06',
      '1h 11-30 23:00 – 12-01 01:00',
    ]);
    expect(spansText(pollSpans(costs, readSince(costs, now - 9 * day, now - minute), now))).toEqual([
      '1d 11-30 00:00 – 12-02 00:00',
    ]);
  });

  test('after the clock was put back: everything again that was read in what is the future now', () => {
    const wrong = at('2026-11-20T12:30Z');
    const right = at('2026-11-20T09:07Z');
    expect(pollSpans(usage, readSince(usage, wrong - 3 * hour, wrong), right)).toEqual(
      pollSpans(usage, nothing, right),
    );
  });

  test('nothing that is final, and never a gap to the present', () => {
    const anyTime = fc.integer({ min: at('2026-11-01T00:00Z'), max: at('2027-03-02T00:00Z') });
    fc.assert(
      fc.property(anyTime, fc.integer({ min: 0, max: 3 * day }), fc.constantFrom(usage, costs), (now, ago, plan) => {
        const held = readSince(plan, now - ago - 6 * day, now - ago);
        for (const { width, from, to } of pollSpans(plan, held, now)) {
          expect(from % widthSeconds[width]).toBe(0);
          expect(to % widthSeconds[width]).toBe(0);
          expect(to * 1_000).toBeGreaterThan(now);
          expect((to - widthSeconds[width]) * 1_000).toBeLessThanOrEqual(now);
          const first = held(width, from);
          const open = from === to - widthSeconds[width];
          expect(open || first?.settled !== true).toBe(true);
        }
      }),
      { numRuns: propertyRuns },
    );
  });
});

describe('the history reads', () => {
  const anchor = seconds('2026-11-01T00:00Z');

  test('at the start: whole days since the anchor, and the settled hours of the last 24', () => {
    expect(spansText(historySpans(usage, nothing, anchor, at('2026-11-20T09:07Z')))).toEqual([
      '1d 11-01 00:00 – 11-20 00:00',
      '1h 11-19 09:00 – 11-20 08:00',
    ]);
  });

  test('hours before the running day for show alone: with its own in one request, and never by themselves', () => {
    const hours = (held: Held, now: string) =>
      spansText(historySpans(usage, held, anchor, at(now))).filter((text) => text.startsWith('1h'));
    const all = readSince(usage, 0, at('2026-11-20T09:07Z'), 1);
    const without =
      (...missing: string[]): Held =>
      (width, start) =>
        width === '1h' && missing.some((each) => seconds(each) === start) ? undefined : all(width, start);
    // One that the API does not return: nothing is due because of it.
    const one = without('2026-11-19T20:00Z');
    expect(hours(one, '2026-11-20T09:07Z')).toEqual([]);
    expect(hours(one, '2026-11-20T09:15Z')).toEqual(['1h 11-19 20:00 – 11-20 09:00']);
    expect(hours(one, '2026-11-20T20:59Z')).toEqual(['1h 11-19 20:00 – 11-20 20:00']);
    // It is not one of the last 24 any more.
    expect(hours(one, '2026-11-20T21:15Z')).toEqual(['1h 11-20 00:00 – 11-20 21:00']);
    // An hour of the running day alone brings none of them.
    const both = without('2026-11-19T20:00Z', '2026-11-20T07:00Z');
    expect(hours(both, '2026-11-20T09:07Z')).toEqual(['1h 11-20 07:00 – 11-20 08:00']);
    // Known elsewhere.
    const due = historySpans(usage, one, anchor, at('2026-11-20T09:15Z'), () => true);
    expect(spansText(due)).toContain('1h 11-20 00:00 – 11-20 09:00');
    expect(hours(nothing, '2026-11-20T00:20Z')).toEqual([]);
  });

  test('before yesterday has settled: its hours', () => {
    expect(spansText(historySpans(usage, nothing, anchor, at('2026-11-20T00:14Z')))).toEqual([
      '1d 11-01 00:00 – 11-19 00:00',
      '1h 11-19 00:00 – 11-19 23:00',
    ]);
    expect(spansText(historySpans(usage, nothing, anchor, at('2026-11-20T00:15Z')))).toEqual([
      '1d 11-01 00:00 – 11-20 00:00',
    ]);
  });

  test('on the first: nothing of the month before', () => {
    const first = seconds('2026-12-01T00:00Z');
    expect(spansText(historySpans(usage, nothing, first, at('2026-12-01T00:20Z')))).toEqual([]);
    expect(spansText(historySpans(usage, nothing, first, at('2026-12-01T09:15Z')))).toEqual([
      '1h 12-01 00:00 – 12-01 09:00',
    ]);
  });

  test('of a period that has ended: its days alone, and the hours that are for show', () => {
    const end = seconds('2026-12-01T00:00Z');
    const spans = historySpans(usage, nothing, anchor, at('2026-12-03T09:15Z'), undefined, end);
    expect(spansText(spans)).toEqual(['1d 11-01 00:00 – 12-01 00:00', '1h 12-02 09:00 – 12-03 09:00']);
  });

  /** Everything was read at `readAt`. */
  const allReadAt = (readAt: number): Held => readSince(usage, 0, readAt, 1);

  test('each hour: the settled hours of the running day and the day that ended within the last 24 h', () => {
    const held = allReadAt(at('2026-11-20T09:14Z'));
    expect(spansText(historySpans(usage, held, anchor, at('2026-11-20T09:14:59Z')))).toEqual([]);
    expect(spansText(historySpans(usage, held, anchor, at('2026-11-20T09:15Z')))).toEqual([
      '1d 11-19 00:00 – 11-20 00:00',
      '1h 11-20 00:00 – 11-20 09:00',
    ]);
  });

  test('each day: all days since the anchor', () => {
    const held = allReadAt(at('2026-11-20T00:14Z'));
    const spans = spansText(historySpans(usage, held, anchor, at('2026-11-20T00:15Z')));
    expect(spans).toEqual(['1d 11-01 00:00 – 11-20 00:00']);
    const later = allReadAt(at('2026-11-20T00:15Z'));
    expect(spansText(historySpans(usage, later, anchor, at('2026-11-20T00:16Z')))).toEqual([]);
  });

  test('at times fixed on the clock, not counted from the last read', () => {
    for (const readAt of ['09:15', '09:40', '10:14']) {
      const held = allReadAt(at(`2026-11-20T${readAt}Z`));
      expect(historySpans(usage, held, anchor, at('2026-11-20T10:14:59Z'))).toEqual([]);
      expect(historySpans(usage, held, anchor, at('2026-11-20T10:15Z')).length).toBe(2);
    }
  });

  test('after an outage of days: what was missed, in days, and what was not final', () => {
    const held = readSince(usage, 0, at('2026-11-16T12:30Z'), 1);
    const now = at('2026-11-20T09:07Z');
    const missing = spansText(historySpans(usage, held, seconds('2026-11-16T00:00Z'), now));
    expect(missing).toEqual(['1d 11-16 00:00 – 11-20 00:00', '1h 11-19 09:00 – 11-20 08:00']);
  });

  test('after the clock was put back: again what was read in the future', () => {
    const held = allReadAt(at('2026-11-25T12:00Z'));
    const now = at('2026-11-20T09:07Z');
    expect(historySpans(usage, held, anchor, now)).toEqual(historySpans(usage, nothing, anchor, now));
  });

  test('of an api without counters: no days', () => {
    const stores = options('vector_stores');
    expect(historySpans(stores, nothing, undefined, at('2026-11-20T09:07Z')).map(({ width }) => width)).not.toContain(
      '1d',
    );
  });

  test('of costs each hour: the last three days', () => {
    const held = readSince(costs, 0, at('2026-11-20T09:14Z'), 1);
    const due = historySpans(costs, held, seconds('2026-11-01T00:00Z'), at('2026-11-20T09:15Z'));
    // Ended on the 18th and 19th; what ended on the 20th and runs is read at each poll.
    expect(Math.min(...due.map(({ from }) => from))).toBe(seconds('2026-11-17T00:00Z'));
    expect(Math.max(...due.map(({ to }) => to))).toBe(seconds('2026-11-19T00:00Z'));
  });

  test('reads each bucket once, aligned, and all that is missing', () => {
    const anyTime = fc.integer({ min: at('2026-11-01T00:00Z'), max: at('2027-03-02T00:00Z') });
    fc.assert(
      fc.property(anyTime, fc.integer({ min: 0, max: 40 }), (now, days) => {
        const from = Math.floor(now / day) * 86_400 - days * 86_400;
        const spans = historySpans(usage, nothing, from, now);
        let position = from;
        for (const span of spans) {
          // Hours reach back a day.
          const dayAgo = Math.max(from, Math.floor((now - day) / hour) * 3_600);
          const back = span.width === '1h' ? Math.min(position, dayAgo) : position;
          expect(span.from).toBe(back);
          expect(span.from % widthSeconds[span.width]).toBe(0);
          expect(span.to % widthSeconds[span.width]).toBe(0);
          position = span.to;
        }
        // Up to the last hour that can have settled; the rest is the poll's.
        const settled = Math.floor((now - 15 * minute) / hour) * 3_600;
        expect(position).toBe(Math.max(from, settled));
      }),
      { numRuns: propertyRuns },
    );
  });
});

import { describe, expect, test } from 'vitest';
import { type Asked, boundsOf, stepsOf } from '../../src/backfill/backfill-plan.ts';
import { costsByKeySince } from '../../src/openai/catalogue.ts';
import { endpointNamed, seconds } from '../helpers/rows.ts';

const asked: Asked = {
  from: seconds('2026-05-03T00:00Z'),
  to: undefined,
  width: '1h',
  settleDelay: 900_000,
  anchor: { kind: 'month' },
};
const at = (text: string) => seconds(text) * 1_000;
const iso = (second: number) => new Date(second * 1_000).toISOString().slice(5, 16);

describe('how far it goes', () => {
  test.each([
    ['the last sample is three hours old', {}, '2026-05-20T12:20Z', '05-20T09:00'],
    ['or a moment less', {}, '2026-05-20T12:14Z', '05-20T08:00'],
    ['as far as asked', { to: seconds('2026-05-10T00:00Z') }, '2026-05-20T12:20Z', '05-10T00:00'],
    ['not as far as asked', { to: seconds('2026-05-20T12:00Z') }, '2026-05-20T12:20Z', '05-20T09:00'],
    ['by whole days', { width: '1d' }, '2026-05-20T03:14Z', '05-19T00:00'],
    ['to an anchor once its zeros are old enough', {}, '2026-06-01T03:30Z', '06-01T00:00'],
    ['and before that not', {}, '2026-06-01T03:29Z', '05-31T23:00'],
  ] as const)('%s', (_, given, now, to) => {
    const bounds = boundsOf({ ...asked, ...given }, at(now));
    if ('mistake' in bounds) throw new Error(bounds.mistake);
    expect(iso(bounds.to)).toBe(to);
  });

  test.each([
    [{}, '2026-05-02T23:59Z', '--from: is in the future'],
    [{ to: seconds('2026-05-04T00:00Z') }, '2026-05-03T23:59Z', '--to: is in the future'],
    [{}, '2026-05-03T04:14Z', '--from: no bucket of 1h'],
  ])('%j at %s is refused', (given, now, mistake) => {
    expect(boundsOf({ ...asked, ...given }, at(now))).toEqual({ mistake: expect.stringContaining(mistake) });
  });
});

describe('what is read', () => {
  function steps(api: string, given: Partial<Asked>, now: string, dimensions: readonly string[] = []): string[] {
    const all = { ...asked, ...given };
    const bounds = boundsOf(all, at(now));
    if ('mistake' in bounds) throw new Error(bounds.mistake);
    return stepsOf(endpointNamed(api), all, bounds, dimensions).map(
      ({ phase, width, from, to, anchor }) => `${phase} ${width} ${iso(from)} ${iso(to)} of ${iso(anchor)}`,
    );
  }

  test('what was before is summed by the widest buckets, and periods are apart', () => {
    expect(steps('completions', { from: seconds('2026-05-03T01:02Z'), width: '1m' }, '2026-06-01T08:20Z')).toEqual([
      'before 1d 05-01T00:00 05-03T00:00 of 05-01T00:00',
      'before 1h 05-03T00:00 05-03T01:00 of 05-01T00:00',
      'before 1m 05-03T01:00 05-03T01:02 of 05-01T00:00',
      'span 1m 05-03T01:02 06-01T00:00 of 05-01T00:00',
      'span 1m 06-01T00:00 06-01T05:05 of 06-01T00:00',
      'after 1h 06-01T05:00 06-01T09:00 of 06-01T00:00',
    ]);
  });

  test('what comes after is looked at for a day, within the period', () => {
    expect(steps('embeddings', { to: seconds('2026-05-10T00:00Z') }, '2026-06-01T08:20Z')).toEqual([
      'before 1d 05-01T00:00 05-03T00:00 of 05-01T00:00',
      'span 1h 05-03T00:00 05-10T00:00 of 05-01T00:00',
      'after 1h 05-10T00:00 05-11T00:00 of 05-01T00:00',
    ]);
    expect(steps('embeddings', { to: seconds('2026-05-31T23:00Z') }, '2026-06-02T08:20Z').at(-1)).toBe(
      'after 1h 05-31T23:00 06-01T00:00 of 05-01T00:00',
    );
  });

  test('a level has no counters, and costs are read by settled days, by key no earlier than the API allows', () => {
    expect(steps('vector_stores', {}, '2026-05-20T12:20Z')).toEqual([]);
    expect(steps('costs', { from: seconds('2026-05-03T01:00Z') }, '2026-05-20T12:20Z')).toEqual([
      'span 1d 05-04T00:00 05-19T00:00 of 05-04T00:00',
    ]);
    expect(steps('costs', {}, '2026-05-04T06:20Z')).toEqual([]);
    const early = { from: costsByKeySince - 86_400 * 9 };
    expect(steps('costs', early, '2026-01-01T00:00Z', ['api_key_id'])[0]).toContain(`span 1d ${iso(costsByKeySince)}`);
  });
});

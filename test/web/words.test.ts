import { expect, test } from 'vitest';
import {
  ago,
  dayOf,
  exactly,
  money,
  otherCount,
  share,
  shortly,
  shortMoney,
  span,
  until,
} from '../../src/web/words.ts';

const now = '2026-11-20T12:00:00.000Z';

test.each([
  [money(1_234.5, 'usd'), '$1,234.50'],
  [money(-4.349, 'usd'), '-$4.35'],
  [money(0.001, 'eur'), '€0.00'],
  [money(1_234.5, 'jpy'), '¥1,234.50'],
  [money(12.5, 'tokens'), '12.50 tokens'],
  [money(1, '"><b>'), '1.00 "><b>'],
  [shortMoney(1_250, 'usd'), '$1.25K'],
  [shortMoney(1_250, 'tokens'), '1.25K'],
  [exactly(1_234_567), '1,234,567'],
  [otherCount(1), '1 other'],
  [otherCount(1_990), '1,990 others'],
  [shortly(1_234_567), '1.23M'],
  [shortly(0), '0'],
  [share(0), '0%'],
  [share(0.004), '<1%'],
  [share(0.644), '64%'],
  [share(1.89), '189%'],
  [span(12_400), '12 s'],
  [span(200_000), '3 min'],
  [span(7_200_000), '2 h'],
  [span(4 * 86_400_000), '4 days'],
  [dayOf('2026-11-03'), '3 Nov'],
])('%s reads %s', (text, expected) => {
  expect(text).toBe(expected);
});

test('times are told from now, in both directions', () => {
  expect(ago('2026-11-20T11:59:20.000Z', now, '').html).toContain('>40 s ago<');
  expect(ago('2026-11-20T12:00:20.000Z', now, '').html).toContain('>in 20 s<');
  expect(ago(null, now, 'never').html).toBe('never');
  expect(until('2026-11-20T12:05:00.000Z', now, '').html).toContain('>in 5 min<');
  expect(until('2026-11-20T11:59:00.000Z', now, '').html).toContain('>now<');
});

/** Estimates on the page of a whole exporter: at its start, over midnight and over the end of a month. */
import { afterEach, describe, expect, test } from 'vitest';
import { widthSeconds } from '../../src/openai/catalogue.ts';
import { valuesOf } from '../helpers/exposition.ts';
import { type Asked, rowsClient } from '../helpers/rows-client.ts';
import { type RunningExporter, runExporter } from '../helpers/running-exporter.ts';

let running: RunningExporter | undefined;
afterEach(async () => {
  await running?.end();
  running = undefined;
});

const today = 'openai_spend_estimate_today_amount';
const lastHour = 'openai_spend_estimate_hour_amount';
const error = 'openai_spend_estimate_error_ratio';
const unpriced = 'openai_spend_estimate_unpriced_tokens';

/** Each minute, one project sends 1,000 tokens and gets 100; a million of them cost 2.5 and 10 dollars. */
const perMinute = (1_000 * 2.5 + 100 * 10) / 1e6;

function rowsOf({ api, width, start, at }: Asked): readonly object[] {
  const minutes = Math.floor((Math.min(start + widthSeconds[width], at / 1_000) - start) / 60);
  if (minutes <= 0) return [];
  const whose = { project_id: 'p' };
  if (api === 'completions') {
    const used = { input_tokens: 1_000 * minutes, output_tokens: 100 * minutes, num_model_requests: minutes };
    return [{ ...whose, model: 'm', ...used }];
  }
  const line = (kind: string, value: number) => ({
    ...whose,
    line_item: `m, ${kind}`,
    amount: { value: value.toFixed(12), currency: 'usd' },
  });
  return api === 'costs' ? [line('input', (minutes * 2_500) / 1e6), line('output', (minutes * 1_000) / 1e6)] : [];
}

function run(start: string, rows: (asked: Asked) => readonly object[] = rowsOf, flags: readonly string[] = []) {
  running = runExporter({ start, flags: ['--poll.apis=completions,costs', ...flags], client: rowsClient(rows) });
  return running;
}

describe('on the page', () => {
  test('estimates have prices from days of the month before, if the running one has none yet', async () => {
    const { minutes, text, exporter } = run('2026-11-02T12:00:30Z');
    await minutes(10);
    // Settled through 11:55.
    const { 'p m': amount = 0 } = valuesOf(text(), today, ['project_id', 'model'], { currency: 'usd' });
    expect(amount / perMinute).toBeGreaterThan(11.8 * 60);
    expect(amount / perMinute).toBeLessThanOrEqual(11 * 60 + 55);
    expect(valuesOf(text(), lastHour, ['project_id', 'model'])['p m']).toBeCloseTo(60 * perMinute, 12);
    expect(valuesOf(text(), error)['usd']).toBeCloseTo(0, 12);
    expect(valuesOf(text(), unpriced)).toEqual({});
    // The status page says the same.
    const { currencies } = exporter.overview().spend;
    expect(currencies[0]?.now?.today).toBeCloseTo(amount, 12);
    expect(currencies[0]?.now?.hour).toBeCloseTo(60 * perMinute, 12);
  });

  test('estimates of today begin anew at midnight at the end of a month, and those of the last hour go on', async () => {
    const { until, text } = run('2026-11-30T23:40:30Z');
    const now = () => valuesOf(text(), today, ['model'])['m'] ?? Number.NaN;
    await until('2026-11-30T23:59:30Z');
    expect(now() / perMinute).toBeGreaterThan(23.6 * 60);
    for (const [at, least, most] of [
      ['00:05', 0, 0],
      ['00:31', 10, 16],
      ['01:30', 68, 75],
    ] as const) {
      await until(`2026-12-01T${at}:30Z`);
      expect([at, now() / perMinute]).toEqual([at, expect.toSatisfy((v) => v >= least - 1e-9 && v <= most + 1e-9)]);
      expect([at, valuesOf(text(), lastHour, ['model'])['m']]).toEqual([at, expect.closeTo(60 * perMinute, 12)]);
      expect([at, valuesOf(text(), error)['usd']]).toEqual([at, expect.closeTo(0, 12)]);
    }
  }, 60_000);
});

describe('nothing is invented', () => {
  test.each([
    ['no day of costs has amounts', (asked: Asked) => (asked.api === 'costs' ? [] : rowsOf(asked)), []],
    ['usage is not grouped by model', rowsOf, ['--poll.group-by=project_id,line_item']],
    ['costs are not grouped by line item', rowsOf, ['--poll.group-by=project_id,model']],
  ])('where %s, there is no estimate', async (_, rows, flags) => {
    const { minutes, text } = run('2026-11-15T12:00:30Z', rows, flags);
    await minutes(10);
    for (const name of [today, lastHour, error]) expect(text()).not.toContain(name);
  });

  test('where a day of costs has not settled yet, its tokens have no price', async () => {
    const begun = Date.UTC(2026, 10, 15) / 1_000;
    const { minutes, text } = run('2026-11-15T12:00:30Z', (asked) => (asked.start < begun ? [] : rowsOf(asked)));
    await minutes(10);
    expect(text()).not.toContain(today);
    expect(valuesOf(text(), unpriced, ['project_id', 'model'])['p m']).toBeGreaterThan(1_100 * 700);
  });
});

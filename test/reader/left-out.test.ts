/** Tests that what cannot be taken of an answer costs no more than itself, and is counted, logged and told. */
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { statusOf } from '../../src/reader/make-status.ts';
import { decodeState, encodeState, type State } from '../../src/state/codec.ts';
import { type CostRow, runOnCosts } from '../helpers/costs-api.ts';
import { valuesOf } from '../helpers/exposition.ts';
import { seconds } from '../helpers/rows.ts';
import { rowsClient } from '../helpers/rows-client.ts';
import { type RunningExporter, runExporter } from '../helpers/running-exporter.ts';

let running: RunningExporter | undefined;
afterEach(async () => {
  await running?.end();
  running = undefined;
});

const malformed = (api: string) => `openai_exporter_malformed_rows_total{api="${api}"}`;

async function leftOut({ exporter, clock }: RunningExporter, api: string) {
  const about = { version: '0', revision: '0', simulated: false, startedAt: 0, now: clock.now() };
  const { apis } = await statusOf({ exporter, ...about });
  return apis.find((each) => each.api === api)?.leftOut;
}

describe('costs', () => {
  const fixture = new URL('../fixtures/openai/costs-quantity-text.json', import.meta.url);
  const rows: readonly CostRow[] = JSON.parse(readFileSync(fixture, 'utf8'));
  const today = seconds('2026-05-15T00:00Z');

  test('a quantity that is text counts, one that is no number is lost, and the money is whole', async () => {
    const costs = runOnCosts('2026-05-15T12:00:30Z', [], (api) => {
      api.rows = (start) => (start === today ? rows : []);
    });
    running = costs;
    await costs.until('2026-05-15T12:02:00Z');
    const money = valuesOf(costs.text(), 'openai_costs_month_to_date_amount_value', ['line_item']);
    expect(Object.values(money).reduce((sum, value) => sum + value, 0)).toBe(43);
    expect(valuesOf(costs.text(), 'openai_usage_costs_quantity', ['line_item'])).toEqual({
      'gpt-5, input': 123_456,
      'gpt-5, output': 1_000,
    });
    // What is read by user besides are the same rows once more.
    const reads = costs.api.asked.filter(({ to, by }) => to > today && by.includes('project_id')).length;
    expect(await costs.self(malformed('costs'))).toBe(reads);
    expect(await costs.self('openai_up{api="costs"}')).toBe(1);

    await costs.until('2026-05-16T12:00:00Z');
    const said = costs.log.of('warn').filter((line) => /^costs: .*quantity was refused on 2026-05-15/.test(line));
    expect(said).toHaveLength(2);
    expect(said[0]).toContain('line item "gpt-5, cached input"');
    expect(await leftOut(costs, 'costs')).toMatchObject({
      count: await costs.self(malformed('costs')),
      messages: [expect.stringContaining('A value of quantity was refused on 2026-05-15')],
    });
  });

  test('amounts as text are taken in every form of a plain decimal; others are lost alone, and said', async () => {
    const forms = ['40.00', '1E+2', '+3', '.002', '0E-6176', -1.5, '1,234.50', '$3', 'NaN', '', null];
    const costs = runOnCosts('2026-05-15T12:00:30Z', ['--poll.group-by=line_item'], (api) => {
      api.rows = (start) =>
        start === today
          ? forms.map((value, index) => ({
              line_item: `item ${index}`,
              amount: { value, currency: 'usd' },
              quantity: 1,
            }))
          : [];
    });
    running = costs;
    await costs.until('2026-05-15T12:02:00Z');
    expect(valuesOf(costs.text(), 'openai_costs_month_to_date_amount_value', ['line_item'])).toEqual({
      'item 0': 40,
      'item 1': 100,
      'item 2': 3,
      'item 3': 0.002,
      'item 5': -1.5,
    });
    expect(Object.keys(valuesOf(costs.text(), 'openai_usage_costs_quantity', ['line_item']))).toHaveLength(
      forms.length,
    );
    const said = costs.log.of('warn').filter((line) => line.includes('amount_value was refused on 2026-05-15'));
    expect(said.map((line) => /line item "(item \d+)"/.exec(line)?.[1])).toEqual([
      'item 6',
      'item 7',
      'item 8',
      'item 9',
    ]);
    const reads = costs.api.asked.filter(({ to }) => to > today).length;
    expect(await costs.self(malformed('costs'))).toBe(4 * reads);
  });
});

describe('usage', () => {
  test('a glitch that an earlier version kept in its state file is not shown again', async () => {
    const client = rowsClient(({ width }) => (width === '1d' ? [{ model: 'a', input_tokens: 10 }] : []));
    let saved: State | undefined;
    const run = (earlier: State | undefined) =>
      runExporter({
        start: '2026-11-20T07:27:03Z',
        flags: ['--poll.apis=embeddings', '--poll.group-by=model'],
        client,
        memory: {
          fingerprint: 'f',
          earlier,
          async save(state) {
            saved = state;
          },
        },
      });
    running = run(undefined);
    await running.minutes(5);
    const shown = valuesOf(running.text(), 'openai_embeddings_input_tokens_total', ['model']);
    expect(shown).toEqual({ a: 190 });
    await running.end();
    if (saved === undefined) throw new Error('nothing was saved');
    const spoilt: State = {
      ...saved,
      apis: saved.apis.map((api) => ({ ...api, values: api.values.map(() => 1e308) })),
    };
    running = run(decodeState(encodeState(spoilt)));
    await running.minutes(10);
    expect(valuesOf(running.text(), 'openai_embeddings_input_tokens_total', ['model'])).toEqual(shown);
    expect(JSON.stringify(saved.apis.map(({ values }) => [...values]))).not.toMatch(/e\+30/);
  });

  test('a glitch of 1e308 in settled buckets leaves nothing behind', async () => {
    let glitch = false;
    const client = rowsClient(({ width, start, at }) => {
      const minutes =
        Math.max(0, Math.min(start + { '1m': 60, '1h': 3_600, '1d': 86_400 }[width], at / 1_000) - start) / 60;
      return minutes === 0
        ? []
        : [{ model: 'a', input_tokens: glitch ? 1e308 : Math.floor(minutes), num_model_requests: 1 }];
    });
    let state = '';
    running = runExporter({
      start: '2026-11-20T07:27:03Z',
      flags: ['--poll.apis=embeddings', '--poll.group-by=model'],
      client,
      memory: {
        fingerprint: 'f',
        earlier: undefined,
        async save(saved) {
          state = JSON.stringify(saved, (_, value: unknown) => (value instanceof Map ? [...value] : value));
        },
      },
    });
    const { minutes, text, self, clock } = running;
    const total = () => valuesOf(text(), 'openai_embeddings_input_tokens_total', ['model'])['a'] ?? 0;
    await minutes(120);
    const before = total();
    expect(before).toBeGreaterThan(0);
    glitch = true;
    await minutes(20);
    expect(await self('openai_up{api="embeddings"}')).toBe(0);
    expect(text()).not.toMatch(/e\+?30[0-9]/);
    glitch = false;
    await minutes(120);
    // All minutes since the anchor but for those that have not settled.
    const settled = Math.floor((clock.now() - Date.parse('2026-11-01T00:00Z')) / 60_000) - 15;
    expect(Math.abs(total() - settled)).toBeLessThan(3);
    expect((await self('openai_exporter_held_back{api="embeddings",field="input_tokens"}')) ?? 0).toBe(0);
    expect(await self('openai_up{api="embeddings"}')).toBe(1);
    expect(state).not.toBe('');
    expect(state).not.toMatch(/e\+?30[0-9]/);
    expect((await leftOut(running, 'embeddings'))?.messages[0]).toContain('input_tokens cannot be read (1e+308)');
  }, 60_000);
});

/** Rows that are refused for good: it is said, but not at every bucket, and what is known goes on. */
import { afterEach, expect, test } from 'vitest';
import { widthSeconds } from '../../src/openai/catalogue.ts';
import { valuesOf } from '../helpers/exposition.ts';
import { seconds } from '../helpers/rows.ts';
import { type Asked, rowsClient } from '../helpers/rows-client.ts';
import { type RunningExporter, runExporter } from '../helpers/running-exporter.ts';

let running: RunningExporter | undefined;
afterEach(async () => {
  await running?.end();
  running = undefined;
});

const total = 'openai_embeddings_input_tokens_total';
const flags = ['--poll.apis=embeddings', '--poll.group-by=model'];
const said = /rows have been refused for half an hour/;

/** One token in each minute that is known, for each of two models; that of the one is no number where `refused`. */
function clientOf(refused: (asked: Asked) => boolean) {
  return rowsClient((asked) => {
    const { width, start, at } = asked;
    const minutes = Math.floor((Math.min(start + widthSeconds[width], at / 1_000) - start) / 60);
    if (minutes <= 0) return [];
    return [
      { model: 'good', input_tokens: minutes },
      { model: 'bad', input_tokens: refused(asked) ? 'x' : minutes },
    ];
  });
}

test('a day that only history reads: the counters wait for half an hour, and the warning comes once', async () => {
  const bad = seconds('2026-11-05T00:00Z');
  const client = clientOf(({ width, start }) => width === '1d' && start === bad);
  running = runExporter({ start: '2026-11-20T09:27:03Z', flags, client });
  const { minutes, text, log, self } = running;
  await minutes(25);
  expect(valuesOf(text(), total, ['model'])).toEqual({});
  await minutes(20);
  const shown = valuesOf(text(), total, ['model']);
  expect((shown['good'] ?? 0) - (shown['bad'] ?? 0)).toBe(1_440);
  await minutes(27 * 60);
  expect(log.of('warn', 'error').filter((line) => said.test(line))).toHaveLength(1);
  expect(await self('openai_exporter_malformed_rows_total{api="embeddings"}')).toBeGreaterThan(24);
}, 60_000);

test('a group that is bad for ever: a warning each day, and the other group goes on', async () => {
  running = runExporter({ start: '2026-11-20T07:27:03Z', flags, client: clientOf(() => true) });
  const { minutes, text, log, clock } = running;
  await minutes(120);
  const before = valuesOf(text(), total, ['model'])['good'] ?? 0;
  expect(before).toBeGreaterThan(0);
  await minutes(180);
  const shown = valuesOf(text(), total, ['model']);
  expect(shown['bad']).toBe(undefined);
  expect((shown['good'] ?? 0) - before).toBeGreaterThan(120);
  expect(Object.keys(valuesOf(text(), 'openai_usage_embeddings_input_tokens', ['bucket_width', 'state']))).toEqual(
    expect.arrayContaining(['1m settled', '1h settled']),
  );
  expect(log.of('warn', 'error').filter((line) => said.test(line))).toHaveLength(1);
  await minutes(24 * 60);
  expect(new Date(clock.now()).getUTCDate()).toBe(21);
  expect(log.of('warn', 'error').filter((line) => said.test(line))).toHaveLength(2);
}, 60_000);

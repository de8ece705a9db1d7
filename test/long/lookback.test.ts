/** A year's counters at its end: their first days are out of the API's reach by then. */
import { afterEach, expect, test } from 'vitest';
import { ApiError } from '../../src/openai/errors.ts';
import { day, minute } from '../../src/usage/windows.ts';
import { valuesOf } from '../helpers/exposition.ts';
import { rowsClient } from '../helpers/rows-client.ts';
import { type RunningExporter, type RunOptions, runExporter } from '../helpers/running-exporter.ts';

let running: RunningExporter | undefined;
afterEach(async () => {
  await running?.end();
  running = undefined;
});

test('what is known of days out of reach stays, and what comes after is read: through an outage and into the new year', async () => {
  let down = false;
  const yearly = rowsClient(
    // One token a minute.
    ({ width }) => [{ model: 'm', input_tokens: { '1m': 1, '1h': 60, '1d': 1_440 }[width] }],
    () => (down ? { reason: 'timeout' } : undefined),
  );
  const client: RunOptions['client'] = (clock, observer) => {
    const whole = yearly(clock, observer);
    return {
      get(request, decode) {
        const from = Number(request.query.find(([name]) => name === 'start_time')?.[1]);
        if (from * 1_000 >= clock.now() - 364 * day) return whole.get(request, decode);
        const { api, path } = request;
        const code = 'reporting_lookback_exceeded';
        throw new ApiError({ api, path, reason: 'rejected', detail: 'too long ago', code });
      },
    };
  };
  running = runExporter({
    start: '2026-12-30T22:00:20Z',
    flags: ['--poll.apis=embeddings', '--poll.group-by=model', '--counters.anchor=year'],
    client,
  });
  const { minutes, until, text, clock, log } = running;
  /** Tokens since the start of the year that is counted, and those of its settled minutes. */
  const shown = () => valuesOf(text(), 'openai_embeddings_input_tokens_total', ['model'])['m'];
  const settled = (year: number) => Math.floor((clock.now() - Date.UTC(year, 0, 1)) / minute) - 15;
  await minutes(5);
  expect(shown()).toBe(settled(2026));
  await until('2026-12-31T08:00:30Z');
  expect(shown()).toBe(settled(2026));
  down = true;
  await minutes(180);
  down = false;
  await minutes(60);
  expect(shown()).toBe(settled(2026));
  await until('2027-01-01T02:00:30Z');
  expect(shown()).toBe(settled(2027));
  expect(log.of('warn').filter((line) => line.includes('too long ago'))).toEqual([]);
}, 60_000);

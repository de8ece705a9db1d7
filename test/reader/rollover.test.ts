/** The end of a month, as a page shows it minute by minute. */
import { afterEach, expect, test } from 'vitest';
import { valuesOf } from '../helpers/exposition.ts';
import { rowsClient } from '../helpers/rows-client.ts';
import { type RunningExporter, runExporter } from '../helpers/running-exporter.ts';
import { createScraper } from '../helpers/scraper.ts';

let running: RunningExporter | undefined;
afterEach(async () => {
  await running?.end();
  running = undefined;
});

test('the counters begin anew, and the gauges go on as if nothing had happened', async () => {
  const perMinute = 10;
  const client = rowsClient(({ width, start, at }) => {
    const seconds = { '1m': 60, '1h': 3_600, '1d': 86_400 }[width];
    // What is known of a bucket in progress grows; a minute comes as a whole, at its end.
    const minutes = Math.floor((Math.min(start + seconds, at / 1_000) - start) / 60);
    return minutes > 0 ? [{ model: 'm', input_tokens: perMinute * minutes, num_model_requests: minutes }] : [];
  });
  running = runExporter({
    start: '2026-11-30T23:40:20Z',
    flags: ['--poll.apis=embeddings', '--poll.group-by=model'],
    client,
  });
  const { minutes, text, clock, log } = running;
  const scraper = createScraper();
  const seen: number[] = [];
  await minutes(0.5);
  for (let each = 0; each < 80; each++) {
    const gauges = valuesOf(text(), 'openai_usage_embeddings_input_tokens', ['bucket_width', 'state']);
    const minuteOfHour = new Date(clock.now()).getUTCMinutes();
    const time = new Date(clock.now()).toISOString();
    expect([time, gauges['1m settled'], gauges['1h settled']]).toEqual([time, perMinute, 60 * perMinute]);
    // In the first two minutes of an hour there may be nothing of it yet.
    if (minuteOfHour >= 2)
      expect([time, gauges['1h open'] ?? 0]).toEqual([time, expect.toSatisfy((v: number) => v > 0)]);
    if (minuteOfHour >= 2 && minuteOfHour < 15) expect([time, gauges['1h settling']]).toEqual([time, 60 * perMinute]);
    const counters = valuesOf(text(), 'openai_embeddings_input_tokens_total', ['model']);
    scraper.scrape(new Map(Object.entries(counters)));
    seen.push(counters['m'] ?? Number.NaN);
    await minutes(1);
  }
  const november = 30 * 1_440 * perMinute;
  expect(Math.max(...seen)).toBe(november);
  expect(seen).toContain(0);
  expect(seen).not.toContain(Number.NaN);
  expect(scraper.resets.get('m')).toBe(1);
  expect(seen.at(-1)).toBeGreaterThan(30 * perMinute);
  expect(scraper.counted.get('m')).toBe(november + (seen.at(-1) ?? 0));
  expect(log.of('warn', 'error')).toEqual([]);
}, 60_000);

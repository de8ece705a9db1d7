/** Tests what of the exporter's own metrics is made anew for a scrape. */
import { expect, test } from 'vitest';
import { createSelfMetrics, createServingMetrics } from '../../src/metrics/self.ts';

function selfMetrics() {
  let series = 1;
  const self = createSelfMetrics({
    version: '1',
    revision: 'a',
    source: { apis: [], lists: [], series: () => series, stateFileErrors: () => 0 },
  });
  return {
    self,
    setSeries: (count: number) => {
      series = count;
    },
    async lines(pattern: RegExp) {
      return (await self.text()).split('\n').filter((line) => pattern.test(line));
    },
  };
}

test('what has happened is on the next scrape', async () => {
  const { self, setSeries, lines } = selfMetrics();
  const series = () => lines(/^openai_exporter_series /);
  expect(await series()).toEqual(['openai_exporter_series 1']);
  setSeries(2);
  self.published(0.5);
  expect(await series()).toEqual(['openai_exporter_series 2']);
  setSeries(3);
  self.changed();
  expect(await series()).toEqual(['openai_exporter_series 3']);
});

test('the process metrics are read again after a second', async () => {
  const time = { now: 0 };
  const serving = createServingMetrics({ logLinesDropped: () => 6, clock: { monotonic: () => time.now } });
  const cpu = async () =>
    (await serving.text()).split('\n').filter((line) => line.startsWith('process_cpu_seconds_total '));
  const first = await cpu();
  const busyUntil = process.cpuUsage().user + 30_000;
  while (process.cpuUsage().user < busyUntil);
  time.now = 999;
  expect(await cpu()).toEqual(first);
  time.now = 1_000;
  expect(await cpu()).not.toEqual(first);
});

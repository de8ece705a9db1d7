/** Tests what of the exporter's own metrics is made anew for a scrape. */
import { expect, test } from 'vitest';
import { createSelfMetrics } from '../../src/metrics/self.ts';
import { createServingMetrics } from '../../src/metrics/self-serving.ts';

function selfMetrics() {
  let errors = 0;
  const self = createSelfMetrics({
    version: '1',
    revision: 'a',
    source: { apis: [], lists: [], stateFileErrors: () => errors },
  });
  return {
    self,
    setErrors: (count: number) => {
      errors = count;
    },
    async lines(pattern: RegExp) {
      return (await self.text()).split('\n').filter((line) => pattern.test(line));
    },
  };
}

test('what has happened is on the next scrape', async () => {
  const { self, setErrors, lines } = selfMetrics();
  const series = () => lines(/^openai_exporter_series /);
  expect(await series()).toEqual(['openai_exporter_series 0']);
  self.published(0.5, 2);
  expect(await series()).toEqual(['openai_exporter_series 2']);
  setErrors(3);
  self.changed();
  expect(await lines(/^openai_exporter_state_file_errors_total /)).toEqual([
    'openai_exporter_state_file_errors_total 3',
  ]);
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

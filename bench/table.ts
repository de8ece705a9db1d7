/** The results as a Markdown table, a column for each size. */
import { median } from './scrape.ts';
import type { SizeResult } from './sizes.ts';

export function tableOf(results: readonly SizeResult[]): string {
  const least = (values: readonly number[]) => Math.min(...values);
  const rows: readonly (readonly [string, (result: SizeResult) => string])[] = [
    ['series of usage', ({ series }) => series.toLocaleString('en')],
    ['groups', ({ groups }) => groups.toLocaleString('en')],
    ['page, plain', ({ plainBytes }) => megabytes(plainBytes)],
    ['page, gzip', ({ gzipBytes }) => megabytes(gzipBytes)],
    ['**scrape, gzip**: median, p99', ({ exporter }) => `${ms(exporter.gzip)}, ${ms(exporter.gzip99)}`],
    ['finished buffer, gzip: median, p99', ({ buffer }) => `${ms(buffer.gzip)}, ${ms(buffer.gzip99)}`],
    [
      'ratio of the medians; of the fastest tenths',
      ({ exporter, buffer }) => `${times(exporter.gzip / buffer.gzip)}; ${times(exporter.gzip10 / buffer.gzip10)}`,
    ],
    ['**scrape, plain**: median, p99', ({ exporter }) => `${ms(exporter.plain)}, ${ms(exporter.plain99)}`],
    ['finished buffer, plain: median, p99', ({ buffer }) => `${ms(buffer.plain)}, ${ms(buffer.plain99)}`],
    ['prom-client, plain: median', ({ promClient }) => (promClient === undefined ? '–' : ms(promClient.plain))],
    [
      'prom-client ÷ gzip scrape',
      ({ promClient, exporter }) => (promClient === undefined ? '–' : times(promClient.plain / exporter.gzip)),
    ],
    ['**worst gzip scrape** through a poll: each poll', ({ worst }) => worst.map(ms).join(', ')],
    ['finished buffer in the same time', ({ bufferWorst }) => bufferWorst.map(ms).join(', ')],
    [
      '**longest block** of the event loop: best of the minutes, less an idle process',
      ({ blocked, idleBlocked }) => `${ms(least(blocked))} − ${ms(least(idleBlocked))}`,
    ],
    ['in each minute', ({ blocked }) => blocked.map(ms).join(', ')],
    ['in each minute, own work alone', ({ worked }) => worked.map(ms).join(', ')],
    ['**last answer → page**: best, median', ({ publish }) => `${ms(least(publish))}, ${ms(median(publish))}`],
    ['CPU in a minute, all threads: median', ({ cpu }) => ms(median(cpu))],
    [
      '**resident memory**: at the end, at most',
      (result) => `${megabytes(result.resident)}, ${megabytes(result.residentPeak)}`,
    ],
    ['prom-client, resident', ({ promClient }) => (promClient === undefined ? '–' : megabytes(promClient.resident))],
    ['start → counters shown', ({ complete }) => `${(complete / 1_000).toFixed(1)} s`],
  ];
  return [
    `| |${results.map(() => '').join(' |')} |`,
    `|---|${results.map(() => '---:|').join('')}`,
    ...rows.map(([name, value]) => `| ${name} | ${results.map(value).join(' | ')} |`),
  ].join('\n');
}

export function ms(value: number): string {
  return `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ms`;
}

export function megabytes(bytes: number): string {
  const value = bytes / 1e6;
  return `${value < 10 ? value.toFixed(2) : value.toFixed(0)} MB`;
}

function times(value: number): string {
  return `${value < 10 ? value.toFixed(1) : value.toFixed(0)}×`;
}

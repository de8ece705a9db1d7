/** Every metric that there is: what docs/metrics.md lists, which is generated, and what Prometheus and Node.js add. */
import { readFileSync } from 'node:fs';

const page = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8');
const listed = [...page.matchAll(/(?<=^\|.*) `(\w+)` \|/gm)].map(([, name = '']) => name);
const histograms = [...page.matchAll(/^\| `(\w+)` \| histogram \|/gm)].map(([, name = '']) => name);

export const knownMetrics: ReadonlySet<string> = new Set([
  ...listed,
  ...histograms.map((name) => `${name}_bucket`),
  ...['up', 'ALERTS', 'scrape_duration_seconds'],
  ...['process_start_time_seconds', 'process_resident_memory_bytes', 'process_cpu_seconds_total'],
  ...['nodejs_eventloop_lag_max_seconds'],
]);

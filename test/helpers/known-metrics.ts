/** Every metric that there is: what the exporter serves, which docs/metrics.md lists, and what Prometheus and Node.js add. */
import { servedFamilies } from '../../docs/generate/served-families.ts';

const served = await servedFamilies();

export const knownMetrics: ReadonlySet<string> = new Set([
  ...served.map(({ name }) => name),
  ...served.filter(({ type }) => type === 'histogram').map(({ name }) => `${name}_bucket`),
  ...['up', 'ALERTS', 'scrape_duration_seconds'],
  ...['process_start_time_seconds', 'process_resident_memory_bytes', 'process_cpu_seconds_total'],
  ...['nodejs_eventloop_lag_max_seconds'],
]);

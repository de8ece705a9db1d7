/**
 * The parts of prom-client that are used; the one file that imports it. Its entry would also load quantiles, tracing
 * and what gathers workers: three megabytes in each thread.
 */
import { createRequire } from 'node:module';
import type * as client from 'prom-client';

const require = createRequire(import.meta.url);

export const Registry: typeof client.Registry = require('prom-client/lib/registry.js');
export type Registry = client.Registry;
export const Counter: typeof client.Counter = require('prom-client/lib/counter.js');
export type Counter<L extends string> = client.Counter<L>;
export const Gauge: typeof client.Gauge = require('prom-client/lib/gauge.js');
export type Gauge<L extends string = string> = client.Gauge<L>;
export const Histogram: typeof client.Histogram = require('prom-client/lib/histogram.js');

/** Adds the default metrics of the process to a registry; one thread needs them. */
export function collectDefaultMetrics(register: Registry): void {
  const collect: typeof client.collectDefaultMetrics = require('prom-client/lib/defaultMetrics.js');
  collect({ register });
}

/** Registers metrics of the exporter itself and makes their text, in the same way for every thread. */
import { Counter, Gauge, type Registry } from './prom-client.ts';

export const prefix = 'openai_exporter_';

export interface Build {
  readonly version: string;
  readonly revision: string;
}

export function counter<L extends string>(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly L[],
): Counter<L> {
  return new Counter({ name: `${prefix}${name}`, help, labelNames: [...labelNames], registers: [registry] });
}

/** @param read sets what is true now */
export function gauge<L extends string>(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly L[],
  read: (gauge: Gauge<L>) => void,
): void {
  new Gauge<L>({
    name,
    help,
    labelNames: [...labelNames],
    registers: [registry],
    collect() {
      this.reset();
      read(this);
    },
  });
}

/** A counter that something else keeps. */
export function readCounter(registry: Registry, name: string, help: string, read: () => number): void {
  new Counter({
    name: `${prefix}${name}`,
    help,
    registers: [registry],
    collect() {
      this.reset();
      this.inc(read());
    },
  });
}

export function registerBuild(registry: Registry, build: Build): void {
  gauge(
    registry,
    `${prefix}build_info`,
    'Version and source revision of the exporter; always 1.',
    ['version', 'revision'] as const,
    (it) => it.set(build, 1),
  );
}

/** The text of all metrics of a registry. What has failed must not be kept: `forget` is called, so that it is made again. */
export async function textOf(registry: Registry, forget: () => void): Promise<string> {
  try {
    return await registry.metrics();
  } catch (error) {
    forget();
    throw error;
  }
}

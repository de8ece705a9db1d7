/** Samples of a known past, put into a Prometheus data directory by promtool. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { escapeLabelValue } from '../../src/usage/labels.ts';

export interface PastSeries {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** The sample at an instant, in seconds; undefined where there is none. */
  readonly at: (seconds: number) => number | undefined;
}

/** Writes blocks with a sample of each series at each of the instants, in seconds. */
export function backfill(
  promtool: string,
  data: string,
  series: readonly PastSeries[],
  instants: readonly number[],
): void {
  const lines = [...series]
    .sort((a, b) => (a.name < b.name ? -1 : Number(a.name > b.name)))
    .flatMap(({ name, labels, at }) => {
      const text = Object.entries(labels).map(([label, value]) => `${label}="${escapeLabelValue(value)}"`);
      return instants.flatMap((instant) => {
        const value = at(instant);
        if (value === undefined) return [];
        return [`${name}{${text.join(',')}} ${value === Infinity ? '+Inf' : value} ${instant}`];
      });
    });
  importSamples(promtool, data, lines);
}

/** Writes blocks with these samples, which are lines of OpenMetrics that end with their instants. */
export function importSamples(promtool: string, data: string, lines: readonly string[]): void {
  const directory = mkdtempSync(join(tmpdir(), 'backfill-'));
  try {
    const file = join(directory, 'past.om');
    writeFileSync(file, [...lines, '# EOF\n'].join('\n'));
    // Long blocks, because the file is read again for each of them.
    const args = ['tsdb', 'create-blocks-from', '--max-block-duration=768h', 'openmetrics', file, data];
    execFileSync(promtool, args, { stdio: 'pipe' });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

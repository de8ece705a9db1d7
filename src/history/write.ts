/** Writes samples as OpenMetrics: family by family, series by series, each in one piece. */
import { once } from 'node:events';
import { createWriteStream, existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { recentFamily, totalFamily } from '../metrics/families.ts';
import { endOfFile, joinLabels, openMetricsHeader, seriesLines } from './openmetrics.ts';
import type { Part } from './place.ts';
import type { ApiSamples } from './samples.ts';

export interface WriteOptions {
  readonly samples: readonly ApiSamples[];
  /** Label text that every series has besides its own. */
  readonly labels: string;
  /** Minutes, for HELP. */
  readonly settleDelayMinutes: number;
  readonly work: string;
  readonly stdout: Writable;
  readonly signal: AbortSignal;
  readonly breathe: () => Promise<void>;
}

/** Characters gathered before they are written. */
const stretch = 2 ** 18;

/**
 * Writes one part of the output: to a file beside, which takes its place when it is whole.
 * @returns how many series of the part have samples; a file without any is not made
 */
export async function writePart({ path, from, to }: Part, options: WriteOptions): Promise<number> {
  if (path === undefined) return await writeAll(from, to, options, options.stdout);
  // Made by the run that is gone on with.
  if (existsSync(path)) return 0;
  const unfinished = join(options.work, 'output');
  const file = createWriteStream(unfinished);
  // Without a listener of its own a failure that comes between two writes would end the process.
  const failed = new Promise<never>((_, reject) => file.once('error', reject));
  failed.catch(() => {});
  const series = await Promise.race([writeAll(from, to, options, file), failed]);
  file.end();
  await Promise.race([once(file, 'close'), failed]);
  if (series === 0) rmSync(unfinished);
  else renameSync(unfinished, path);
  return series;
}

async function writeAll(from: number, to: number, options: WriteOptions, out: Writable): Promise<number> {
  const { breathe, signal } = options;
  let text = '';
  let series = 0;
  const flush = async () => {
    const ready = out.write(text);
    text = '';
    if (!ready) {
      await once(out, 'drain', { signal }).catch((error: unknown) => {
        // Why it was told to stop says more.
        signal.throwIfAborted();
        throw error;
      });
    }
    await breathe();
  };
  for (const { endpoint, fields, texts, columns } of options.samples) {
    const costs = endpoint.limits['1m'] === undefined;
    const fixed = costs ? 'bucket_width="1d",state="settled"' : '';
    for (const [index, at] of fields.entries()) {
      const field = endpoint.fields[at];
      if (field === undefined) continue;
      const family = (costs ? recentFamily : totalFamily)(endpoint, field, options.settleDelayMinutes);
      let header = openMetricsHeader(family);
      await columns.series(index, from, to, async (row, instants, values) => {
        const labels = joinLabels(fixed, texts[row] ?? '', options.labels);
        text += header + seriesLines(family.name, labels, instants, values);
        header = '';
        series++;
        if (text.length > stretch) await flush();
      });
    }
  }
  text += endOfFile;
  await flush();
  return series;
}

/** Writes samples as OpenMetrics: family by family, series by series, each in one piece. */
import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { recentFamily, totalFamily } from '../metrics/families.ts';
import { endOfFile, joinLabels, openMetricsHeader, timedLine } from './openmetrics.ts';
import type { OutputFile } from './output-files.ts';
import type { ApiSamples } from './samples.ts';
import { fileSink, type Sink, streamSink } from './sink.ts';

export interface WriteOptions {
  readonly samples: readonly ApiSamples[];
  /** Label text that every series has besides its own. */
  readonly labels: string;
  /** Minutes, for HELP. */
  readonly settleDelayMinutes: number;
  readonly work: string;
  readonly stdout: Writable;
  readonly signal: AbortSignal;
  /** @throws once the program was told to stop */
  readonly throwIfStopped: () => void;
}

/** Characters gathered before they are written. */
const stretch = 2 ** 17;

/**
 * Writes one file of the output: to a file beside, which takes its place when it is whole.
 * @returns how many series have samples in it; a file without any is not made
 */
export async function writeOutputFile({ path, from, to }: OutputFile, options: WriteOptions): Promise<number> {
  if (path === undefined) return await writeAll(from, to, options, streamSink(options.stdout, options.signal));
  // Made by the run that is gone on with.
  if (existsSync(path)) return 0;
  const unfinished = join(options.work, 'output');
  const sink = fileSink(unfinished);
  let series = 0;
  try {
    series = await writeAll(from, to, options, sink);
  } finally {
    sink.close();
  }
  if (series === 0) rmSync(unfinished);
  else renameSync(unfinished, path);
  return series;
}

async function writeAll(from: number, to: number, options: WriteOptions, sink: Sink): Promise<number> {
  let text = '';
  let series = 0;
  const flush = async () => {
    await sink.write(text);
    text = '';
    options.throwIfStopped();
  };
  for (const { endpoint, fields, texts, columns } of options.samples) {
    const costs = endpoint.kind === 'costs';
    const fixed = costs ? 'bucket_width="1d",state="settled"' : '';
    for (const [index, at] of fields.entries()) {
      const field = endpoint.fields[at];
      if (field === undefined) continue;
      const family = (costs ? recentFamily : totalFamily)(endpoint, field, options.settleDelayMinutes);
      let header = openMetricsHeader(family);
      for (const { row, instants, values } of columns.series(index, from, to)) {
        const labels = joinLabels(fixed, texts[row] ?? '', options.labels);
        text += header;
        header = '';
        series++;
        for (const [index, instant] of instants.entries()) {
          const value = values[index] ?? Number.NaN;
          if (!Number.isNaN(value)) text += timedLine(family.name, labels, value, instant);
          if (text.length > stretch) await flush();
        }
      }
    }
  }
  text += endOfFile;
  await flush();
  return series;
}

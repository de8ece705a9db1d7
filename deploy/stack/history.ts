/** A month of history for a Prometheus that has not started yet: written by the demonstration, made into blocks by promtool. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { findProgram } from './programs.ts';

const run = promisify(execFile);

/** The program that writes the text, built beside this one. */
const writer = fileURLToPath(new URL('./write-demo-past.js', import.meta.url));

export interface HistoryOptions {
  /** Folder for the text. */
  readonly directory: string;
  /** Prometheus's folder of blocks. */
  readonly data: string;
  /** The metrics of the running demonstration. */
  readonly metricsUrl: string;
  readonly job: string;
  readonly instance: string;
}

/** @throws if promtool is not installed, or either program fails */
export async function loadHistory(options: HistoryOptions): Promise<void> {
  const { directory, data, metricsUrl, job, instance } = options;
  const promtool = findProgram(['promtool'], 'prometheus');
  const file = join(directory, 'past.om');
  await run(process.execPath, [writer, metricsUrl, file, job, instance]);
  // Few and long blocks: promtool reads the whole text once for each.
  await run(promtool, ['tsdb', 'create-blocks-from', 'openmetrics', '--max-block-duration=1458h', file, data]);
}

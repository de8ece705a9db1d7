/** A month of history for a Prometheus that has not started yet: written by the demonstration, made into blocks by promtool. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findProgram } from './programs.ts';

const run = promisify(execFile);

export interface HistoryOptions {
  /** Folder of the package, built. */
  readonly root: string;
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
  const { root, directory, data, metricsUrl, job, instance } = options;
  const promtool = findProgram(['promtool'], 'prometheus');
  const file = join(directory, 'past.om');
  await run(process.execPath, [join(root, 'dist/reader/write-demo-past.js'), metricsUrl, file, job, instance]);
  // Few and long blocks: promtool reads the whole text once for each.
  await run(promtool, ['tsdb', 'create-blocks-from', 'openmetrics', '--max-block-duration=1458h', file, data]);
}

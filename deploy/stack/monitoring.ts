/** Prometheus and Alertmanager as they are installed, on given ports and with nothing kept afterwards. */
import { join } from 'node:path';
import { findProgram, type Running, startProgram } from './programs.ts';

export interface MonitoringOptions {
  /** Folder for data and logs. */
  readonly directory: string;
  readonly configuration: string;
  readonly port: number;
}

/** @param runbooks folder that is served at `/user`, for links in alerts */
export async function startPrometheus(
  { directory, configuration, port }: MonitoringOptions,
  runbooks?: string,
): Promise<Running> {
  return await startProgram({
    name: 'Prometheus',
    path: findProgram(['prometheus'], 'prometheus'),
    args: [
      `--config.file=${configuration}`,
      `--storage.tsdb.path=${join(directory, 'prometheus')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      ...(runbooks === undefined ? [] : [`--web.user-assets=${runbooks}`]),
      // What is there of the month before is not to be dropped.
      '--storage.tsdb.retention.time=90d',
      '--log.level=warn',
    ],
    log: join(directory, 'prometheus.log'),
    readyUrl: `http://127.0.0.1:${port}/-/ready`,
  });
}

export async function startAlertmanager({ directory, configuration, port }: MonitoringOptions): Promise<Running> {
  return await startProgram({
    name: 'Alertmanager',
    path: findProgram(['prometheus-alertmanager', 'alertmanager'], 'prometheus-alertmanager'),
    args: [
      `--config.file=${configuration}`,
      `--storage.path=${join(directory, 'alertmanager')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      // One alone: no other is looked for.
      '--cluster.listen-address=',
      '--log.level=warn',
    ],
    log: join(directory, 'alertmanager.log'),
    readyUrl: `http://127.0.0.1:${port}/-/ready`,
  });
}

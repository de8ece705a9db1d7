/** A real Prometheus that scrapes what a test runs: on a free port, with a data directory that goes with it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { vi } from 'vitest';
import { freePort } from '../../deploy/stack/programs.ts';
import type { Labels } from './exposition-parser.ts';
import { startProcess } from './process.ts';

export interface PrometheusOptions {
  /** The output of the program. */
  readonly path: string;
  readonly scrapeInterval: string;
  /** Instances, as `host:port`, by job. */
  readonly jobs: Readonly<Record<string, readonly string[]>>;
  /** The address of a list of targets, which is asked each second. */
  readonly discovery?: string;
  /** Holds what every job says besides, such as `scheme`. */
  readonly scraping?: Readonly<Record<string, unknown>>;
  /** Fills the data directory before the start. */
  readonly past?: (data: string) => void;
  /** Groups of rules, as in a file of rules. */
  readonly rules?: readonly unknown[];
  /** The address that alerts go to, as `host:port`. */
  readonly alertmanager?: string;
  /** The addresses that it writes what it has to, in the order in which it comes. */
  readonly remoteWrite?: readonly string[];
}

export interface Vector {
  readonly labels: Labels;
  readonly value: number;
}

export interface Matrix {
  readonly labels: Labels;
  /** Raw samples: seconds and value, oldest first. */
  readonly samples: readonly (readonly [number, number])[];
}

/** A server that answers queries as Prometheus does. */
export interface QueryApi {
  /** An instant query whose result is a vector. @param at seconds; default now */
  vector(query: string, at?: number): Promise<readonly Vector[]>;
  /** The raw samples of a range selector. */
  matrix(query: string, at?: number): Promise<readonly Matrix[]>;
  /** The `data` of any answer of its API. */
  get(path: string, parameters?: Readonly<Record<string, string>>): Promise<unknown>;
}

export interface Prometheus extends QueryApi {
  readonly url: string;
  stop(): Promise<void>;
}

export async function startPrometheus({
  path,
  scrapeInterval,
  jobs,
  discovery,
  scraping,
  past,
  rules,
  alertmanager,
  remoteWrite = [],
}: PrometheusOptions): Promise<Prometheus> {
  const directory = mkdtempSync(join(tmpdir(), 'prometheus-'));
  const configuration = {
    global: { scrape_interval: scrapeInterval, scrape_timeout: scrapeInterval },
    ...(rules === undefined ? {} : { rule_files: ['rules.yml'] }),
    ...(alertmanager === undefined
      ? {}
      : { alerting: { alertmanagers: [{ static_configs: [{ targets: [alertmanager] }] }] } }),
    remote_write: remoteWrite.map((url) => ({ url, queue_config: { batch_send_deadline: '1s', max_backoff: '1s' } })),
    scrape_configs: [
      ...Object.entries(jobs).map(([job_name, targets]) => ({ ...scraping, job_name, static_configs: [{ targets }] })),
      ...(discovery === undefined
        ? []
        : [{ ...scraping, job_name: 'found', http_sd_configs: [{ url: discovery, refresh_interval: '1s' }] }]),
    ],
  };
  const file = join(directory, 'prometheus.yml');
  // Whatever is JSON is YAML.
  writeFileSync(file, JSON.stringify(configuration));
  if (rules !== undefined) writeFileSync(join(directory, 'rules.yml'), JSON.stringify({ groups: rules }));
  past?.(join(directory, 'data'));
  const address = `127.0.0.1:${await freePort()}`;
  const started = startProcess(
    path,
    [
      `--config.file=${file}`,
      `--storage.tsdb.path=${join(directory, 'data')}`,
      `--web.listen-address=${address}`,
      '--log.level=warn',
      // As seen from the newest sample; of a past that a test made up, nothing is to be dropped.
      '--storage.tsdb.retention.time=10y',
      // What was sent before Alertmanager was found is lost, and is sent again.
      '--rules.alert.resend-delay=1s',
    ],
    {},
  );
  const url = `http://${address}`;
  const stop = async () => {
    await started.stop('SIGKILL');
    rmSync(directory, { recursive: true, force: true });
  };

  try {
    await vi.waitFor(
      async () => {
        const answer = await fetch(`${url}/-/ready`);
        if (answer.status !== 200) throw new Error(`not ready: ${answer.status}\n${started.err()}`);
      },
      { timeout: 20_000, interval: 100 },
    );
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, ...queryApi(url), stop };
}

/** The queries of a server at an address. */
export function queryApi(url: string): QueryApi {
  const get: QueryApi['get'] = async (path, parameters = {}) => {
    const answer = await fetch(`${url}${path}?${new URLSearchParams(parameters)}`);
    const body: unknown = await answer.json();
    if (!isRecord(body) || body['status'] !== 'success') throw new Error(`${path}: ${JSON.stringify(body)}`);
    return body['data'];
  };
  const query = async (text: string, type: string, at: number | undefined) => {
    const data = await get('/api/v1/query', { query: text, ...(at === undefined ? {} : { time: String(at) }) });
    if (!isRecord(data) || data['resultType'] !== type || !Array.isArray(data['result'])) {
      throw new Error(`no ${type}: ${text}`);
    }
    return data['result'].filter(isRecord);
  };

  return {
    get,
    vector: async (text, at) =>
      (await query(text, 'vector', at)).map(({ metric, value }) => ({
        labels: labelsOf(metric),
        value: sampleOf(value)[1],
      })),
    matrix: async (text, at) =>
      (await query(text, 'matrix', at)).map(({ metric, values }) => ({
        labels: labelsOf(metric),
        samples: Array.isArray(values) ? values.map(sampleOf) : [],
      })),
  };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function labelsOf(metric: unknown): Labels {
  return isRecord(metric)
    ? Object.fromEntries(Object.entries(metric).map(([name, value]) => [name, String(value)]))
    : {};
}

/** `[1700000000.123, "4.5"]` */
function sampleOf(pair: unknown): readonly [number, number] {
  if (!Array.isArray(pair)) throw new Error(`not a sample: ${JSON.stringify(pair)}`);
  const [at, value]: unknown[] = pair;
  const text = String(value);
  if (text.endsWith('Inf')) return [Number(at), text.startsWith('-') ? -Infinity : Infinity];
  return [Number(at), Number(text)];
}

/** A real VictoriaMetrics of one node: on a free port, which it keeps when it is killed and started again, with its data. */
import { readFileSync, rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, vi } from 'vitest';
import { freePort } from '../../deploy/stack/programs.ts';
import { type Program, startProcess } from './process.ts';
import { type QueryApi, queryApi } from './prometheus.ts';

export interface Victoria extends QueryApi {
  /** The address that Prometheus writes to. */
  readonly writeUrl: string;
  /** Takes in a file of OpenMetrics, whose samples can be queried afterwards. */
  import(file: string): Promise<void>;
  /** Ends it at once, as the loss of its machine would. */
  kill(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

export async function startVictoria(path: string): Promise<Victoria> {
  const data = await mkdtemp(join(tmpdir(), 'victoria-'));
  const address = `127.0.0.1:${await freePort()}`;
  const url = `http://${address}`;
  let running: Program | undefined;
  const kill = async () => {
    await running?.stop('SIGKILL');
    running = undefined;
  };
  const start = async () => {
    const program = startProcess(
      path,
      [
        `-httpListenAddr=${address}`,
        `-storageDataPath=${data}`,
        // The month by default, and the past of a test is longer ago.
        '-retentionPeriod=100y',
        // Else the newest half minute is left out of answers.
        '-search.latencyOffset=0s',
        '-loggerLevel=WARN',
      ],
      {},
    );
    running = program;
    await vi.waitFor(async () => expect((await fetch(`${url}/health`)).status, program.err()).toBe(200), {
      timeout: 20_000,
      interval: 100,
    });
  };
  const ask = async (way: string, options?: RequestInit) => {
    const answer = await fetch(`${url}${way}`, options);
    if (!answer.ok) throw new Error(`${way}: ${answer.status} ${await answer.text()}`);
  };
  await start();
  return {
    ...queryApi(url),
    writeUrl: `${url}/api/v1/write`,
    async import(file) {
      await ask('/api/v1/import/prometheus', { method: 'POST', body: readFileSync(file) });
      await ask('/internal/force_flush');
    },
    kill,
    start,
    async stop() {
      await kill();
      rmSync(data, { recursive: true, force: true });
    },
  };
}

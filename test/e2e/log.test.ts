/** The log and what is printed: whoever reads them may be full, slow or gone, and the exporter serves on. */
import { execFileSync, spawn } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test, vi } from 'vitest';
import { freePort } from '../../deploy/stack/programs.ts';
import { parseExposition } from '../helpers/exposition-parser.ts';
import { testKey } from '../helpers/scripted-api.ts';
import { scriptedApi } from './exporter.ts';

const program = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const dropped = 'openai_exporter_log_lines_dropped_total';

interface Started {
  readonly metrics: () => Promise<ReturnType<typeof parseExposition>>;
  /** Resolves with the exit code and the milliseconds since it was told to end. */
  readonly stop: () => Promise<{ readonly code: number | null; readonly took: number }>;
}

/** An exporter whose stderr is this file. */
async function exporterLoggingTo(stderr: number): Promise<Started> {
  const api = await scriptedApi();
  const port = await freePort();
  const args = [
    `--openai.base-url=${api.url}`,
    '--openai.max-requests-per-minute=600',
    '--names.refresh=0',
    '--poll.interval=1s',
    '--poll.idle-interval=1s',
    '--log.level=debug',
    `--web.listen-address=127.0.0.1:${port}`,
  ];
  const { PATH = '' } = process.env;
  const child = spawn(process.execPath, [program, ...args], {
    env: { PATH, OPENAI_ADMIN_KEY: testKey },
    stdio: ['ignore', 'ignore', stderr],
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  onTestFinished(() => void child.kill('SIGKILL'));
  const metrics = async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/metrics`, { signal: AbortSignal.timeout(3_000) });
    return parseExposition(await answer.text());
  };
  await vi.waitFor(metrics, { timeout: 20_000, interval: 100 });
  return {
    metrics,
    async stop() {
      const begun = performance.now();
      child.kill('SIGTERM');
      return { code: await ended, took: performance.now() - begun };
    },
  };
}

const polls = (page: ReturnType<typeof parseExposition>) =>
  page.value('openai_exporter_polls_total', { api: 'embeddings' }) ?? 0;

async function polledThrice(exporter: Started): Promise<void> {
  const before = polls(await exporter.metrics());
  await vi.waitFor(async () => expect(polls(await exporter.metrics())).toBeGreaterThan(before + 2), {
    timeout: 20_000,
    interval: 200,
  });
}

test('a full disk under the log loses lines, which are counted, and nothing else', async () => {
  const device = openSync('/dev/full', 'w');
  onTestFinished(() => closeSync(device));
  const exporter = await exporterLoggingTo(device);
  await polledThrice(exporter);
  expect((await exporter.metrics()).value(dropped)).toBeGreaterThan(0);
  expect((await exporter.stop()).code).toBe(0);
});

/** A pipe that is full already; `read` takes what is in it. */
function fullPipe() {
  const folder = mkdtempSync(join(tmpdir(), 'log-'));
  const path = join(folder, 'pipe');
  execFileSync('mkfifo', [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  onTestFinished(() => {
    closeSync(reader);
    closeSync(writer);
    rmSync(folder, { recursive: true });
  });
  const read = () => {
    const chunk = Buffer.alloc(65_536);
    let text = '';
    try {
      for (;;) {
        const count = readSync(reader, chunk);
        if (count === 0) return text;
        text += chunk.toString('utf8', 0, count);
      }
    } catch {
      // Empty for now.
      return text;
    }
  };
  try {
    for (;;) writeSync(writer, `${'x'.repeat(1_023)}\n`);
  } catch {
    return { writer, read };
  }
}

test('a reader of the log that stands still holds up neither a scrape nor the end', async () => {
  const pipe = fullPipe();
  const exporter = await exporterLoggingTo(pipe.writer);
  await polledThrice(exporter);
  expect(await exporter.stop()).toMatchObject({ code: 0 });
});

test('what a reader did not take for a while, it gets later', async () => {
  const pipe = fullPipe();
  const exporter = await exporterLoggingTo(pipe.writer);
  await polledThrice(exporter);
  let text = '';
  await vi.waitFor(() => {
    text += pipe.read();
    expect(text).toMatch(/listening on/);
    expect(text).toMatch(/page published/);
  });
  const { code, took } = await exporter.stop();
  text += pipe.read();
  expect(text).toMatch(/"msg":"stopping"/);
  expect([code, took < 5_000]).toEqual([0, true]);
});

test('a reader of the log that has gone ends nothing', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'log-'));
  const path = join(folder, 'pipe');
  execFileSync('mkfifo', [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = openSync(path, constants.O_WRONLY);
  closeSync(reader);
  onTestFinished(() => {
    closeSync(writer);
    rmSync(folder, { recursive: true });
  });
  const exporter = await exporterLoggingTo(writer);
  await polledThrice(exporter);
  expect((await exporter.metrics()).value(dropped)).toBeGreaterThan(0);
  expect((await exporter.stop()).code).toBe(0);
});

/** Runs the program with stdout as the shell says. */
async function printing(
  args: string,
  redirect: string,
): Promise<{ readonly code: number | null; readonly err: string }> {
  const { PATH = '' } = process.env;
  const child = spawn('bash', ['-c', `"$0" "$1" ${args} ${redirect}`, process.execPath, program], {
    env: { PATH, OPENAI_ADMIN_KEY: testKey },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let err = '';
  child.stderr.on('data', (chunk: Buffer) => {
    err += chunk.toString();
  });
  return { code: await new Promise((resolve) => child.once('close', resolve)), err };
}

test('a table whose reader has gone is no error; one that does not fit the disk is', async () => {
  const api = await scriptedApi();
  for (const args of ['--help', `check --openai.base-url=${api.url}`]) {
    const gone = await printing(args, '> >(exec true)');
    expect([args, gone.code, gone.err]).toEqual([args, 0, '']);
    const full = await printing(args, '> /dev/full');
    expect([args, full.code]).toEqual([args, 1]);
    expect(full.err).toMatch(/^stdout cannot be written: ENOSPC\n$/);
  }
});

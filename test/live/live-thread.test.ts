/** The thread of live usage: reports are answered by it, and when it dies, nobody waits for ever. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { createLiveThread, LiveUnavailable } from '../../src/live/live-thread.ts';
import type { Report } from '../../src/live/report.ts';
import { patience } from '../helpers/live-server.ts';
import { recordingLog } from '../helpers/recording-log.ts';

/** Answers each report with its own body, dies of `die`, and ends when it is told to. */
const echo = `
  const { parentPort } = require('node:worker_threads');
  let refused = 0;
  parentPort.on('message', (message) => {
    if (message.kind === 'stop') process.exit(0);
    if (message.kind === 'refused') refused += message.reports;
    if (message.kind !== 'reports') return;
    const textOf = (body) => Buffer.concat(body).toString().replace('refused?', String(refused));
    const answers = message.reports.map(({ id, body }) => ({ id, status: 200, body: textOf(body) }));
    if (answers.some(({ body }) => body === 'die')) throw new Error('died');
    parentPort.postMessage({ kind: 'answers', answers });
  });
`;

const report = (text: string): Report => ({ form: 'records', body: [Buffer.from(text)], isGzip: false, query: '' });

function start() {
  const log = recordingLog();
  const workers: Worker[] = [];
  const clock = { ...systemClock, sleep: () => Promise.resolve() };
  const thread = createLiveThread({
    spawn: () => {
      const worker = new Worker(echo, { eval: true });
      workers.push(worker);
      return worker;
    },
    clock,
    log,
    writeLine: () => {},
  });
  const stop = new AbortController();
  const ended = thread.run(stop.signal);
  onTestFinished(async () => {
    stop.abort();
    await ended;
  });
  return { thread, workers, stop, ended, log };
}

test('each report has its own answer, however many there are at once', async () => {
  const { thread } = start();
  const texts = Array.from({ length: 200 }, (_, index) => `report ${index} ${'x'.repeat(index * 100)}`);
  const answers = await Promise.all(texts.map((text) => thread.report(report(text))));
  expect(answers.map(({ body }) => body)).toEqual(texts);
});

test('reports that wait while it dies are told so, and it is started again', async () => {
  const { thread, workers, log } = start();
  await expect(thread.report(report('die'))).rejects.toThrow(LiveUnavailable);
  await expect.poll(() => workers.length, patience).toBe(2);
  const again = () => thread.report(report('again')).catch(() => undefined);
  await expect.poll(async () => (await again())?.body, patience).toBe('again');
  expect(log.of('error')).toEqual([expect.stringContaining('the thread of live usage has died')]);
});

test('it ends when it is told to, and takes nothing more', async () => {
  const { thread, workers, stop, ended } = start();
  await thread.report(report('a'));
  const exit = workers[0] === undefined ? undefined : once(workers[0], 'exit');
  stop.abort();
  await Promise.all([ended, exit]);
  await expect(thread.report(report('b'))).rejects.toThrow(LiveUnavailable);
});

test('reports that were refused are told of, also those from while it was not there', async () => {
  const { thread } = start();
  for (let count = 0; count < 3; count++) thread.refused();
  expect(await thread.report(report('refused?'))).toMatchObject({ body: '3' });
  await thread.report(report('die')).catch(() => undefined);
  thread.refused();
  const again = () => thread.report(report('refused?')).catch(() => undefined);
  await expect.poll(async () => (await again())?.body, patience).toBe('1');
});

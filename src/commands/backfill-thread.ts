/** The entry of the thread that runs `backfill`. */
import { Writable } from 'node:stream';
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { buildInfo } from '../build-info.ts';
import { systemClock } from '../clock.ts';
import { createLogger } from '../log.ts';
import { colours, logLook, noPaint } from '../paint.ts';
import { createLiveClient } from '../reader/live-client.ts';
import { runBackfill } from './backfill.ts';
import type { BackfillTask, FromBackfill, ToBackfill } from './start-backfill.ts';

async function backfill({ settings, history, key, coloured }: BackfillTask, port: MessagePort): Promise<void> {
  const post = (message: FromBackfill) => port.postMessage(message);
  const stop = new AbortController();
  let taken: (() => void) | undefined;
  const hear = (message: ToBackfill) => {
    if (message.kind === 'taken') taken?.();
    else stop.abort(new Error(message.reason));
  };
  port.on('message', hear);
  const code = await runBackfill({
    settings,
    history,
    client: await createLiveClient({
      ...{ settings, key, environment: process.env, clock: systemClock },
      version: buildInfo.version,
      sparing: false,
    }),
    clock: systemClock,
    log: createLogger({
      ...settings.log,
      destination: { write: (line) => post({ kind: 'log', line }) },
      look: logLook(coloured ? colours : noPaint),
    }),
    signal: stop.signal,
    throwIfStopped() {
      // What runs straight through gives the port no turn, so it is looked into.
      for (let sent = receiveMessageOnPort(port); sent !== undefined; sent = receiveMessageOnPort(port)) {
        hear(sent.message);
      }
      stop.signal.throwIfAborted();
    },
    stdout: new Writable({
      decodeStrings: false,
      write(text: string, _encoding, done) {
        taken = done;
        post({ kind: 'out', text });
      },
    }),
    err: { write: (text) => post({ kind: 'mistake', text }) },
  });
  post({ kind: 'end', code });
  // Kept connections would keep the thread for a while.
  port.close();
}

if (parentPort === null) throw new Error('this file is the entry of a worker thread');
await backfill(workerData, parentPort);

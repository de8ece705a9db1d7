/**
 * The entry of a reading thread: reads one organization, renders its page, keeps its state file, and tells the serving
 * thread. It runs straight through; whatever takes long here makes nobody wait for a scrape.
 */
import { setMaxListeners } from 'node:events';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { type Clock, systemClock } from '../clock.ts';
import { createLogger, type Logger, withFields } from '../log.ts';
import { ownText } from '../metrics/own-text.ts';
import { buffersOf } from '../metrics/page.ts';
import { colours, logLook, noPaint } from '../paint.ts';
import { type StateFile, stateFile } from '../state/file.ts';
import { formerFingerprint, seriesFingerprint } from '../state/fingerprint.ts';
import { createExporter, type Exporter, type ExporterOptions } from './exporter.ts';
import { createHeapGrowth } from './heap-growth.ts';
import { createLiveClient } from './live-client.ts';
import { statusOf, summaryOf } from './make-status.ts';
import type { FromReader, ReaderTask, ToReader } from './messages.ts';

/** Milliseconds for which changes of the own metrics are gathered before they are sent. */
const healthEvery = 100;
/** The same with several organizations, whose threads share the processors. */
const healthEveryAmongOthers = 500;
/** Milliseconds for which changes are gathered before the line for the list of several organizations is made anew. */
const summaryEvery = 5_000;
/** Milliseconds between two signs of life. */
const aliveEvery = 10_000;

interface Organization {
  readonly clock: Clock;
  readonly client: ExporterOptions['client'];
  close(): Promise<void>;
}

async function read(task: ReaderTask, port: MessagePort): Promise<void> {
  const { settings } = task;
  const post = (message: FromReader, moved: ArrayBuffer[] = []) => port.postMessage(message, moved);
  const lines = createLogger({
    ...settings.log,
    destination: { write: (line) => post({ kind: 'log', line }) },
    look: logLook(task.coloured ? colours : noPaint),
  });
  const log = task.among === undefined ? lines : withFields(lines, { organization: task.among.name });
  const stop = new AbortController();
  // Every poller waits on it.
  setMaxListeners(0, stop.signal);
  let taken: (() => void) | undefined;
  let exporter: Exporter | undefined;

  // The flag is one for all threads: with several organizations, or live usage, memory does not suffice for all.
  const grow = task.among === undefined && !settings.live.enabled ? createHeapGrowth() : () => {};
  const { version, revision } = task.build;
  const organization = await organizationOf(task, version, log);
  const { clock } = organization;
  const simulated = task.key === undefined;
  const startedAt = clock.now();
  const status = (of: Exporter) =>
    statusOf({ exporter: of, version, revision, simulated, startedAt, now: clock.now() });

  port.on('message', (message: ToReader) => {
    switch (message.kind) {
      case 'taken':
        taken?.();
        break;
      case 'status':
        if (exporter === undefined) break;
        post({ kind: 'status', id: message.id, status: status(exporter) });
        break;
      case 'stop':
        stop.abort(new Error('told to stop'));
        taken?.();
        break;
    }
  });

  const file = stateFileOf(task, log);
  const memory = file && (await memoryIn(file, task));
  exporter = createExporter({
    settings,
    clock,
    log,
    version,
    revision,
    client: organization.client,
    // The demonstration has a limit of its own.
    ...(simulated ? {} : { maxRequestsPerMinute: settings.openai.maxRequestsPerMinute }),
    ...(memory === undefined ? {} : { memory }),
    prices: (prices) => post({ kind: 'prices', prices }),
    stateFileTrouble: () => (isWithoutPlace(task) ? noPlace : file?.trouble()),
    show(update, hours) {
      grow(update.series);
      const done = new Promise<void>((resolve) => {
        taken = resolve;
      });
      post({ kind: 'page', update, hours }, buffersOf(update));
      return stop.signal.aborted ? undefined : done;
    },
  });
  const running = exporter;
  const summary = () => post({ kind: 'summary', summary: summaryOf(status(running)) });
  const health = tellHealth(exporter, post, task.among === undefined ? undefined : summary);
  const alive = setInterval(() => {
    post({ kind: 'alive' });
    health.tell();
  }, aliveEvery);
  try {
    await exporter.run(stop.signal);
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  } finally {
    await file?.close();
    clearInterval(alive);
    await health.end();
    await organization.close();
    // A thread of Node's pool that waits for the disk keeps this one from ending.
    if (file?.holdsThread() === true) post({ kind: 'hanging' });
  }
}

/** The real organization, or the simulated one where there is no key. */
async function organizationOf(
  { settings, key, began, among }: ReaderTask,
  version: string,
  log: Logger,
): Promise<Organization> {
  if (key === undefined) {
    // The simulation is as large as all that reads, and only a demonstration needs it.
    const { startDemo } = await import('./demo.ts');
    const number = among?.number ?? 0;
    return await startDemo({ wall: systemClock, speed: settings.demo.speed, began, number, version, log });
  }
  const options = { settings, key, environment: process.env, clock: systemClock, version, sparing: true };
  return { clock: systemClock, client: await createLiveClient(options), close: async () => {} };
}

/** Undefined where there is to be no state file, or there is no place for one. */
function stateFileOf(task: ReaderTask, log: Logger): StateFile | undefined {
  const { settings, key } = task;
  const { file: path, isUsual } = settings.state;
  const simulated = key === undefined;
  if (isWithoutPlace(task)) log.warn(noPlace);
  if (path === undefined) return undefined;
  const fingerprint = seriesFingerprint(settings, simulated);
  const former = formerFingerprint(settings, simulated);
  return stateFile({ path, makeFolder: isUsual, fingerprint, former, log, clock: systemClock });
}

/** Reports whether there is to be a state file, and no place is known for it. */
function isWithoutPlace({ settings, key }: ReaderTask): boolean {
  return key !== undefined && settings.state.file === undefined && settings.state.isUsual;
}

const noPlace =
  'there is no state file: none of STATE_DIRECTORY, XDG_STATE_HOME and HOME names a folder for it. A restart may look like a counter reset; give --state.file, or --state.file=none if that is meant';

/** The state that an earlier process has left, and the place where this one keeps what it shows. */
async function memoryIn(file: StateFile, { settings, key }: ReaderTask): Promise<ExporterOptions['memory']> {
  const { state, names } = await file.load();
  const { save, keepNames, errors } = file;
  const fingerprint = seriesFingerprint(settings, key === undefined);
  return { fingerprint, earlier: state, earlierNames: names, save, keepNames, errors };
}

/**
 * Sends the own metrics whenever they have changed, but not for every single change.
 * @param summary sends the line for the list of several organizations, if there are several
 */
function tellHealth(exporter: Exporter, post: (message: FromReader) => void, summary?: () => void) {
  let timer: NodeJS.Timeout | undefined;
  let summaryTimer: NodeJS.Timeout | undefined;
  let wasReady = false;
  const every = summary === undefined ? healthEvery : healthEveryAmongOthers;
  const send = async () => {
    const own = ownText(await exporter.self.text());
    post({ kind: 'health', own, ready: exporter.ready(), up: isUp(exporter) });
  };
  const tell = () => {
    summaryTimer ??= setTimeout(() => {
      summaryTimer = undefined;
      summary?.();
    }, summaryEvery);
    // Another thread may wait for its turn to start.
    if (!wasReady && exporter.ready()) {
      wasReady = true;
      void send();
    }
    timer ??= setTimeout(() => {
      timer = undefined;
      void send();
    }, every);
  };
  exporter.self.onChange(tell);
  void send();
  return {
    tell,
    async end() {
      clearTimeout(timer);
      clearTimeout(summaryTimer);
      await send();
    },
  };
}

/** Reports whether OpenAI answers: the last poll of one api at least succeeded. Undefined until one was tried. */
function isUp({ apis }: Exporter): boolean | undefined {
  const tried = apis.filter(({ status }) => status.up !== undefined);
  return tried.length === 0 ? undefined : tried.some(({ status }) => status.up);
}

if (parentPort === null) throw new Error('this file is the entry of a worker thread');
await read(workerData, parentPort);
// What the client keeps open would keep the thread for a while.
process.exit(0);

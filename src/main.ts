#!/usr/bin/env node
/**
 * The entry: settings, then the command. Only this file touches the process: arguments, signals, exit codes. What
 * `serve` does not need is imported by the commands that do.
 */
import './heap.ts';
import { setMaxListeners } from 'node:events';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { buildInfo } from './build-info.ts';
import { systemClock } from './clock.ts';
import { exitCodes } from './commands/exit-codes.ts';
import { judgeMemory } from './commands/memory-limit.ts';
import { createReloads } from './commands/reload.ts';
import { placesText, type ServeOptions, serve } from './commands/serve.ts';
import { serveOne, serveSeveral } from './commands/served.ts';
import { type BackfillTask, startBackfill } from './commands/start-backfill.ts';
import { codeOf, reasonOf } from './error-code.ts';
import { leaveHanging } from './leave.ts';
import { createLiveThread, type LiveThread } from './live/live-thread.ts';
import type { LiveTask } from './live/messages.ts';
import { collectAlone, createSeldomCollection } from './live/short-pauses.ts';
import { createLogger, type Logger } from './log.ts';
import { createReaderMetrics } from './metrics/self-reader.ts';
import { createServingMetrics } from './metrics/self-serving.ts';
import type { Api } from './openai/catalogue.ts';
import { createLineOutput, type LineOutput, stderrSink } from './output.ts';
import { colours, logLook, paintFor, paintMistake } from './paint.ts';
import type { ReaderTask } from './reader/messages.ts';
import { optimizeLater } from './reader/optimize-later.ts';
import { createOrganizations } from './reader/organizations.ts';
import { createReader, ReaderFailed } from './reader/reader.ts';
import { createStarts } from './reader/starts.ts';
import type { BackfillSettings } from './settings/backfill-settings.ts';
import { helpText } from './settings/help.ts';
import type { KeySetting } from './settings/key-setting.ts';
import type { ListenAddress } from './settings/listen-address.ts';
import { polledApis, readApis } from './settings/polled-apis.ts';
import { type Organization, parseSettings, type Settings, type SeveralOrganizations } from './settings/settings.ts';
import { loadWebConfig, type WebConfig } from './settings/web-config.ts';
import { type CheckReporter, createReporterCheck } from './web/bearer-token.ts';
import { ListenError } from './web/listen-error.ts';

const { version, revision } = buildInfo;
const { done, failed, misused } = exitCodes;

/** The output of the log; made with the first logger. */
let logOutput: LineOutput | undefined;
/** Reports whether a thread could not be ended. */
let isStuck = () => false;
/** The signal that the process was told to end with. */
let stoppedBy: NodeJS.Signals | undefined;
/** The error that kept something printed from its reader. */
let printingFailed: Error | undefined;

process.stdout.on('error', (error) => {
  printingFailed ??= error;
});

async function main(): Promise<number> {
  const parsed = parseSettings(process.argv.slice(2), process.env);
  if ('errors' in parsed) {
    const paint = paintFor(process.stderr, process.env);
    for (const error of parsed.errors) process.stderr.write(`${paintMistake(error, paint)}\n`);
    return misused;
  }
  switch (parsed.command) {
    case 'help':
      process.stdout.write(helpText(parsed.about));
      return done;
    case 'version':
      process.stdout.write(`openai-usage-exporter ${version} (${revision})\n`);
      return done;
    case 'health': {
      const { runHealth } = await import('./commands/health.ts');
      return await runHealth({
        listen: parsed.settings.web.listen,
        tls: tlsOf(parsed.settings.web.configFile),
        clock: systemClock,
        err: process.stderr,
      });
    }
    case 'check':
      return 'several' in parsed ? await checkSeveral(parsed.several) : await check(parsed.settings, parsed.key);
    case 'serve':
      if (tellTooLittleMemory()) return misused;
      if ('several' in parsed) return await runSeveral(parsed.settings, parsed.several.organizations, parsed.several);
      return await runOne(parsed.settings, parsed.key);
    case 'backfill':
      return await backfill(parsed.settings, parsed.history, parsed.key);
    case 'demo':
      if (tellTooLittleMemory()) return misused;
      if (parsed.organizations.length > 0) return await runSeveral(parsed.settings, parsed.organizations);
      return await runOne(parsed.settings, undefined);
  }
}

/** Reports whether the memory limit is one in which nothing can run, which it then tells. */
function tellTooLittleMemory(): boolean {
  const { mistake } = judgeMemory(process.constrainedMemory());
  if (mistake === undefined) return false;
  process.stderr.write(`${paintMistake(mistake, paintFor(process.stderr, process.env))}\n`);
  return true;
}

/** Asks one organization after the other, a table each. */
async function checkSeveral({ organizations }: SeveralOrganizations): Promise<number> {
  let code: number = done;
  for (const [index, { name, settings, key }] of organizations.entries()) {
    if (key === undefined) continue;
    process.stdout.write(`${index === 0 ? '' : '\n'}${name}\n`);
    code = Math.max(code, await check(settings, key));
  }
  return code;
}

async function check(settings: Settings, key: KeySetting): Promise<number> {
  const { runCheck } = await import('./commands/check.ts');
  const { probeApi, probeManagement, probeStateFile } = await import('./commands/probe.ts');
  const { createLiveClient } = await import('./reader/live-client.ts');
  const options = { settings, key, environment: process.env, clock: systemClock, version, sparing: false };
  const client = (await createLiveClient(options))({ attempt: () => {}, retry: () => {} });
  const { groupBy, groupByGranted, filters } = settings.poll;
  const asked = { client, clock: systemClock, groupBy, groupByGranted, filters };
  const { file, isUsual } = settings.state;
  return await runCheck({
    apis: readApis(settings.poll),
    skipped: notPolled(settings.poll).map((api) => ({ api, why: 'does not support a filter that is set' })),
    probe: (api) => probeApi(asked, api),
    probeManagement: () => probeManagement(asked),
    ...(file === undefined ? {} : { probeStateFile: () => probeStateFile(file, isUsual) }),
    paint: paintFor(process.stdout, process.env),
    out: process.stdout,
  });
}

/** Returns how the exporter that `health` asks speaks TLS, if it does. */
function tlsOf(configFile: string | undefined): WebConfig['tls'] {
  const loaded = configFile === undefined ? undefined : loadWebConfig(configFile);
  return loaded !== undefined && 'config' in loaded ? loaded.config.tls : undefined;
}

async function backfill(settings: Settings, history: BackfillSettings, key: KeySetting): Promise<number> {
  const log = loggerOf(settings);
  const stop = stopping();
  // Who reads it may go away.
  process.stdout.once('error', (error) => stop.abort(error));
  tellNotPolled(settings, log);
  const task: BackfillTask = { settings, history, key, coloured: paintFor(process.stderr, process.env) === colours };
  return await startBackfill({
    spawn: () => new Worker(new URL('./commands/backfill-thread.js', import.meta.url), { workerData: task }),
    log,
    writeLine: (line) => logOutput?.write(line),
    out: process.stdout,
    err: process.stderr,
    signal: stop.signal,
    stuck() {
      isStuck = () => true;
    },
  });
}

/** Returns what is aborted when the process is told to end. */
function stopping(): AbortController {
  const stop = new AbortController();
  // Every poller waits on it.
  setMaxListeners(0, stop.signal);
  // Not once: npm passes on what the terminal has sent already, and stopping ends by itself within 5 s.
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.on(name, () => {
      stoppedBy ??= name;
      stop.abort(new Error(`${name} received`));
    });
  }
  return stop;
}

function tellNotPolled({ poll }: Settings, log: Logger): void {
  for (const api of notPolled(poll)) {
    log.warn(
      `${api} is not polled: it does not support every filter that is set, so its numbers would cover too much`,
      { api },
    );
  }
}

/** Apis that were chosen but do not support every filter that is set. */
function notPolled(poll: Settings['poll']): readonly Api[] {
  const polled = polledApis(poll);
  return poll.apis.filter((api) => !polled.includes(api));
}

/** @param key undefined for a demonstration */
async function runOne(settings: Settings, key: KeySetting | undefined): Promise<number> {
  if (settings.live.enabled) collectAlone();
  const stop = stopping();
  const log = loggerOf(settings);
  tellNotPolled(settings, log);
  const began = systemClock.now();
  const metrics = createServingMetrics({ clock: systemClock, logLinesDropped });
  const readerMetrics = createReaderMetrics();
  const live = settings.live.enabled
    ? {
        thread: liveThread(
          settings,
          log,
          key === undefined ? { began, number: 0 } : undefined,
          createSeldomCollection(systemClock),
        ),
        isAllowed: reporterCheck(settings, log),
      }
    : undefined;
  const reader = createReader({
    spawn: () => spawnReader({ settings, key, coloured: isColoured(), began, build: buildInfo }),
    clock: systemClock,
    log,
    writeLine: (line) => logOutput?.write(line),
    restarting: readerMetrics.restarted,
    showsHours: (hours) => live?.thread.showsHours(hours),
    goesBy: (prices) => live?.thread.goBy(prices),
  });
  isStuck = reader.isStuck;
  const served = serveOne({ reader, readerMetrics, metrics, live });
  return await run({ served, metrics, settings, log, simulated: key === undefined, signal: stop.signal });
}

/** @param several the file that they are from; undefined for a demonstration */
async function runSeveral(
  settings: Settings,
  first: readonly Organization[],
  several?: SeveralOrganizations,
): Promise<number> {
  const stop = stopping();
  const log = loggerOf(settings);
  const began = systemClock.now();
  const organizations = createOrganizations({
    spawn: ({ name, settings, key }, number) =>
      spawnReader({ settings, key, coloured: isColoured(), began, build: buildInfo, among: { name, number } }),
    clock: systemClock,
    log,
    writeLine: (line) => logOutput?.write(line),
    processStart: systemClock.now() - process.uptime() * 1_000,
    starts: createStarts({ atOnce: startsAtOnce(), longest: longestStart, clock: systemClock }),
    starting: ({ settings }, own) => tellNotPolled(settings, own),
    beside: settings.live.enabled
      ? ({ settings, key }, number, own) => liveThread(settings, own, key === undefined ? { began, number } : undefined)
      : undefined,
  });
  isStuck = organizations.isStuck;
  const reloads = several && createReloads({ several, organizations, clock: systemClock, log });
  const metrics = createServingMetrics({
    clock: systemClock,
    logLinesDropped,
    several: {
      build: { version, revision },
      organizations: () => [...organizations.running().values()].map(({ name, reader }) => ({ name, up: reader.up })),
      reloads: () => reloads && { successful: reloads.successful(), lastSuccess: reloads.lastSuccess() },
    },
  });
  if (reloads !== undefined) process.on('SIGHUP', () => void reloads.now());
  optimizeLater();
  organizations.apply(first);
  const served = serveSeveral({
    ...{ organizations, metrics, version, revision, clock: systemClock },
    isAllowed: reporterCheck(settings, log),
    ...(reloads && { reloads }),
  });
  return await run({
    ...{ served, metrics, settings, log, simulated: several === undefined, signal: stop.signal },
    organizations: first.map(({ name }) => name),
  });
}

/** Young objects get 12 MB in a thread: the 48 of Node would stay resident after the first large poll. */
const resourceLimits = { maxYoungGenerationSizeMb: 12 };

/** Several threads have as many heaps, so each has less. */
const limitsAmongOthers = { maxYoungGenerationSizeMb: 2 };

/** The threads that start at once: however many processors there are, memory is to hold the garbage of four starts. */
const startsAtOnce = () => Math.min(availableParallelism(), 4);

/** Milliseconds for which the start of one of several threads may hold up the next: about what it costs a processor. */
const longestStart = 1_000;

function spawnReader(task: ReaderTask): Worker {
  const limits = task.among === undefined ? resourceLimits : limitsAmongOthers;
  return new Worker(new URL('./reader/thread.js', import.meta.url), { workerData: task, resourceLimits: limits });
}

function liveThread(
  settings: Settings,
  log: Logger,
  demo: LiveTask['demo'],
  handedOver?: (bytes: number) => void,
): LiveThread {
  const task: LiveTask = { settings, coloured: isColoured(), demo };
  return createLiveThread({
    spawn: (restarts) => {
      const workerData: LiveTask = { ...task, restarts };
      return new Worker(new URL('./live/thread.js', import.meta.url), { workerData, resourceLimits });
    },
    clock: systemClock,
    log,
    writeLine: (line) => logOutput?.write(line),
    handedOver,
  });
}

function reporterCheck({ live: { tokenFile } }: Settings, log: Logger): CheckReporter {
  return createReporterCheck({ tokenFile, clock: systemClock, log });
}

function isColoured(): boolean {
  return paintFor(process.stderr, process.env) === colours;
}

function logLinesDropped(): number {
  return logOutput?.dropped() ?? 0;
}

interface RunOptions extends Pick<ServeOptions, 'served' | 'metrics' | 'log' | 'simulated' | 'signal'> {
  readonly settings: Settings;
  /** The names of several, as they are at the start. */
  readonly organizations?: readonly string[];
}

async function run({ settings, organizations, ...options }: RunOptions): Promise<number> {
  const listening = options.simulated ? { listening: showPlaces(settings, organizations) } : {};
  const { warning } = judgeMemory(process.constrainedMemory());
  if (warning !== undefined) options.log.warn(warning);
  try {
    await serve({ ...options, settings, clock: systemClock, version, ...listening });
    return done;
  } catch (error) {
    if (!(error instanceof ListenError || error instanceof ReaderFailed)) throw error;
    options.log.error(error.message, error.cause === undefined ? {} : { error });
    return failed;
  }
}

function showPlaces(
  { web: { telemetryPath } }: Settings,
  organizations: readonly string[] = [],
): (address: ListenAddress, secure: boolean) => void {
  const paint = paintFor(process.stdout, process.env);
  return (address, secure) =>
    process.stdout.write(placesText({ address, secure, telemetryPath, organizations, paint }));
}

function loggerOf({ log }: Settings): Logger {
  const destination: LineOutput = createLineOutput({
    sink: stderrSink(),
    recovered: (lines) =>
      logger.warn(
        'log lines were dropped because they could not be written; openai_exporter_log_lines_dropped_total counts them',
        { lines },
      ),
  });
  const logger = createLogger({ ...log, destination, look: logLook(paintFor(process.stderr, process.env)) });
  logOutput = destination;
  return logger;
}

main().then(end, async (error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  await end(failed);
});

/** Milliseconds that the last lines of the log may take, and what was printed, once the process was told to end. */
const lastWords = 500;

/** Ends the process once what was logged and printed is out; kept connections would keep it for a while. */
async function end(code: number): Promise<void> {
  await logOutput?.flush(lastWords);
  await printed();
  // Who stopped reading has seen enough.
  if (printingFailed !== undefined && codeOf(printingFailed) !== 'EPIPE' && code === done) {
    process.stderr.write(`stdout cannot be written: ${reasonOf(printingFailed)}\n`);
    leave(failed);
  }
  leave(code);
}

/** Resolves once stdout has taken all. Its reader may be slow, but it does not hold up a process that was told to end. */
function printed(): Promise<void> {
  return new Promise((resolve) => {
    process.stdout.write('', () => resolve());
    if (stoppedBy !== undefined) setTimeout(resolve, lastWords);
  });
}

/** Ends the process with this code, whatever does not return. */
function leave(code: number): never {
  if (logOutput?.holdsThread() === true || isStuck()) leaveHanging(code, stoppedBy);
  process.exit(code);
}

/**
 * `backfill`: writes history as OpenMetrics, for `promtool tsdb create-blocks-from openmetrics`. First everything is
 * read into a folder for work, then it is written: OpenMetrics wants each family in one piece, and OpenAI is asked day
 * by day.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import {
  type Asked,
  type Bounds,
  boundsOf,
  headSpanText,
  isoOf,
  type Step,
  stepsOf,
} from '../backfill/backfill-plan.ts';
import { type HistoryReading, readHistory } from '../backfill/fill-journal.ts';
import { Journal } from '../backfill/journal.ts';
import { labelsText } from '../backfill/openmetrics.ts';
import { type Output, prepareOutput, removeWorkFolder } from '../backfill/output-files.ts';
import { createProgress, type Progress } from '../backfill/progress.ts';
import { type ApiSamples, makeSamples } from '../backfill/samples.ts';
import { writeOutputFile } from '../backfill/write.ts';
import type { Clock } from '../clock.ts';
import type { Logger } from '../log.ts';
import { earliestDayIn } from '../openai/advice.ts';
import { type Endpoint, endpoints } from '../openai/catalogue.ts';
import type { Client } from '../openai/client.ts';
import { ApiError, inFull, isBeyondLookback, sentence } from '../openai/errors.ts';
import { aboutGrouping, askerOf, grantedOf, withAdvice } from '../openai/granted.ts';
import { createPageSizes, type PageSizes } from '../openai/read-buckets.ts';
import type { ExporterOptions } from '../reader/exporter.ts';
import type { BackfillSettings } from '../settings/backfill-settings.ts';
import { polledApis } from '../settings/polled-apis.ts';
import type { Settings } from '../settings/settings.ts';
import { FieldTable } from '../usage/fields.ts';
import { takeoverDelay } from '../usage/settle.ts';
import { type Anchor, anchorAfter, anchorAt, day } from '../usage/windows.ts';

export interface BackfillOptions {
  readonly settings: Pick<Settings, 'openai' | 'poll' | 'counters' | 'series'>;
  readonly history: BackfillSettings;
  readonly client: ExporterOptions['client'];
  readonly clock: Clock;
  readonly log: Logger;
  /** The signal that is aborted when the program is told to stop. */
  readonly signal: AbortSignal;
  /** Lets what gives the event loop no turn end. @throws once the program was told to stop */
  readonly throwIfStopped: () => void;
  readonly stdout: Writable;
  /** stderr, for what is wrong with the command line. */
  readonly err: { write(text: string): unknown };
}

/** The part of an api that is read, and the journal that keeps it. */
interface ApiPlan {
  readonly endpoint: Endpoint;
  readonly dimensions: readonly string[];
  readonly steps: readonly Step[];
  /** Path of the journal. */
  readonly journal: string;
}

/** Resolves with the exit code: 0 when all is written, 1 if it was stopped or failed, 2 if it was refused. */
export async function runBackfill(options: BackfillOptions): Promise<0 | 1 | 2> {
  const { settings, history, clock, log, err } = options;
  const bounds = boundsOf(askedOf(options), clock.now());
  const output = 'mistake' in bounds ? bounds : outputOf(options, bounds);
  if ('mistake' in output) {
    err.write(`${output.mistake}\n`);
    return 2;
  }
  logBounds(log, history, output.bounds);
  warnOfLabels(log, history);
  try {
    const plans = planApis(options, output);
    const done = await readApis(options, plans);
    await writeOutput(options, output, done);
    removeWorkFolder(output);
    return 0;
  } catch (error) {
    const hopeless = isBeyondLookback(error);
    const resumable = history.output !== '-' && !hopeless;
    if (!resumable) removeWorkFolder(output);
    const advice = hopeless
      ? beginLater(error, output.bounds, settings.counters.anchor)
      : resumable
        ? ' --resume goes on from here.'
        : '';
    log.error(`the backfill failed: ${reasonOf(error, hopeless)}${advice}`);
    return 1;
  }
}

function askedOf({ settings, history: { from, to, width } }: BackfillOptions): Asked {
  return { from, to, width, settleDelay: settings.poll.settleDelay, anchor: settings.counters.anchor };
}

function outputOf({ settings, history }: BackfillOptions, bounds: Bounds): ReturnType<typeof prepareOutput> {
  const fingerprint = jobFingerprint(settings, history);
  const latest = Math.max(day, takeoverDelay(settings.poll.settleDelay));
  return prepareOutput({ ...history, labels: labelsText(history.labels), bounds, fingerprint, latest });
}

/** The apis of which anything is to be read. */
function planApis(options: BackfillOptions, { bounds, work }: Output): readonly ApiPlan[] {
  const { poll } = options.settings;
  const polled = polledApis(poll);
  return endpoints
    .filter(({ api }) => polled.includes(api))
    .map((endpoint) => {
      const dimensions = endpoint.dimensions.filter((name) => poll.groupBy.includes(name));
      // What is not granted is left out rather than the days for which it is not.
      const steps = stepsOf(endpoint, askedOf(options), bounds, poll.groupByGranted ? [] : dimensions);
      return { endpoint, dimensions, steps, journal: join(work, `${endpoint.api}.journal`) };
    })
    .filter(({ steps }) => steps.length > 0);
}

/** Returns the plans as they were carried out. */
async function readApis(options: BackfillOptions, plans: readonly ApiPlan[]): Promise<readonly ApiPlan[]> {
  const { settings, clock, log } = options;
  let requests = 0;
  const client = options.client({ attempt: () => requests++, retry: () => {} });
  const sizes = createPageSizes();
  const maxPerMinute = settings.openai.maxRequestsPerMinute;
  const progress = createProgress({ plans, sizes, clock, log, requests: () => requests, maxPerMinute });
  const done: ApiPlan[] = [];
  for (const plan of plans) {
    done.push(await readGranted(options, plan, { client, sizes, progress }));
    progress.finished(plan.endpoint.api);
  }
  log.info('all history has been read; writing it', { requests });
  return done;
}

/** Milliseconds that it may take to find out what is granted. */
const searchDeadline = 300_000;

/** Reads an api, without the dimensions that OpenAI does not grant. Returns the plan by which it was read. */
async function readGranted(options: BackfillOptions, plan: ApiPlan, reading: Reading): Promise<ApiPlan> {
  const { settings, clock, log, signal } = options;
  const { groupBy, groupByGranted, filters } = settings.poll;
  const { endpoint, steps } = plan;
  let { dimensions } = plan;
  for (;;) {
    // A journal of its own for each grouping: a run that is resumed must not go on with another.
    const left = plan.dimensions.filter((name) => !dimensions.includes(name));
    const journal = left.length === 0 ? plan.journal : `${plan.journal}.without-${left.join('-')}`;
    const own = { ...plan, dimensions, journal };
    try {
      await readApi(options, own, reading);
      return own;
    } catch (error) {
      if (!(error instanceof ApiError) || aboutGrouping(error, dimensions) === 'no') throw error;
      const refused = new Map<string, string>();
      for (const step of steps) {
        const deadline = clock.monotonic() + searchDeadline;
        const span = { endpoint, width: step.width, from: step.from, to: step.to, filters, now: clock.now() };
        const granted = await grantedOf(
          dimensions,
          askerOf(reading.client, span, { priority: 'poll', deadline, signal }),
        );
        for (const [name, reason] of granted?.refused ?? []) refused.set(name, reason);
        dimensions = granted?.dimensions ?? dimensions;
      }
      if (refused.size === 0) throw error;
      if (!groupByGranted) throw withAdvice(error, { dimensions, refused }, groupBy);
      const names = [...refused.keys()].join(', ');
      log.warn(
        `${endpoint.api}: OpenAI does not grant grouping by ${names} for all of this history, so it is written without. OpenAI said: ${error.detail}`,
        { api: endpoint.api },
      );
    }
  }
}

interface Reading {
  readonly client: Client;
  readonly sizes: PageSizes;
  readonly progress: Progress;
}

/** Reads into the journal what it lacks. */
async function readApi(options: BackfillOptions, plan: ApiPlan, { client, sizes, progress }: Reading): Promise<void> {
  const { settings, clock, log, signal } = options;
  const { endpoint, dimensions, steps } = plan;
  const { api } = endpoint;
  const { filters, settleDelay } = settings.poll;
  const { maxGroups } = settings.series;
  // Few requests, and groups that a journal does not give back.
  if (endpoint.kind === 'costs') rmSync(plan.journal, { force: true });
  const fields = new FieldTable(endpoint);
  const anchorOf = (step: number) => steps[step]?.anchor;
  const journal = new Journal({ path: plan.journal, endpoint, dimensions, maxGroups, fields, anchorOf });
  let foldingLogged = false;
  const reading: HistoryReading = {
    client,
    sizes,
    clock,
    filters,
    settleDelay,
    signal,
    report(folded, leftOut) {
      if (leftOut > 0)
        log.warn(`${api}: rows were refused, or lack values that cannot be read`, { api, rows: leftOut });
      if (folded === 0 || foldingLogged) return;
      foldingLogged = true;
      log.warn(`${api}: there are more than ${maxGroups} groups, so the rest is summed as "other"`, { api });
    },
    waiting(error, wait) {
      log.warn(`${inFull(error)} It is tried again in ${wait / 1_000} seconds.`, { api });
    },
    progress: (step, to) => progress.reached(api, step, to),
  };
  await readHistory(reading, endpoint, steps, journal, fields);
}

/** Makes samples of what was read, and writes them. */
async function writeOutput(options: BackfillOptions, output: Output, plans: readonly ApiPlan[]): Promise<void> {
  const { settings, history, log, signal, throwIfStopped, stdout } = options;
  const { work } = output;
  const { from, to } = output.bounds;
  const { settleDelay } = settings.poll;
  const samples: ApiSamples[] = [];
  try {
    for (const { endpoint, steps, journal } of plans) {
      const path = join(work, `${endpoint.api}.columns`);
      const how = { endpoint, steps, journal, path, settleDelay, ...settings.counters, from, to, throwIfStopped };
      samples.push(makeSamples(how));
    }
    const labels = labelsText(history.labels);
    const settleDelayMinutes = settleDelay / 60_000;
    for (const file of output.files) {
      const how = { samples, labels, settleDelayMinutes, work, stdout, signal, throwIfStopped };
      const series = await writeOutputFile(file, how);
      if (series > 0) log.info(`${file.path ?? 'stdout'} was written`, { series });
    }
  } finally {
    for (const { columns } of samples) columns.close();
  }
}

function logBounds(log: Logger, { to, width }: BackfillSettings, bounds: Bounds): void {
  const [from, end] = [bounds.from, bounds.to].map(isoOf);
  log.info(`reading buckets of ${width} from ${from} to ${end}`);
  if (to === bounds.to) return;
  log.warn(
    `the history ends at ${end}: samples of the last ${headSpanText} are left to Prometheus, which still writes there itself`,
  );
}

/** Samples join a scraped series only where they have all of its labels, and Prometheus gives these two to each. */
function warnOfLabels(log: Logger, { labels }: BackfillSettings): void {
  const lacking = ['job', 'instance'].filter((label) => !labels.some(([name]) => name === label));
  if (lacking.length === 0) return;
  log.warn(
    `--labels has no ${lacking.join(' and no ')}: what is written will not join the series that Prometheus scrapes; give the labels of the target, like --labels=job=openai,instance=localhost:9185`,
  );
}

/** The settings that decide which samples there are. */
function jobFingerprint(settings: BackfillOptions['settings'], { from, to, width }: BackfillSettings): string {
  const { openai, poll, counters, series } = settings;
  const { settleDelay, apis, groupBy, filters } = poll;
  const { baseUrl, organization } = openai;
  return JSON.stringify({
    version: 2,
    ...{ baseUrl, organization, settleDelay, apis, groupBy, filters, from, to, width },
    ...counters,
    ...series,
  });
}

/** Returns what to do when OpenAI does not go back far enough: the dates that work, from its own words where they have one. */
function beginLater(error: unknown, { from }: Bounds, anchor: Anchor): string {
  const earliest = error instanceof ApiError ? earliestDayIn(error.detail) : undefined;
  if (earliest === undefined) {
    const next = isoOf(anchorAfter(anchorAt(from * 1_000, anchor), anchor)).slice(0, 10);
    return ` OpenAI keeps about a year, and counters need everything since their anchor: begin with --from=${next} or later.`;
  }
  const instant = Date.parse(earliest);
  const anchored = anchorAt(instant, anchor);
  const first = isoOf(anchored * 1_000 === instant ? anchored : anchorAfter(anchored, anchor)).slice(0, 10);
  const begin = ` Begin with --from=${earliest} or later`;
  if (first === earliest) return `${begin}.`;
  return `${begin} for costs alone (--poll.apis=costs), and with --from=${first} or later for counters, which need everything since their anchor.`;
}

/** Returns the failure in sentences; without what to do about an error of the API, where that is said otherwise. */
function reasonOf(error: unknown, factsAlone: boolean): string {
  if (error instanceof ApiError && !factsAlone) return inFull(error);
  return sentence(error instanceof Error ? error.message : String(error));
}

/**
 * `backfill`: writes history as OpenMetrics, for `promtool tsdb create-blocks-from openmetrics`. First everything is
 * read into a folder for work, then it is written: OpenMetrics wants each family in one piece, and OpenAI is asked day
 * by day.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { createBreather } from '../breather.ts';
import type { Clock } from '../clock.ts';
import type { ExporterOptions } from '../exporter/exporter.ts';
import { Journal } from '../history/journal.ts';
import { labelsText } from '../history/openmetrics.ts';
import { clearPlace, type Place, preparePlace } from '../history/place.ts';
import { type Bounds, boundsOf, isoOf, stepsOf, untouchable } from '../history/plan.ts';
import { readHistory, requestsLeft } from '../history/read.ts';
import { type ApiSamples, makeSamples } from '../history/samples.ts';
import { writePart } from '../history/write.ts';
import type { Logger } from '../log.ts';
import { endpoints } from '../openai/catalogue.ts';
import { ApiError, inFull, sentence } from '../openai/errors.ts';
import { createPageSizes } from '../openai/read.ts';
import type { HistorySettings } from '../settings/history.ts';
import { polledApis, type Settings } from '../settings/settings.ts';
import { FieldTable } from '../usage/fields.ts';
import { anchorAfter, anchorAt, day } from '../usage/windows.ts';

export interface BackfillOptions {
  readonly settings: Pick<Settings, 'openai' | 'poll' | 'counters' | 'series'>;
  readonly history: HistorySettings;
  readonly client: ExporterOptions['client'];
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly stdout: Writable;
  /** stderr, for what is wrong with the command line. */
  readonly err: { write(text: string): unknown };
}

/** Resolves with the exit code: 0 when all is written, 1 if it was stopped or failed, 2 if it was refused. */
export async function runBackfill(options: BackfillOptions): Promise<0 | 1 | 2> {
  const { settings, history, clock, log, err } = options;
  const { settleDelay } = settings.poll;
  const asked = { ...history, settleDelay, anchor: settings.counters.anchor };
  const bounds = boundsOf(asked, clock.now());
  if ('mistake' in bounds) {
    err.write(`${bounds.mistake}\n`);
    return 2;
  }
  const place = preparePlace({
    ...history,
    bounds,
    fingerprint: fingerprintOf(settings, history),
    latest: Math.max(day, 2 * settleDelay),
  });
  if ('mistake' in place) {
    err.write(`${place.mistake}\n`);
    return 2;
  }
  tellBounds(log, history, place.bounds);
  tellLabels(log, history);
  try {
    await readAndWrite(options, place);
    clearPlace(place);
    return 0;
  } catch (error) {
    const hopeless = isBeyondLookback(error);
    const resumable = history.output !== '-' && !hopeless;
    if (!resumable) clearPlace(place);
    const next = isoOf(anchorAfter(anchorAt(place.bounds.from * 1_000, asked.anchor), asked.anchor)).slice(0, 10);
    const advice = hopeless
      ? ` OpenAI keeps about a year, and counters need everything since their anchor: begin with --from=${next} or later.`
      : resumable
        ? ' --resume goes on from here.'
        : '';
    log.error(`the backfill ended before its time: ${reasonOf(error, hopeless)}${advice}`);
    return 1;
  }
}

async function readAndWrite(options: BackfillOptions, place: Place): Promise<void> {
  const { settings, history, clock, log, signal } = options;
  const { settleDelay, groupBy, filters } = settings.poll;
  const { anchor, zeroHold } = settings.counters;
  const { bounds, work } = place;
  const polled = polledApis(settings.poll);
  const all = endpoints
    .filter(({ api }) => polled.includes(api))
    .map((endpoint) => {
      const dimensions = endpoint.dimensions.filter((name) => groupBy.includes(name));
      const steps = stepsOf(endpoint, { ...history, settleDelay, anchor }, bounds, dimensions);
      return { endpoint, dimensions, steps, journal: join(work, `${endpoint.api}.journal`), done: { step: 0, to: 0 } };
    })
    .filter(({ steps }) => steps.length > 0);

  let requests = 0;
  const client = options.client({ attempt: () => requests++, retry: () => {} });
  const sizes = createPageSizes();
  const breather = createBreather(clock);
  const breathe = async () => {
    await breather.breathe();
    signal.throwIfAborted();
  };
  const tell = progress(log, clock, settings.openai.maxRequestsPerMinute);
  const folding = new Set<string>();
  const samples: ApiSamples[] = [];
  try {
    for (const each of all) {
      const { endpoint, dimensions, steps } = each;
      const { api } = endpoint;
      // Few requests, and groups that a journal does not give back.
      if (endpoint.limits['1m'] === undefined) rmSync(each.journal, { force: true });
      const fields = new FieldTable(endpoint);
      const { maxGroups } = settings.series;
      const anchorOf = (step: number) => steps[step]?.anchor;
      const journal = new Journal({ path: each.journal, endpoint, dimensions, maxGroups, fields, anchorOf });
      const reading = {
        client,
        sizes,
        clock,
        filters,
        settleDelay,
        signal,
        report(_: string, folded: number, malformed: number) {
          if (malformed > 0) log.warn(`${api}: ${malformed} rows make no sense and are left out`, { api });
          if (folded === 0 || folding.has(api)) return;
          folding.add(api);
          log.warn(`${api}: there are more than ${maxGroups} groups; further ones are added up as "other"`, { api });
        },
        waiting(error: ApiError, wait: number) {
          log.warn(`${inFull(error)} It is tried again in ${wait / 1_000} seconds.`, { api });
        },
        progress(_: string, step: number, to: number) {
          each.done = { step, to };
          let remaining = 0;
          for (const one of all) {
            // What has not been begun is taken to be like this one.
            const like = one.done.to === 0 ? api : one.endpoint.api;
            remaining += requestsLeft(sizes, one.endpoint, like, one.steps, one.done);
          }
          tell(api, to, requests, remaining);
        },
      };
      await readHistory(reading, endpoint, steps, journal, fields);
      each.done = { step: steps.length, to: bounds.to };
    }
    log.info('everything is read and is being written', { requests });
    for (const { endpoint, steps, journal } of all) {
      const path = join(work, `${endpoint.api}.columns`);
      const { from, to } = bounds;
      samples.push(
        await makeSamples({ endpoint, steps, journal, path, settleDelay, zeroHold, anchor, from, to, breathe }),
      );
    }
    const labels = labelsText(history.labels);
    const settleDelayMinutes = settleDelay / 60_000;
    for (const part of place.parts) {
      const how = { samples, labels, settleDelayMinutes, work, stdout: options.stdout, signal, breathe };
      const series = await writePart(part, how);
      if (series > 0) log.info(`written: ${part.path ?? 'stdout'}`, { series });
    }
  } finally {
    for (const { columns } of samples) columns.close();
  }
}

/** Tells at most every few seconds how far it is. */
function progress(log: Logger, clock: Clock, perMinute: number) {
  const every = 5_000;
  let told = Number.NEGATIVE_INFINITY;
  return (api: string, to: number, requests: number, remaining: number) => {
    if (clock.monotonic() < told + every) return;
    told = clock.monotonic();
    const minutes = Math.ceil(remaining / perMinute);
    log.info(`${api}: read to ${isoOf(to)}`, { requests, remaining, minutes });
  };
}

function tellBounds(log: Logger, { to, width }: HistorySettings, bounds: Bounds): void {
  const [from, end] = [bounds.from, bounds.to].map(isoOf);
  log.info(`buckets of ${width} from ${from} to ${end}`);
  if (to === bounds.to) return;
  log.warn(
    `it ends with ${end}: nothing is written that is later than ${untouchable / 3_600_000} hours before now, for Prometheus itself still writes there`,
  );
}

/** Samples join a scraped series only where they have all of its labels, and Prometheus gives these two to each. */
function tellLabels(log: Logger, { labels }: HistorySettings): void {
  const lacking = ['job', 'instance'].filter((label) => !labels.some(([name]) => name === label));
  if (lacking.length === 0) return;
  log.warn(
    `--labels has no ${lacking.join(' and no ')}: what is written will not join the series that Prometheus scrapes; give the labels of the target, like --labels=job=openai,instance=localhost:9185`,
  );
}

/** What decides which samples there are. */
function fingerprintOf(settings: BackfillOptions['settings'], { from, to, width }: HistorySettings): string {
  const { openai, poll, counters, series } = settings;
  const { settleDelay, apis, groupBy, filters } = poll;
  const { baseUrl, organization } = openai;
  return JSON.stringify({
    version: 1,
    ...{ baseUrl, organization, settleDelay, apis, groupBy, filters, from, to, width },
    ...counters,
    ...series,
  });
}

function isBeyondLookback(error: unknown): boolean {
  return error instanceof ApiError && error.code === 'reporting_lookback_exceeded';
}

/** In sentences; without what to do about an error of the API, where that is said otherwise. */
function reasonOf(error: unknown, factsAlone: boolean): string {
  if (error instanceof ApiError && !factsAlone) return inFull(error);
  return sentence(error instanceof Error ? error.message : String(error));
}

/** The exporter's own metrics. Series whose labels are known beforehand begin at 0, so that their first rise is one. */

import type { ApiLabel } from '../openai/catalogue.ts';
import { type Reason, reasons } from '../openai/errors.ts';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from './prom-client.ts';

/** Why a client was not answered, because of who it is or how many there are. */
export const refusals = [
  /** 401: no password, or a wrong one. */
  'unauthorized',
  /** 503: too many passwords waited to be compared, of this client or in all. */
  'busy',
  /** Cut off, or 503 for the status page: there were too many at once. */
  'crowded',
  /** 429. */
  'rate_limited',
  /** No TLS was agreed on, or the certificate was not one that may come in. */
  'tls_failed',
] as const;

export type Refusal = (typeof refusals)[number];

/** The values that are read off at each scrape rather than counted. */
export interface SelfSource {
  readonly apis: readonly SelfSourceApi[];
  /** The lists of names and limits. */
  readonly lists: readonly SelfSourcePolls[];
  /** Times that the state file could not be read or written. */
  stateFileErrors(): number;
}

export interface SelfSourcePolls {
  readonly api: ApiLabel;
  /** Undefined until a poll was tried; for a list also where the key lacks the scope. */
  up(): boolean | undefined;
  /** UTC milliseconds. */
  lastSuccess(): number | undefined;
  /** Seconds. */
  pollDuration(): number | undefined;
}

export interface SelfSourceApi extends SelfSourcePolls {
  /** Seconds of UTC: the end of the newest settled bucket read, by width. */
  dataThrough(): ReadonlyMap<string, number>;
  /** Seconds of UTC. */
  newestActivity(): number | undefined;
  /** Dimensions that the API does not grant. */
  dimensionsRefused(): readonly string[];
  /** Keyed by field name. */
  heldBack(): ReadonlyMap<string, number>;
}

export interface SelfMetrics {
  /** The text of all of them. */
  text(): Promise<string>;
  /** Notes that what is read off the source may have changed; each of the following says so, too. */
  changed(): void;
  polled(api: ApiLabel, reason: Reason | undefined): void;
  attempt(api: ApiLabel, code: string, seconds: number): void;
  retry(api: ApiLabel): void;
  restated(api: ApiLabel, up: number, down: number): void;
  folded(api: ApiLabel, rows: number): void;
  malformed(api: ApiLabel, rows: number): void;
  /**
   * @param duration in seconds
   * @param series on the page that is on show now, without the exporter's own
   */
  published(duration: number, series: number): void;
  /** Calls `listener` whenever the text may have changed. */
  onChange(listener: () => void): void;
}

export interface SelfOptions {
  readonly version: string;
  readonly revision: string;
  readonly source: SelfSource;
}

/** The metrics of the serving thread and of the whole process. */
export interface ServingMetrics {
  /** Returns the text of all of them. */
  text(): Promise<string>;
  scrapeRejected(): void;
  clientRefused(reason: Refusal): void;
}

/** The metrics of one reading thread as the serving thread knows it. */
export interface ReaderMetrics {
  text(): Promise<string>;
  restarted(): void;
}

/** Several organizations, as the serving thread knows them. */
export interface OrganizationsSource {
  organizations(): Iterable<{
    readonly name: string;
    /** Undefined until it is known. */
    up(): boolean | undefined;
  }>;
  /** The reloads of their file; undefined where there is none. */
  reloads(): { readonly successful: boolean /** UTC milliseconds. */; readonly lastSuccess: number } | undefined;
}

const prefix = 'openai_exporter_';

/**
 * The process metrics are read from the system at most once in so many milliseconds: that takes longer than all else
 * of a scrape but writing it.
 */
const processMetricsAge = 1_000;

export function createSelfMetrics({ version, revision, source }: SelfOptions): SelfMetrics {
  const registry = new Registry();
  // In the order of the page.
  const polls = registerPolls(registry, source, { version, revision });
  const requests = registerRequests(registry, source);
  const shown = { series: 0 };
  const numbers = registerNumbers(registry, source, shown);
  const publishDuration = registerPublishing(registry);
  registerStateFile(registry, source);

  /** The text, until something happens that may change it. */
  let text: Promise<string> | undefined;
  /** The value that was read when the text was made: nobody says that it has changed. */
  let stateFileErrors = 0;
  let listener = () => {};
  const changed = () => {
    text = undefined;
    listener();
  };

  return {
    text() {
      const now = source.stateFileErrors();
      if (now !== stateFileErrors) text = undefined;
      stateFileErrors = now;
      text ??= textOf(registry, () => {
        text = undefined;
      });
      return text;
    },
    onChange(to) {
      listener = to;
    },
    changed,
    polled(api, reason) {
      polls.ended.inc({ api });
      if (reason !== undefined) polls.failed.inc({ api, reason });
      changed();
    },
    attempt(api, code, seconds) {
      requests.sent.inc({ api, code });
      requests.durations.observe({ api }, seconds);
      changed();
    },
    retry(api) {
      requests.retries.inc({ api });
      changed();
    },
    restated(api, up, down) {
      if (up > 0) numbers.restatements.inc({ api, direction: 'up' }, up);
      if (down > 0) numbers.restatements.inc({ api, direction: 'down' }, down);
      changed();
    },
    folded(api, rows) {
      numbers.folded.inc({ api }, rows);
      changed();
    },
    malformed(api, rows) {
      numbers.malformed.inc({ api }, rows);
      changed();
    },
    published(duration, series) {
      publishDuration.set(duration);
      shown.series = series;
      changed();
    },
  };
}

/** How polling goes, and how far it has come. */
function registerPolls(
  registry: Registry,
  source: SelfSource,
  build: { readonly version: string; readonly revision: string },
) {
  const polled = polledOf(source);
  perApi(
    registry,
    polled,
    'openai_up',
    'Whether the last poll of this api succeeded. Absent until one was tried; for the lists of names and limits also if the key lacks the scope, and 0 as long as one of its lists fails.',
    (each) => {
      const up = each.up();
      return up === undefined ? undefined : Number(up);
    },
  );
  registerBuild(registry, build);
  const ended = counter(registry, 'polls_total', 'Polls of this api that have ended, failed ones included.', ['api']);
  const failed = counter(registry, 'poll_failures_total', 'Polls of this api that failed, by reason.', [
    'api',
    'reason',
  ]);
  perApi(registry, polled, `${prefix}poll_duration_seconds`, 'How long the last poll of this api took.', (each) =>
    each.pollDuration(),
  );
  perApi(
    registry,
    polled,
    `${prefix}last_success_timestamp_seconds`,
    'End of the last poll of this api that succeeded.',
    (each) => {
      const at = each.lastSuccess();
      return at === undefined ? undefined : at / 1_000;
    },
  );
  gauge(
    registry,
    `${prefix}data_through_timestamp_seconds`,
    'End of the newest settled bucket that was read: everything older is final except for restatements.',
    ['api', 'bucket_width'] as const,
    (it) => {
      for (const each of source.apis) {
        for (const [width, end] of each.dataThrough()) it.set({ api: each.api, bucket_width: width }, end);
      }
    },
  );
  perApi(
    registry,
    source.apis,
    `${prefix}newest_activity_timestamp_seconds`,
    'End of the newest bucket with any usage.',
    (each) => each.newestActivity(),
  );
  for (const { api } of polled) {
    ended.inc({ api }, 0);
    for (const reason of reasons) failed.inc({ api, reason }, 0);
  }
  return { ended, failed };
}

function registerBuild(registry: Registry, build: { readonly version: string; readonly revision: string }): void {
  gauge(
    registry,
    `${prefix}build_info`,
    'Version and source revision of the exporter; always 1.',
    ['version', 'revision'] as const,
    (it) => it.set(build, 1),
  );
}

/** Registers what is sent to OpenAI. */
function registerRequests(registry: Registry, source: SelfSource) {
  const sent = counter(
    registry,
    'api_requests_total',
    'Requests sent to OpenAI, each attempt counted, by status; code="none" without a response.',
    ['api', 'code'],
  );
  const durations = new Histogram({
    name: `${prefix}api_request_duration_seconds`,
    help: 'Duration of requests to OpenAI, each attempt counted, its body included.',
    labelNames: ['api'],
    buckets: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers: [registry],
  });
  const retries = counter(registry, 'api_retries_total', 'Requests to OpenAI that were tried again.', ['api']);
  for (const { api } of polledOf(source)) retries.inc({ api }, 0);
  return { sent, durations, retries };
}

/** The numbers on the page: how many there are, and what of them was changed, held back, folded or refused. */
function registerNumbers(registry: Registry, source: SelfSource, shown: { readonly series: number }) {
  const restatements = counter(
    registry,
    'restatements_total',
    'Values that OpenAI changed after their bucket had settled: one for each group, field and bucket.',
    ['api', 'direction'],
  );
  gauge(
    registry,
    `${prefix}held_back`,
    'How far the counters of a field stand above the totals of the API, because a counter must not fall; in units of the field.',
    ['api', 'field'] as const,
    (it) => {
      for (const each of source.apis) {
        for (const [field, amount] of each.heldBack()) it.set({ api: each.api, field }, amount);
      }
    },
  );
  gauge(
    registry,
    `${prefix}dimension_refused`,
    'Always 1: OpenAI does not grant grouping by this dimension, so the numbers of the api come without that label. Absent for what is granted.',
    ['api', 'dimension'] as const,
    (it) => {
      for (const { api, dimensionsRefused } of source.apis) {
        for (const dimension of dimensionsRefused()) it.set({ api, dimension }, 1);
      }
    },
  );
  gauge(registry, `${prefix}series`, "Series on this page, without the exporter's own.", [] as const, (it) =>
    it.set(shown.series),
  );
  const folded = counter(
    registry,
    'folded_rows_total',
    'Rows added to the group "other" because the api had too many groups.',
    ['api'],
  );
  const malformed = counter(
    registry,
    'malformed_rows_total',
    'Rows and list items that were refused, or of which a value, a field or a part of a label could not be taken; each read counts.',
    ['api'],
  );
  for (const { api } of polledOf(source)) malformed.inc({ api }, 0);
  for (const { api } of source.apis) {
    folded.inc({ api }, 0);
    for (const direction of ['up', 'down']) restatements.inc({ api, direction }, 0);
  }
  return { restatements, folded, malformed };
}

/** The making of the page. */
function registerPublishing(registry: Registry): Gauge {
  return new Gauge({
    name: `${prefix}publish_duration_seconds`,
    help: 'How long it took to render and compress what had changed, the last time.',
    registers: [registry],
  });
}

export interface ServingOptions {
  /** Lines of the log that were dropped so far. */
  logLinesDropped(): number;
  /** Tells how old the process metrics are; without it there are none, for a reference of our own metrics alone. */
  readonly clock?: { monotonic(): number };
  /** The organizations and what runs, where there are several. */
  readonly several?: OrganizationsSource & { readonly build: { readonly version: string; readonly revision: string } };
}

export function createServingMetrics({ logLinesDropped, clock, several }: ServingOptions): ServingMetrics {
  const registry = new Registry();
  if (several !== undefined) registerOrganizations(registry, several);
  readCounter(
    registry,
    'log_lines_dropped_total',
    'Lines of the log that were dropped because they could not be written.',
    logLinesDropped,
  );
  const rejected = counter(
    registry,
    'scrapes_rejected_total',
    'Scrapes answered with 503 because too many were in flight.',
    [],
  );
  const refused = counter(
    registry,
    'clients_refused_total',
    'Requests and connections that were turned away because of who sent them or how many there were, by reason; scrapes past --web.max-requests are in scrapes_rejected_total.',
    ['reason'],
  );
  for (const reason of refusals) refused.inc({ reason }, 0);
  const processText = clock === undefined ? async () => '' : processMetricsText(clock);
  let text: Promise<string> | undefined;
  /** The value that was read when the text was made: nobody says that it has changed. */
  let dropped = 0;
  return {
    async text() {
      const now = logLinesDropped();
      // Nor that an organization is up or down.
      if (now !== dropped || several !== undefined) text = undefined;
      dropped = now;
      text ??= textOf(registry, () => {
        text = undefined;
      });
      return (await Promise.all([text, processText()])).join('');
    },
    scrapeRejected() {
      rejected.inc();
      text = undefined;
    },
    clientRefused(reason) {
      refused.inc({ reason });
      text = undefined;
    },
  };
}

function registerOrganizations(registry: Registry, several: NonNullable<ServingOptions['several']>): void {
  registerBuild(registry, several.build);
  gauge(
    registry,
    `${prefix}organization_up`,
    'Whether the thread of this organization runs and the last poll of one of its apis at least succeeded. Absent until one was tried.',
    ['organization'] as const,
    (it) => {
      for (const { name, up } of several.organizations()) {
        const is = up();
        if (is !== undefined) it.set({ organization: name }, Number(is));
      }
    },
  );
  if (several.reloads() === undefined) return;
  const reload = (
    name: string,
    help: string,
    read: (reloads: NonNullable<ReturnType<typeof several.reloads>>) => number,
  ) =>
    gauge(registry, `${prefix}${name}`, help, [] as const, (it) => {
      const reloads = several.reloads();
      if (reloads !== undefined) it.set(read(reloads));
    });
  reload(
    'config_last_reload_successful',
    'Whether the file of organizations could be used when it was read the last time; while it cannot, what it said before holds.',
    ({ successful }) => Number(successful),
  );
  reload(
    'config_last_reload_success_timestamp_seconds',
    'When the file of organizations was read the last time with success.',
    ({ lastSuccess }) => lastSuccess / 1_000,
  );
}

export interface ReaderMetricsOptions {
  /**
   * UTC milliseconds: when the process was started. Given where there are several organizations, whose pages do not have
   * the metrics of the process.
   */
  readonly processStart?: number;
}

export function createReaderMetrics({ processStart }: ReaderMetricsOptions = {}): ReaderMetrics {
  const registry = new Registry();
  const restarts = counter(
    registry,
    'reader_restarts_total',
    'Times that the thread that reads OpenAI has died and was started again.',
    [],
  );
  if (processStart !== undefined) {
    gauge(
      registry,
      'process_start_time_seconds',
      'Start of the process, in seconds since the epoch.',
      [] as const,
      (it) => it.set(processStart / 1_000),
    );
  }
  let text: Promise<string> | undefined;
  const changed = () => {
    text = undefined;
  };
  return {
    text() {
      text ??= textOf(registry, changed);
      return text;
    },
    restarted() {
      restarts.inc();
      changed();
    },
  };
}

/** The state file, which is written beside the page. */
function registerStateFile(registry: Registry, source: SelfSource): void {
  readCounter(
    registry,
    'state_file_errors_total',
    'Times that the state file could not be read or written, or was in use by another process.',
    source.stateFileErrors,
  );
}

/** A counter that something else keeps. */
function readCounter(registry: Registry, name: string, help: string, read: () => number): void {
  new Counter({
    name: `${prefix}${name}`,
    help,
    registers: [registry],
    collect() {
      this.reset();
      this.inc(read());
    },
  });
}

/** Everything that is polled: the apis, and the lists of names and limits. */
function polledOf({ apis, lists }: SelfSource): readonly SelfSourcePolls[] {
  return [...apis, ...lists];
}

function counter<L extends string>(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly L[],
): Counter<L> {
  return new Counter({ name: `${prefix}${name}`, help, labelNames: [...labelNames], registers: [registry] });
}

/** @param read sets what is true now */
function gauge<L extends string>(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly L[],
  read: (gauge: Gauge<L>) => void,
): void {
  new Gauge<L>({
    name,
    help,
    labelNames: [...labelNames],
    registers: [registry],
    collect() {
      this.reset();
      read(this);
    },
  });
}

/** @param value undefined where there is none */
function perApi<Source extends { readonly api: ApiLabel }>(
  registry: Registry,
  sources: readonly Source[],
  name: string,
  help: string,
  value: (source: Source) => number | undefined,
): void {
  gauge(registry, name, help, ['api'] as const, (it) => {
    for (const each of sources) {
      const current = value(each);
      if (current !== undefined) it.set({ api: each.api }, current);
    }
  });
}

/** prom-client's default metrics as text, as old as `processMetricsAge` at most. */
function processMetricsText(clock: { monotonic(): number }): () => Promise<string> {
  const registry = new Registry();
  collectDefaultMetrics(registry);
  let text = Promise.resolve('');
  let readAt = Number.NEGATIVE_INFINITY;
  return () => {
    if (clock.monotonic() - readAt >= processMetricsAge) {
      text = textOf(registry, () => {
        readAt = Number.NEGATIVE_INFINITY;
      });
      readAt = clock.monotonic();
    }
    return text;
  };
}

/** The text of all metrics of a registry. What has failed must not be kept: `forget` is called, so that it is made again. */
async function textOf(registry: Registry, forget: () => void): Promise<string> {
  try {
    return await registry.metrics();
  } catch (error) {
    forget();
    throw error;
  }
}

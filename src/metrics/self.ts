/**
 * The exporter's own metrics, as far as a reading thread knows them. Series whose labels are known beforehand begin at 0,
 * so that their first rise is one.
 */

import type { ApiLabel } from '../openai/catalogue.ts';
import { type Reason, reasons } from '../openai/errors.ts';
import { Gauge, Histogram, Registry } from './prom-client.ts';
import { type Build, counter, gauge, prefix, readCounter, registerBuild, textOf } from './registering.ts';

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

export interface SelfOptions extends Build {
  readonly source: SelfSource;
}

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

/** Registers how polling goes, and how far it has come. */
function registerPolls(registry: Registry, source: SelfSource, build: Build) {
  const polled = polledOf(source);
  perApi(
    registry,
    polled,
    'openai_up',
    '1 if the last poll succeeded, 0 if not. Absent until one was tried. A list is absent if the key lacks the scope, and 0 as long as a part of it fails.',
    (each) => {
      const up = each.up();
      return up === undefined ? undefined : Number(up);
    },
  );
  registerBuild(registry, build);
  const ended = counter(registry, 'polls_total', 'Ended polls, failed ones included.', ['api']);
  const failed = counter(registry, 'poll_failures_total', 'Failed polls.', ['api', 'reason']);
  perApi(registry, polled, `${prefix}poll_duration_seconds`, 'Duration of the last poll.', (each) =>
    each.pollDuration(),
  );
  perApi(
    registry,
    polled,
    `${prefix}last_success_timestamp_seconds`,
    'End of the last poll that succeeded.',
    (each) => {
      const at = each.lastSuccess();
      return at === undefined ? undefined : at / 1_000;
    },
  );
  gauge(
    registry,
    `${prefix}data_through_timestamp_seconds`,
    'End of the newest settled bucket.',
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

/** Registers what is sent to OpenAI. */
function registerRequests(registry: Registry, source: SelfSource) {
  const sent = counter(
    registry,
    'api_requests_total',
    'Attempts of requests to OpenAI; code="none" without a response.',
    ['api', 'code'],
  );
  const durations = new Histogram({
    name: `${prefix}api_request_duration_seconds`,
    help: 'Duration of each attempt of a request, its body included.',
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
    'Values that OpenAI changed after their bucket had settled.',
    ['api', 'direction'],
  );
  gauge(
    registry,
    `${prefix}held_back`,
    "How far a field's counters stand above the API's totals, because counters never fall.",
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
    '1 for each dimension that OpenAI does not grant.',
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
  const folded = counter(registry, 'folded_rows_total', 'Rows added to the group "other".', ['api']);
  const malformed = counter(
    registry,
    'malformed_rows_total',
    'Rows and list items refused in whole or in part; each read counts.',
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
    help: 'Duration of the last rendering and compression.',
    registers: [registry],
  });
}

/** The state file, which is written beside the page. */
function registerStateFile(registry: Registry, source: SelfSource): void {
  readCounter(
    registry,
    'state_file_errors_total',
    'Times that the state file could not be read or written, or was in use elsewhere.',
    source.stateFileErrors,
  );
}

/** Everything that is polled: the apis, and the lists of names and limits. */
function polledOf({ apis, lists }: SelfSource): readonly SelfSourcePolls[] {
  return [...apis, ...lists];
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

/**
 * The exporter's own metrics, by prom-client; the one file that imports it. Series whose labels are known
 * beforehand begin at 0, so that their first rise is one.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { type Reason, reasons } from '../openai/errors.ts';

/** What is read off at each scrape rather than counted. */
export interface SelfSource {
  readonly apis: readonly SelfSourceApi[];
  /** The lists of names and limits. */
  readonly lists: readonly SelfSourcePolls[];
  /** Series on the page, but for the exporter's own. */
  series(): number;
}

export interface SelfSourcePolls {
  readonly api: string;
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
  /** By field name. */
  heldBack(): ReadonlyMap<string, number>;
}

export interface SelfMetrics {
  readonly contentType: string;
  /** The text of all of them. */
  text(): Promise<string>;
  /** What is read off the source may have changed; each of the following says so, too. */
  changed(): void;
  polled(api: string, reason: Reason | undefined): void;
  attempt(api: string, code: string, seconds: number): void;
  retry(api: string): void;
  restated(api: string, up: number, down: number): void;
  folded(api: string, rows: number): void;
  malformed(api: string, rows: number): void;
  scrapeRejected(): void;
  /** Seconds. */
  published(duration: number): void;
}

export interface SelfOptions {
  readonly version: string;
  readonly revision: string;
  readonly source: SelfSource;
  /** Off in tests that compare whole pages. */
  readonly processMetrics: boolean;
  /** Tells how old the process metrics are; without it, they are read from the system at each scrape. */
  readonly clock?: { monotonic(): number };
}

const prefix = 'openai_exporter_';

/**
 * The process metrics are read from the system at most once in so many milliseconds: that takes longer than all else
 * of a scrape but writing it.
 */
const processMetricsAge = 1_000;

export function createSelfMetrics({ version, revision, source, processMetrics, clock }: SelfOptions): SelfMetrics {
  const registry = new Registry();
  const registers = [registry];
  /** The text but for the process metrics, until something happens that may change it. */
  let text: Promise<string> | undefined;
  const changed = () => {
    text = undefined;
  };
  const polled = [...source.apis, ...source.lists];

  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Counter({ name: `${prefix}${name}`, help, labelNames: [...labelNames], registers });
  const gauge = <L extends string>(
    name: string,
    help: string,
    labelNames: readonly L[],
    collect: (gauge: Gauge<L>) => void,
  ) =>
    new Gauge<L>({
      name,
      help,
      labelNames: [...labelNames],
      registers,
      collect() {
        this.reset();
        collect(this);
      },
    });
  const perApi = <Source extends { readonly api: string }>(
    sources: readonly Source[],
    name: string,
    help: string,
    value: (source: Source) => number | undefined,
  ) =>
    gauge(name, help, ['api'] as const, (it) => {
      for (const each of sources) {
        const current = value(each);
        if (current !== undefined) it.set({ api: each.api }, current);
      }
    });

  perApi(
    polled,
    'openai_up',
    'Whether the last poll of this api succeeded. Absent until one was tried; for the lists of names and limits also if the key lacks the scope, and 0 as long as one of its lists fails.',
    (each) => {
      const up = each.up();
      return up === undefined ? undefined : Number(up);
    },
  );
  gauge(
    `${prefix}build_info`,
    'Version and source revision of the exporter; always 1.',
    ['version', 'revision'] as const,
    (it) => it.set({ version, revision }, 1),
  );
  const polls = counter('polls_total', 'Polls of this api that have ended, failed ones included.', ['api']);
  const failures = counter('poll_failures_total', 'Polls of this api that failed, by reason.', ['api', 'reason']);
  perApi(polled, `${prefix}poll_duration_seconds`, 'How long the last poll of this api took.', (each) =>
    each.pollDuration(),
  );
  perApi(
    polled,
    `${prefix}last_success_timestamp_seconds`,
    'End of the last poll of this api that succeeded.',
    (each) => {
      const at = each.lastSuccess();
      return at === undefined ? undefined : at / 1_000;
    },
  );
  gauge(
    `${prefix}data_through_timestamp_seconds`,
    'End of the newest settled bucket that was read: what is older is final but for restatements.',
    ['api', 'bucket_width'] as const,
    (it) => {
      for (const each of source.apis) {
        for (const [width, end] of each.dataThrough()) it.set({ api: each.api, bucket_width: width }, end);
      }
    },
  );
  perApi(
    source.apis,
    `${prefix}newest_activity_timestamp_seconds`,
    'End of the newest bucket with any usage.',
    (each) => each.newestActivity(),
  );
  const requests = counter(
    'api_requests_total',
    'Requests sent to OpenAI, each attempt counted, by status; code="none" without a response.',
    ['api', 'code'],
  );
  const durations = new Histogram({
    name: `${prefix}api_request_duration_seconds`,
    help: 'Duration of requests to OpenAI, each attempt counted, its body included.',
    labelNames: ['api'],
    buckets: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers,
  });
  const retries = counter('api_retries_total', 'Requests to OpenAI that were tried again.', ['api']);
  const restatements = counter(
    'restatements_total',
    'Values that OpenAI changed after their bucket had settled: one for each group, field and bucket.',
    ['api', 'direction'],
  );
  gauge(
    `${prefix}held_back`,
    'How far the counters of a field stand above the totals of the API, because a counter must not fall; in units of the field.',
    ['api', 'field'] as const,
    (it) => {
      for (const each of source.apis) {
        for (const [field, amount] of each.heldBack()) it.set({ api: each.api, field }, amount);
      }
    },
  );
  gauge(`${prefix}series`, "Series on this page, but for the exporter's own.", [] as const, (it) =>
    it.set(source.series()),
  );
  const folded = counter(
    'folded_rows_total',
    'Rows taken into the group whose dimensions read other, for the api had too many groups.',
    ['api'],
  );
  const malformed = counter(
    'malformed_rows_total',
    'Rows and list items refused because a value is none that the field can have.',
    ['api'],
  );
  let publishDuration: number | undefined;
  gauge(
    `${prefix}publish_duration_seconds`,
    'How long it took to render and compress what had changed, the last time.',
    [] as const,
    (it) => {
      if (publishDuration !== undefined) it.set(publishDuration);
    },
  );
  const rejected = counter('scrapes_rejected_total', 'Scrapes answered with 503 because too many were in flight.', []);
  const ofProcess = new Registry();
  let processText = Promise.resolve('');
  let processRead = Number.NEGATIVE_INFINITY;
  if (processMetrics) collectDefaultMetrics({ register: ofProcess });

  for (const { api } of polled) {
    polls.inc({ api }, 0);
    retries.inc({ api }, 0);
    malformed.inc({ api }, 0);
    for (const reason of reasons) failures.inc({ api, reason }, 0);
  }
  for (const { api } of source.apis) {
    folded.inc({ api }, 0);
    for (const direction of ['up', 'down']) restatements.inc({ api, direction }, 0);
  }

  return {
    contentType: registry.contentType,
    async text() {
      text ??= registry.metrics();
      if (clock === undefined || clock.monotonic() - processRead >= processMetricsAge) {
        processText = ofProcess.metrics();
        processRead = clock?.monotonic() ?? 0;
      }
      return (await text) + (await processText);
    },
    changed,
    polled(api, reason) {
      polls.inc({ api });
      if (reason !== undefined) failures.inc({ api, reason });
      changed();
    },
    attempt(api, code, seconds) {
      requests.inc({ api, code });
      durations.observe({ api }, seconds);
      changed();
    },
    retry(api) {
      retries.inc({ api });
      changed();
    },
    restated(api, up, down) {
      if (up > 0) restatements.inc({ api, direction: 'up' }, up);
      if (down > 0) restatements.inc({ api, direction: 'down' }, down);
      changed();
    },
    folded(api, rows) {
      folded.inc({ api }, rows);
      changed();
    },
    malformed(api, rows) {
      malformed.inc({ api }, rows);
      changed();
    },
    scrapeRejected() {
      rejected.inc();
      changed();
    },
    published(duration) {
      publishDuration = duration;
      changed();
    },
  };
}

/** The exporter's own metrics, as far as the serving thread knows them: those of itself, of the process, and of organizations. */
import { collectDefaultMetrics, Registry } from './prom-client.ts';
import { type Build, counter, gauge, prefix, readCounter, registerBuild, textOf } from './registering.ts';

/** The reasons why a client was not answered, because of who it is or how many there are. */
export const refusals = [
  /** 401: no password, or a wrong one. */
  'unauthorized',
  /** 503: too many passwords waited to be compared, of this client or in all. */
  'busy',
  /** The connection was cut off, or the status page answered 503: there were too many at once. */
  'crowded',
  /** 429. */
  'rate_limited',
  /** No TLS was agreed on, or the certificate was not one that may come in. */
  'tls_failed',
] as const;

export type Refusal = (typeof refusals)[number];

/** The metrics of the serving thread and of the whole process. */
export interface ServingMetrics {
  /** Returns the text of all of them. */
  text(): Promise<string>;
  scrapeRejected(): void;
  clientRefused(reason: Refusal): void;
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

/**
 * The process metrics are read from the system at most once in so many milliseconds: that takes longer than all else
 * of a scrape but writing it.
 */
const processMetricsAge = 1_000;

export interface ServingOptions {
  /** Lines of the log that were dropped so far. */
  logLinesDropped(): number;
  /** Tells how old the process metrics are; without it there are none, for a reference of our own metrics alone. */
  readonly clock?: { monotonic(): number };
  /** The organizations and what runs, where there are several. */
  readonly several?: OrganizationsSource & { readonly build: Build };
}

export function createServingMetrics({ logLinesDropped, clock, several }: ServingOptions): ServingMetrics {
  const registry = new Registry();
  if (several !== undefined) registerOrganizations(registry, several);
  readCounter(registry, 'log_lines_dropped_total', 'Log lines that could not be written.', logLinesDropped);
  const rejected = counter(registry, 'scrapes_rejected_total', 'Scrapes past --web.max-requests, which got 503.', []);
  const refused = counter(
    registry,
    'clients_refused_total',
    'Requests and connections turned away, but for scrapes past --web.max-requests.',
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
    '1 if the thread of the organization runs and the last poll of any api succeeded, 0 if not. Absent until one was tried.',
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
    '1 if the file of organizations could be used when it was last read, 0 if not.',
    ({ successful }) => Number(successful),
  );
  reload(
    'config_last_reload_success_timestamp_seconds',
    'When the file of organizations was last read with success.',
    ({ lastSuccess }) => lastSuccess / 1_000,
  );
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

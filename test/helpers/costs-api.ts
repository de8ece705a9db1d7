/**
 * The Costs API as a client that a test scripts day by day, and an exporter of costs alone that lives on it by a
 * virtual clock: what is read passes through the real decoder, account, sections and page.
 */
import { createExporter, type Exporter } from '../../src/exporter/exporter.ts';
import type { Client, GetRequest } from '../../src/openai/client.ts';
import { ApiError } from '../../src/openai/errors.ts';
import { parseSettings } from '../../src/settings/settings.ts';
import { createVirtualClock, type VirtualClock } from '../../src/simulation/virtual-clock.ts';

export interface CostRow {
  readonly project_id?: string | null;
  readonly line_item?: string | null;
  readonly api_key_id?: string | null;
  readonly amount?: { readonly value?: unknown; readonly currency?: string } | null;
  readonly quantity?: number;
  readonly quantity_unit?: string;
}

export interface CostsApi {
  readonly client: Client;
  /** The rows of a day that starts at `start`, in seconds; can be exchanged at any time. */
  rows: (start: number) => readonly CostRow[];
  /** What a request for the days in [from, to), in seconds, fails with; undefined where it does not. */
  fails: (from: number, to: number) => { reason: ApiError['reason']; code?: string } | undefined;
  /** What was asked for: first second, end, and dimensions. */
  readonly asked: { readonly at: number; readonly from: number; readonly to: number; readonly by: readonly string[] }[];
}

const day = 86_400;

export function costsApi(clock: VirtualClock): CostsApi {
  const asked: CostsApi['asked'] = [];
  const api: CostsApi = {
    rows: () => [],
    fails: () => undefined,
    asked,
    client: {
      async get<T>(request: GetRequest, decode: (body: Buffer) => T | Promise<T>) {
        const all = (name: string) => request.query.flatMap(([key, value]) => (key === name ? [value] : []));
        const from = Number(all('start_time')[0]);
        const to = Number(all('end_time')[0]);
        const startedAt = clock.now();
        asked.push({ at: startedAt, from, to, by: all('group_by[]') });
        const failure = api.fails(from, to);
        if (failure !== undefined) {
          throw new ApiError({ api: request.api, path: request.path, detail: 'scripted', ...failure });
        }
        const data = [];
        for (let start = from; start < to; start += day) {
          data.push({ object: 'bucket', start_time: start, end_time: start + day, results: api.rows(start) });
        }
        const body = Buffer.from(JSON.stringify({ object: 'page', data, has_more: false, next_page: null }));
        return { value: await decode(body), bytes: body.length, startedAt, endedAt: clock.monotonic() };
      },
    },
  };
  return api;
}

export interface Life {
  readonly clock: VirtualClock;
  readonly api: CostsApi;
  readonly exporter: Exporter;
  readonly warnings: string[];
  /** Values of a metric by its label values, joined by spaces. */
  shown(metric: string): Record<string, number>;
  /** A value of the exporter's own metrics: the line that begins so. */
  self(line: string): Promise<number>;
  until(utc: string): Promise<void>;
  end(): Promise<void>;
}

/** @param start UTC, like `2026-05-15T12:00:30Z` */
export function liveOnCosts(
  start: string,
  flags: readonly string[] = [],
  script: (api: CostsApi) => void = () => {},
  clientOf?: (clock: VirtualClock) => Client,
): Life {
  const clock = createVirtualClock({ start: Date.parse(start) });
  const api = costsApi(clock);
  script(api);
  const warnings: string[] = [];
  const parsed = parseSettings(['demo', '--poll.apis=costs', '--names.refresh=0', ...flags].filter(isKnown), {});
  if (!('settings' in parsed)) throw new Error(JSON.stringify(parsed));
  const stop = new AbortController();
  const exporter = createExporter({
    settings: parsed.settings,
    clock,
    log: { debug() {}, info() {}, warn: (line) => warnings.push(line), error: (line) => warnings.push(line) },
    version: '0',
    revision: '0',
    processMetrics: false,
    client: () => clientOf?.(clock) ?? api.client,
    // Of no interest here; and zlib's threads know nothing of this clock.
    compress: async (text) => ({ bytes: text, length: text.length, crc: 0 }),
  });
  const run = exporter.run(stop.signal).catch((error: unknown) => {
    if (!stop.signal.aborted) throw error;
  });
  return {
    clock,
    api,
    exporter,
    warnings,
    shown(metric) {
      const text = Buffer.concat([...exporter.page.current().plain]).toString();
      const lines = text.split('\n').filter((line) => line.startsWith(`${metric}{`));
      return Object.fromEntries(
        lines.map((line) => {
          const values = [...line.matchAll(/\w="((?:[^"\\]|\\.)*)"/g)].map(([, value = '']) => value);
          return [values.join(' '), Number(line.slice(line.lastIndexOf(' ')))];
        }),
      );
    },
    async self(line) {
      const found = (await exporter.self.text()).split('\n').find((each) => each.startsWith(line));
      return Number(found?.split(' ').at(-1));
    },
    until: (utc) => clock.runUntil(Date.parse(utc)),
    async end() {
      stop.abort();
      await clock.drain();
      await run;
    },
  };
}

/** Flags come with their features; those that do not exist change nothing here. */
function isKnown(argument: string): boolean {
  return argument !== '--names.refresh=0' || !('errors' in parseSettings(['demo', argument], {}));
}

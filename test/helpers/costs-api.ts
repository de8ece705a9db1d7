/**
 * The Costs API as a client that a test scripts day by day, and an exporter of costs alone that lives on it by a
 * virtual clock: what is read passes through the real decoder, account, sections and page.
 */
import type { Client, GetRequest } from '../../src/openai/client.ts';
import { ApiError, type ApiErrorDetails } from '../../src/openai/errors.ts';
import { type RunningExporter, runExporter } from './running-exporter.ts';
import { createVirtualClock, type VirtualClock } from './virtual-clock.ts';

export interface CostRow {
  readonly project_id?: string | null;
  readonly line_item?: string | null;
  readonly api_key_id?: string | null;
  readonly user_id?: string | null;
  readonly amount?: { readonly value?: unknown; readonly currency?: string } | null;
  readonly quantity?: unknown;
  readonly quantity_unit?: string;
}

type Failure = Pick<ApiErrorDetails, 'reason' | 'code' | 'status'> & { readonly detail?: string };

export interface CostsApi {
  readonly client: Client;
  /** The rows of a day that starts at `start`, in seconds, grouped like this; can be exchanged at any time. */
  rows: (start: number, by: readonly string[]) => readonly CostRow[];
  /** Returns what a request for the days in [from, to), in seconds, grouped like this, fails with; undefined where it does not. */
  fails: (from: number, to: number, by: readonly string[]) => Failure | undefined;
  /** Holds what was asked for: first second, end, and dimensions. */
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
        const by = all('group_by[]');
        asked.push({ at: startedAt, from, to, by });
        const failure = api.fails(from, to, by);
        if (failure !== undefined) {
          throw new ApiError({ api: request.api, path: request.path, detail: 'scripted', ...failure });
        }
        const data = [];
        for (let start = from; start < to; start += day) {
          data.push({ object: 'bucket', start_time: start, end_time: start + day, results: api.rows(start, by) });
        }
        const body = Buffer.from(JSON.stringify({ object: 'page', data, has_more: false, next_page: null }));
        return { value: await decode(body), bytes: body.length, startedAt, endedAt: clock.monotonic() };
      },
    },
  };
  return api;
}

export interface CostsExporter extends RunningExporter {
  readonly api: CostsApi;
}

/** An exporter of costs alone. @param start UTC, like `2026-05-15T12:00:30Z` */
export function runOnCosts(
  start: string,
  flags: readonly string[] = [],
  script: (api: CostsApi) => void = () => {},
): CostsExporter {
  const clock = createVirtualClock({ start: Date.parse(start) });
  const api = costsApi(clock);
  script(api);
  const running = runExporter({ clock, flags: ['--poll.apis=costs', ...flags], client: () => api.client });
  return { ...running, api };
}

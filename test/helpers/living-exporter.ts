/**
 * An exporter that lives by a virtual clock, either on the simulated organization through the real client, or on a
 * client that answers from rows which a test gives. Nothing of it waits for the wall.
 */
import { setMaxListeners } from 'node:events';
import { constants, crc32, deflateRawSync } from 'node:zlib';
import { createExporter, type Exporter, type ExporterOptions } from '../../src/exporter/exporter.ts';
import { createBudget } from '../../src/openai/budget.ts';
import { type Width, widthSeconds } from '../../src/openai/catalogue.ts';
import { type Client, createClient } from '../../src/openai/client.ts';
import { ApiError } from '../../src/openai/errors.ts';
import { fixedKey } from '../../src/openai/key.ts';
import { parseSettings } from '../../src/settings/settings.ts';
import { simulatedKey } from '../../src/simulation/api.ts';
import { SimulatedDispatcher } from '../../src/simulation/dispatcher.ts';
import type { FaultRule } from '../../src/simulation/faults.ts';
import type { Organization } from '../../src/simulation/organization.ts';
import { createVirtualClock, type VirtualClock } from '../../src/simulation/virtual-clock.ts';
import { type RecordingLog, recordingLog } from './recording-log.ts';

export interface LivingExporter {
  readonly clock: VirtualClock;
  readonly exporter: Exporter;
  readonly log: RecordingLog;
  /** The page, without the exporter's own metrics. */
  text(): string;
  /** A value of the exporter's own metrics: that of the line that begins so; undefined where there is none. */
  self(line: string): Promise<number | undefined>;
  /** Lets time pass until UTC reads this. */
  until(utc: string): Promise<void>;
  minutes(count: number): Promise<void>;
  end(): Promise<void>;
}

export interface LivingOptions {
  /** UTC, like `2026-11-20T09:07:03Z`. */
  readonly start: string;
  readonly flags?: readonly string[];
  readonly clientOf: (clock: VirtualClock, observer: Parameters<ExporterOptions['client']>[0]) => Client;
  readonly memory?: ExporterOptions['memory'];
  /** Another clock's time to go on from: a restart. */
  readonly clock?: VirtualClock;
}

export function liveExporter({ start, flags = [], clientOf, memory, clock: given }: LivingOptions): LivingExporter {
  const clock = given ?? createVirtualClock({ start: Date.parse(start) });
  const named = flags.some((flag) => flag.startsWith('--names.refresh='));
  const parsed = parseSettings(['demo', ...(named ? [] : ['--names.refresh=0']), ...flags], {});
  if (!('settings' in parsed)) throw new Error(JSON.stringify(parsed));
  const log = recordingLog();
  const stop = new AbortController();
  // Every poller waits on it.
  setMaxListeners(0, stop.signal);
  const exporter = createExporter({
    settings: parsed.settings,
    clock,
    log,
    version: '0',
    revision: '0',
    processMetrics: false,
    client: (observer) => clientOf(clock, observer),
    // At once: zlib's threads know nothing of this clock.
    compress: async (text) => ({
      bytes: deflateRawSync(text, { level: 1, finishFlush: constants.Z_SYNC_FLUSH }),
      length: text.length,
      crc: crc32(text),
    }),
    ...(memory === undefined ? {} : { memory }),
  });
  const run = exporter.run(stop.signal).catch((error: unknown) => {
    if (!stop.signal.aborted) throw error;
  });
  return {
    clock,
    exporter,
    log,
    text: () => Buffer.concat([...exporter.page.current().plain]).toString(),
    async self(line) {
      const found = (await exporter.self.text()).split('\n').find((each) => each.startsWith(line));
      return found === undefined ? undefined : Number(found.split(' ').at(-1));
    },
    until: (utc) => clock.runUntil(Date.parse(utc)),
    minutes: (count) => clock.advance(count * 60_000),
    async end() {
      stop.abort();
      await clock.drain();
      await run;
    },
  };
}

/** The real client on a simulated organization. */
export function simulatedClient(
  organization: Organization,
  faults: readonly FaultRule[] = [],
): { readonly clientOf: LivingOptions['clientOf']; dispatcher(): SimulatedDispatcher } {
  let dispatcher: SimulatedDispatcher | undefined;
  return {
    clientOf(clock, observer) {
      dispatcher = new SimulatedDispatcher({ organization, clock, faults });
      return createClient({
        baseUrl: new URL('http://127.0.0.1/v1'),
        key: fixedKey(simulatedKey),
        dispatcher,
        budget: createBudget({ clock, maxPerMinute: 60 }),
        clock,
        random: () => 0.5,
        timeoutMs: 30_000,
        userAgent: 'test',
        observer,
      });
    },
    dispatcher() {
      if (dispatcher === undefined) throw new Error('nothing has asked for a client yet');
      return dispatcher;
    },
  };
}

export interface Asked {
  readonly api: string;
  readonly width: Width;
  /** Seconds, of the bucket. */
  readonly start: number;
  /** UTC milliseconds. */
  readonly at: number;
}

type Failure = { readonly reason: ApiError['reason']; readonly code?: string };

/**
 * A client that answers whole pages of the rows that `rows` gives for each bucket, as the API would write them. Where
 * `fails` gives a reason, it fails.
 */
export function rowsClient(
  rows: (asked: Asked) => readonly object[],
  fails: (asked: Omit<Asked, 'start'>) => Failure | undefined = () => undefined,
): LivingOptions['clientOf'] {
  return (clock) => ({
    async get(request, decode) {
      const at = clock.now();
      const value = (name: string) => request.query.find(([key]) => key === name)?.[1];
      const text = value('bucket_width');
      const width: Width = text === '1m' || text === '1h' ? text : '1d';
      const { api, path } = request;
      const failure = fails({ api, width, at });
      if (failure !== undefined) throw new ApiError({ api, path, detail: 'as the test wants it', ...failure });
      const data = [];
      const end = Math.min(Number(value('end_time')), Math.floor(at / 1_000) + widthSeconds[width]);
      for (let start = Number(value('start_time')); start < end; start += widthSeconds[width]) {
        const results = rows({ api, width, start, at });
        data.push({ object: 'bucket', start_time: start, end_time: start + widthSeconds[width], results });
      }
      const body = Buffer.from(JSON.stringify({ object: 'page', data, has_more: false, next_page: null }));
      return { value: await decode(body), bytes: body.length, startedAt: at, endedAt: clock.monotonic() };
    },
  });
}

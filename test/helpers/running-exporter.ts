/**
 * A whole exporter that runs by a virtual clock: no socket, no time but the simulated. It asks the client that a test
 * gives, or the real one on a simulated organization.
 */
import { setMaxListeners } from 'node:events';
import { constants, crc32, deflateRawSync } from 'node:zlib';
import type { PriceEntry } from '../../src/estimate/prices.ts';
import type { PageSource } from '../../src/metrics/page.ts';
import { createShownPage } from '../../src/metrics/shown-page.ts';
import type { Client, ClientObserver } from '../../src/openai/client.ts';
import { createExporter, type Exporter, type ExporterOptions } from '../../src/reader/exporter.ts';
import type { ShownHour } from '../../src/usage/recent.ts';
import { demoSettings } from './demo-settings.ts';
import { type Exposition, parseExposition } from './exposition-parser.ts';
import { type RecordingLog, recordingLog } from './recording-log.ts';
import { simulatedClient } from './simulated-client.ts';
import { type DispatcherOptions, SimulatedDispatcher } from './simulated-dispatcher.ts';
import { createVirtualClock, type VirtualClock } from './virtual-clock.ts';

export interface RunOptions {
  /** UTC, like `2026-11-20T09:07:03Z`. */
  readonly start?: string;
  /** The clock; without it, there is one that shows `start`. */
  readonly clock?: VirtualClock;
  /** Names are read only if `--names.refresh` is among them. */
  readonly flags?: readonly string[];
  readonly client: (clock: VirtualClock, observer: ClientObserver) => Client;
  readonly memory?: ExporterOptions['memory'];
  /** The limit of the client; without it, the exporter does not say when that is too few. */
  readonly maxRequestsPerMinute?: number;
}

export interface RunningExporter {
  readonly clock: VirtualClock;
  readonly exporter: Exporter;
  readonly shown: PageSource;
  readonly log: RecordingLog;
  /** The page, without the exporter's own metrics. */
  text(): string;
  /** The same, read strictly. */
  page(): Exposition;
  /** The hours whose usage is on show, and the prices that estimates go by: what live usage is told. */
  hours(): readonly ShownHour[];
  prices(): readonly PriceEntry[];
  /** A value of the exporter's own metrics: that of the line that begins so; undefined where there is none. */
  self(line: string): Promise<number | undefined>;
  /** Lets time pass until UTC reads this. */
  until(utc: string): Promise<void>;
  minutes(count: number): Promise<void>;
  end(): Promise<void>;
}

export function runExporter({
  start,
  clock: given,
  flags = [],
  client,
  memory,
  maxRequestsPerMinute,
}: RunOptions): RunningExporter {
  const clock = given ?? createVirtualClock(start === undefined ? {} : { start: Date.parse(start) });
  const named = flags.some((flag) => flag.startsWith('--names.refresh='));
  const log = recordingLog();
  const shown = createShownPage();
  let hours: readonly ShownHour[] = [];
  let prices: readonly PriceEntry[] = [];
  const exporter = createExporter({
    settings: demoSettings([...(named ? [] : ['--names.refresh=0']), ...flags]),
    clock,
    log,
    version: '0',
    revision: '0',
    client: (observer) => client(clock, observer),
    show(update, shownHours) {
      hours = shownHours;
      return shown.show(update);
    },
    prices(entries) {
      prices = entries;
    },
    compress: (text) => ({
      bytes: deflateRawSync(text, { level: 1, finishFlush: constants.Z_SYNC_FLUSH }),
      length: text.length,
      crc: crc32(text),
    }),
    ...(memory === undefined ? {} : { memory }),
    ...(maxRequestsPerMinute === undefined ? {} : { maxRequestsPerMinute }),
  });
  const stop = new AbortController();
  // Every poller waits on it.
  setMaxListeners(0, stop.signal);
  const run = exporter.run(stop.signal).catch((error: unknown) => {
    if (!stop.signal.aborted) throw error;
  });
  const text = () => Buffer.concat([...shown.current().plain]).toString();
  return {
    clock,
    exporter,
    shown,
    log,
    text,
    page: () => parseExposition(text()),
    hours: () => hours,
    prices: () => prices,
    async self(line) {
      const own = await exporter.self.text();
      parseExposition(own);
      const found = own.split('\n').find((each) => each.startsWith(line));
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

/** Describes what is simulated, and how the exporter of it runs. */
export interface SimulationOptions
  extends Omit<DispatcherOptions, 'clock'>,
    Pick<RunOptions, 'flags' | 'maxRequestsPerMinute'> {
  /** UTC, like `2026-11-20T09:07:03Z`. */
  readonly start: string;
}

/** Runs with the real client on a simulated organization. */
export function runSimulated({
  start,
  flags = [],
  maxRequestsPerMinute = 60,
  ...simulation
}: SimulationOptions): RunningExporter & { readonly dispatcher: SimulatedDispatcher } {
  const clock = createVirtualClock({ start: Date.parse(start) });
  const dispatcher = new SimulatedDispatcher({ ...simulation, clock });
  const running = runExporter({
    clock,
    flags,
    maxRequestsPerMinute,
    client: (_, observer) => simulatedClient({ dispatcher, clock, observer, maxPerMinute: maxRequestsPerMinute }),
  });
  return { ...running, dispatcher };
}

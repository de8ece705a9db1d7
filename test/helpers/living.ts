/** A whole exporter that lives on a simulated organization by a virtual clock: no socket, no time but the simulated. */
import { setMaxListeners } from 'node:events';
import { createExporter, type Exporter } from '../../src/exporter/exporter.ts';
import { createBudget } from '../../src/openai/budget.ts';
import { createClient } from '../../src/openai/client.ts';
import { fixedKey } from '../../src/openai/key.ts';
import { parseSettings } from '../../src/settings/settings.ts';
import { type ApiOptions, simulatedKey } from '../../src/simulation/api.ts';
import { SimulatedDispatcher } from '../../src/simulation/dispatcher.ts';
import type { FaultRule } from '../../src/simulation/faults.ts';
import type { Organization } from '../../src/simulation/organization.ts';
import { createVirtualClock, type VirtualClock } from '../../src/simulation/virtual-clock.ts';
import { type Exposition, parseExposition } from './exposition-parser.ts';
import { type RecordingLog, recordingLog } from './recording-log.ts';

export interface LivingOptions {
  readonly organization: Organization;
  /** UTC milliseconds. */
  readonly start: number;
  readonly flags?: readonly string[];
  readonly faults?: readonly FaultRule[];
  readonly keys?: ApiOptions['keys'];
  readonly latency?: number;
}

export interface Living {
  readonly clock: VirtualClock;
  readonly exporter: Exporter;
  readonly dispatcher: SimulatedDispatcher;
  readonly log: RecordingLog;
  /** The page as it is; read strictly. */
  page(): Exposition;
  self(): Promise<Exposition>;
  end(): Promise<void>;
}

export function startLiving(options: LivingOptions): Living {
  const { organization, start, faults = [], keys, latency = 50 } = options;
  const clock = createVirtualClock({ start });
  const log = recordingLog();
  const dispatcher = new SimulatedDispatcher({
    organization,
    clock,
    faults,
    latency,
    ...(keys === undefined ? {} : { keys }),
  });
  const parsed = parseSettings(['demo', ...(options.flags ?? [])], {});
  if (!('settings' in parsed)) throw new Error(JSON.stringify(parsed));
  const exporter = createExporter({
    settings: parsed.settings,
    clock,
    log,
    version: '0',
    revision: '0',
    processMetrics: false,
    client: (observer) =>
      createClient({
        baseUrl: new URL('http://simulated/v1'),
        key: fixedKey(simulatedKey),
        dispatcher,
        budget: createBudget({ clock, maxPerMinute: 60 }),
        clock,
        random: () => 0.5,
        timeoutMs: 30_000,
        userAgent: 'test',
        observer,
      }),
    // Of no interest here; and zlib's threads know nothing of this clock.
    compress: async (text) => ({ bytes: text, length: text.length, crc: 0 }),
  });
  const stop = new AbortController();
  // Every poller waits on it.
  setMaxListeners(0, stop.signal);
  const run = exporter.run(stop.signal).catch((error: unknown) => {
    if (!stop.signal.aborted) throw error;
  });
  return {
    clock,
    exporter,
    dispatcher,
    log,
    page: () => parseExposition(Buffer.concat([...exporter.page.current().plain]).toString()),
    self: async () => parseExposition(await exporter.self.text()),
    async end() {
      stop.abort(new Error('over'));
      await clock.drain();
      await run;
    },
  };
}

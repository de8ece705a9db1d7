/** Runs an exporter and its web server until told to stop. `serve` and `demo` differ only in what they hand in. */
import type { Clock } from '../clock.ts';
import type { Exporter } from '../exporter/exporter.ts';
import { statusOf } from '../exporter/status.ts';
import type { Logger } from '../log.ts';
import { formatAddress, type ListenAddress } from '../settings/listen-address.ts';
import { isLoopback } from '../settings/loopback.ts';
import type { Settings } from '../settings/settings.ts';
import { noWebConfig, type WebConfig } from '../settings/web-config.ts';
import { createBasicAuth } from '../web/basic-auth.ts';
import { createBcrypt } from '../web/bcrypt.ts';
import { warningsOf } from '../web/exposure.ts';
import { createLiveConfig, type LiveConfig } from '../web/live-config.ts';
import { createClientRateCounter } from '../web/rate-limit.ts';
import { createRefusals } from '../web/refusals.ts';
import { createServer } from '../web/server.ts';
import { tlsServer } from '../web/tls.ts';

export interface ServeOptions {
  readonly exporter: Exporter;
  readonly settings: Pick<Settings, 'web'>;
  /** The exporter's clock, and the wall's: they differ where a demonstration runs faster. */
  readonly clock: Clock;
  readonly wallClock: Clock;
  readonly log: Logger;
  readonly version: string;
  readonly revision: string;
  readonly simulated: boolean;
  /** Told where it listens, and whether by TLS. */
  readonly listening?: (address: ListenAddress, secure: boolean) => void;
  /** Aborted when the process is told to stop. */
  readonly signal: AbortSignal;
}

/**
 * Resolves once everything has stopped, running scrapes finished.
 * @throws {ListenError} if the address cannot be listened on
 */
export async function serve(options: ServeOptions): Promise<void> {
  const { exporter, settings, clock, wallClock, log, version, revision, simulated, signal } = options;
  const startedAt = clock.now();
  const { configFile, listen } = settings.web;
  let address = formatAddress(listen);
  const warn = (config: WebConfig) => {
    if (listen.host !== undefined && isLoopback(listen.host)) return;
    for (const warning of warningsOf(config, { simulated })) log.warn(warning, { address });
  };
  const live: LiveConfig =
    configFile === undefined
      ? { current: () => noWebConfig }
      : createLiveConfig({ path: configFile, clock: wallClock, log, changed: warn });
  const { tls } = live.current();
  const bcrypt = createBcrypt();
  const isAllowed = createBasicAuth(() => live.current().users, bcrypt);
  const refusals = createRefusals({ clock: wallClock, log });
  const countRequest = createClientRateCounter();
  const server = createServer({
    page: exporter.page,
    self: () => exporter.self.text(),
    status: () => statusOf({ exporter, version, revision, simulated, startedAt, now: clock.now() }),
    ready: exporter.ready,
    maxRequests: settings.web.maxRequests,
    telemetryPath: settings.web.telemetryPath,
    onRejected: () => exporter.self.scrapeRejected(),
    log,
    clock: wallClock,
    authorize: ({ headers }, client) => live.current().users.size === 0 || isAllowed(headers.authorization, client),
    delay: (client) => {
      const { rateLimit } = live.current();
      return rateLimit === undefined ? 0 : countRequest(client, rateLimit, wallClock.monotonic());
    },
    refuse: refusals.add,
    headers: () => live.current().headers,
    ...(tls === undefined ? {} : { makeServer: tlsServer(live, tls, refusals.add) }),
  });
  const bound = await server.listen(listen);
  address = formatAddress(bound);
  log.info(`listening on ${address}: metrics at ${settings.web.telemetryPath}, status at /`, { address, version });
  options.listening?.(bound, tls !== undefined);

  warn(live.current());

  try {
    await exporter.run(signal);
  } catch (error) {
    if (!signal.aborted) throw error;
    log.info('stopping');
  } finally {
    await server.stop();
    refusals.end();
    await bcrypt.close();
  }
}

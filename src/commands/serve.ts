/** Runs the web server and what it serves until told to stop. `serve` and `demo` differ only in what they hand in. */
import type { Clock } from '../clock.ts';
import type { Logger } from '../log.ts';
import type { ServingMetrics } from '../metrics/self-serving.ts';
import type { Paint } from '../paint.ts';
import { formatAddress, isLoopback, type ListenAddress } from '../settings/listen-address.ts';
import type { Settings } from '../settings/settings.ts';
import { noWebConfig, type WebConfig } from '../settings/web-config.ts';
import { createBasicAuth } from '../web/basic-auth.ts';
import { createBcrypt } from '../web/bcrypt.ts';
import { warningsOf } from '../web/exposure.ts';
import { createLiveConfig, type LiveConfig } from '../web/live-config.ts';
import { createClientRateCounter } from '../web/rate-limit.ts';
import { createRefusals, type Refuse } from '../web/refused-clients.ts';
import { createServer } from '../web/server.ts';
import { tlsServer } from '../web/tls.ts';
import type { Served } from './served.ts';

export interface ServeOptions {
  readonly served: Served;
  readonly metrics: ServingMetrics;
  readonly settings: Pick<Settings, 'web' | 'live'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly version: string;
  readonly simulated: boolean;
  /** Called once the server listens, with the address and whether TLS is on. */
  readonly listening?: (address: ListenAddress, secure: boolean) => void;
  /** The signal that is aborted when the process is told to stop. */
  readonly signal: AbortSignal;
}

/**
 * Resolves once everything has stopped, running scrapes finished.
 * @throws {ListenError} if the address cannot be listened on
 */
export async function serve(options: ServeOptions): Promise<void> {
  const { served, metrics, settings, clock, log, version, simulated, signal } = options;
  const { configFile, listen, externalUrl } = settings.web;
  let address = formatAddress(listen);
  const warn = (config: WebConfig) => {
    if (listen.host !== undefined && isLoopback(listen.host)) return;
    for (const warning of warningsOf(config, { simulated })) log.warn(warning, { address });
  };
  const live: LiveConfig =
    configFile === undefined
      ? { current: () => noWebConfig }
      : createLiveConfig({ path: configFile, clock, log, changed: warn });
  const { tls } = live.current();
  const bcrypt = createBcrypt();
  const isAllowed = createBasicAuth(() => live.current().users, bcrypt);
  const refusals = createRefusals({ clock, log });
  const refuse: Refuse = (reason, address) => {
    metrics.clientRefused(reason);
    refusals.add(reason, address);
  };
  const countRequest = createClientRateCounter();
  const server = createServer({
    ...served.site,
    ...(served.sites && { sites: { ...served.sites, externalUrl, secure: tls !== undefined } }),
    ready: served.ready,
    maxRequests: settings.web.maxRequests,
    telemetryPath: settings.web.telemetryPath,
    onRejected: (address) => {
      metrics.scrapeRejected();
      refusals.add('scrapes_at_once', address);
    },
    log,
    clock,
    authorize: ({ headers }, client) => live.current().users.size === 0 || isAllowed(headers.authorization, client),
    delay: (client) => {
      const { rateLimit } = live.current();
      return rateLimit === undefined ? 0 : countRequest(client, rateLimit, clock.monotonic());
    },
    refuse,
    headers: () => live.current().headers,
    ...(tls === undefined ? {} : { makeServer: tlsServer(live, tls, refuse) }),
  });
  const bound = await server.listen(listen);
  address = formatAddress(bound);
  log.info(`listening on ${address}: metrics at ${settings.web.telemetryPath}, status at /`, { address, version });
  options.listening?.(bound, tls !== undefined);

  warn(live.current());

  let stopped: Promise<void> | undefined;
  signal.addEventListener('abort', () => {
    log.info('stopping');
    stopped = server.stop();
  });
  if (settings.live.enabled && settings.live.tokenFile === undefined && !simulated) {
    log.warn(
      'live usage is taken from this machine alone, because there is no token; give --live.token-file to take it from others',
    );
  }
  try {
    await served.run(signal);
  } finally {
    await (stopped ?? server.stop());
    refusals.end();
    await bcrypt.close();
  }
}

export interface PlacesOptions {
  /** The address that it listens at, the real port included. */
  readonly address: ListenAddress;
  readonly secure: boolean;
  readonly telemetryPath: string;
  /** The names of the organizations that are simulated, where there are several. */
  readonly organizations?: readonly string[];
  readonly paint: Paint;
}

/** Tells somebody who has just started the demonstration where to look. Ends with a line feed. */
export function placesText({ address, secure, telemetryPath, organizations = [], paint }: PlacesOptions): string {
  const everywhere = address.host === undefined || address.host === '0.0.0.0' || address.host === '::';
  const root = `${secure ? 'https' : 'http'}://${formatAddress(everywhere ? { ...address, host: 'localhost' } : address)}`;
  const [first] = organizations;
  const places: readonly (readonly [what: string, path: string])[] =
    first !== undefined
      ? [
          ['the organizations', '/'],
          ['their targets', '/sd'],
          ['the metrics', `/organizations/${first}${telemetryPath}`],
        ]
      : [
          ['the status page', '/'],
          ['the metrics', telemetryPath],
          ['the same as JSON', '/api/status'],
        ];
  const what =
    first !== undefined
      ? `These are ${organizations.length} simulated organizations`
      : 'This is a simulated organization';
  return `
${paint.strong(`${what}: every number is made up. Look at`)}
${places.map(([name, path]) => `  ${name.padEnd(17)} ${paint.good(`${root}${path}`)}`).join('\n')}
${first !== undefined ? 'They are' : 'It is'} complete after a few seconds. Ctrl-C ends it.

`;
}

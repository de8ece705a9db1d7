/** A web server on a free port of the loopback interface, around whatever of it a test is about. */
import { systemClock } from '../../src/clock.ts';
import { ownText } from '../../src/metrics/own-text.ts';
import { emptyPage } from '../../src/metrics/page.ts';
import { createServer, type WebOptions, type WebServer } from '../../src/web/server.ts';
import { silentLogger } from './silent-logger.ts';

/** An exporter that has nothing to show but one metric of its own. */
export const webDefaults: WebOptions = {
  page: { current: () => emptyPage },
  own: async () => [ownText('own 1\n')],
  status: () => {
    throw new Error('nobody asks');
  },
  ready: () => true,
  maxRequests: 40,
  telemetryPath: '/metrics',
  onRejected: () => {},
  log: silentLogger,
  clock: systemClock,
};

/** The caller stops it. */
export async function startWebServer(
  options: Partial<WebOptions> = {},
): Promise<{ readonly server: WebServer; readonly port: number }> {
  const server = createServer({ ...webDefaults, ...options });
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
  return { server, port };
}

/** The simulated organization as a real HTTP server that fails as rules say. */
import {
  type Answer,
  type ServerOptions,
  type SimulatedServer,
  startServer,
  writeHead,
} from '../../src/simulation/simulated-server.ts';
import { deliveries, type FaultRule } from './faults.ts';

/** Starts listening. @throws if the port is in use. */
export function startFaultyServer(
  options: Omit<ServerOptions, 'answering'> & { readonly faults: readonly FaultRule[] },
): Promise<SimulatedServer> {
  const { faults, ...rest } = options;
  return startServer({
    ...rest,
    answering(exchange): Answer {
      const decide = deliveries(exchange, faults);
      return async (asked, request, response, signal) => {
        const delivery = decide(asked);
        if (delivery.kind === 'hang') return;
        if (delivery.kind === 'reset') {
          request.socket.resetAndDestroy();
          return;
        }
        if (delivery.kind === 'whole' && delivery.afterMs > 0) await rest.clock.sleep(delivery.afterMs, signal);
        const bytes = await writeHead(delivery.response, request, response);
        switch (delivery.kind) {
          case 'whole':
            response.end(bytes);
            return;
          case 'cut':
            response.write(bytes.subarray(0, Math.floor(bytes.length * delivery.share)), () =>
              request.socket.destroy(),
            );
            return;
          case 'drip':
            for (let from = 0; from < bytes.length; from += delivery.bytes) {
              response.write(bytes.subarray(from, from + delivery.bytes));
              await rest.clock.sleep(delivery.everyMs, signal);
            }
            response.end();
        }
      };
    },
  });
}

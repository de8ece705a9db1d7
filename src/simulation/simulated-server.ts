/** The simulated organization as a real HTTP server on the loopback interface. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Clock } from '../clock.ts';
import { createExchange, type ExchangeOptions, type LoggedRequest } from './exchange.ts';
import type { Delivery } from './faults.ts';

export interface ServerOptions extends ExchangeOptions {
  /** Default 0: any free one. */
  readonly port?: number;
}

export interface SimulatedServer {
  /** The base URL, `/v1` included. */
  readonly url: string;
  readonly port: number;
  readonly requests: readonly LoggedRequest[];
  readonly counts: ReadonlyMap<string, number>;
  forget(): void;
  /** Closes all connections, too. */
  close(): Promise<void>;
}

const compress = promisify(gzip);

/** Starts listening. @throws if the port is in use. */
export async function startServer(options: ServerOptions): Promise<SimulatedServer> {
  const { clock, port = 0 } = options;
  const { exchange, requests, counts, forget } = createExchange(options);
  const stopping = new AbortController();

  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
    const headers: Record<string, string | undefined> = {};
    for (const [name, value] of Object.entries(request.headers))
      headers[name] = Array.isArray(value) ? value.join(', ') : value;
    const delivery = exchange({ method: request.method ?? 'GET', path: pathname, query: searchParams, headers });
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    carryOut(delivery, request, response, clock, AbortSignal.any([gone.signal, stopping.signal])).catch(
      (error: unknown) => {
        // The client went away or the server stops: there is nobody left to tell.
        if (!gone.signal.aborted && !stopping.signal.aborted)
          response.destroy(error instanceof Error ? error : undefined);
      },
    );
  });

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      resolve();
    });
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The simulated server has no port.');
  return {
    url: `http://127.0.0.1:${address.port}/v1`,
    port: address.port,
    requests,
    counts,
    forget,
    close: () =>
      new Promise((resolve) => {
        stopping.abort();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function carryOut(
  delivery: Delivery,
  request: IncomingMessage,
  response: ServerResponse,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  if (delivery.kind === 'hang') return;
  if (delivery.kind === 'reset') {
    request.socket.resetAndDestroy();
    return;
  }
  if (delivery.kind === 'whole' && delivery.afterMs > 0) await clock.sleep(delivery.afterMs, signal);
  const { status, headers, body } = delivery.response;
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  let bytes: Buffer = Buffer.from(body);
  if (/\bgzip\b/.test(String(request.headers['accept-encoding'] ?? '')) && bytes.length > 1_024) {
    bytes = await compress(bytes, { level: 1 });
    response.setHeader('content-encoding', 'gzip');
  }
  response.setHeader('content-length', bytes.length);
  response.writeHead(status);
  switch (delivery.kind) {
    case 'whole':
      response.end(bytes);
      return;
    case 'cut':
      response.write(bytes.subarray(0, Math.floor(bytes.length * delivery.share)), () => request.socket.destroy());
      return;
    case 'drip':
      for (let from = 0; from < bytes.length; from += delivery.bytes) {
        response.write(bytes.subarray(from, from + delivery.bytes));
        await clock.sleep(delivery.everyMs, signal);
      }
      response.end();
  }
}

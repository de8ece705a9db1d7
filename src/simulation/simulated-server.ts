/** The simulated organization as a real HTTP server on the loopback interface. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { createExchange, type Exchange, type ExchangeOptions, type LoggedRequest } from './exchange.ts';
import type { ApiRequest, ApiResponse } from './reply.ts';

/**
 * Answers a request.
 * @param signal aborted when the client has gone or the server stops
 */
export type Answer = (
  asked: ApiRequest,
  request: IncomingMessage,
  response: ServerResponse,
  signal: AbortSignal,
) => Promise<void>;

export interface ServerOptions extends ExchangeOptions {
  /** Returns what answers in place of the API itself: a test lets it fail. */
  readonly answering?: (exchange: Exchange) => Answer;
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
  const { answering = honest, port = 0 } = options;
  const exchange = createExchange(options);
  const { requests, counts, forget } = exchange;
  const answer = answering(exchange);
  const stopping = new AbortController();

  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
    const headers: Record<string, string | undefined> = {};
    for (const [name, value] of Object.entries(request.headers))
      headers[name] = Array.isArray(value) ? value.join(', ') : value;
    const asked = { method: request.method ?? 'GET', path: pathname, query: searchParams, headers };
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    answer(asked, request, response, AbortSignal.any([gone.signal, stopping.signal])).catch((error: unknown) => {
      // The client went away or the server stops: there is nobody left to tell.
      if (!gone.signal.aborted && !stopping.signal.aborted)
        response.destroy(error instanceof Error ? error : undefined);
    });
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

/** Gives every request the right answer. */
function honest(exchange: Exchange): Answer {
  return async (asked, request, response) => {
    const { now } = exchange.received(asked);
    response.end(await writeHead(exchange.respond(asked, now), request, response));
  };
}

/** Writes the head of the answer. Returns its body, compressed where the client takes that. */
export async function writeHead(
  { status, headers, body }: ApiResponse,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<Buffer> {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  let bytes: Buffer = Buffer.from(body);
  if (/\bgzip\b/.test(String(request.headers['accept-encoding'] ?? '')) && bytes.length > 1_024) {
    bytes = await compress(bytes, { level: 1 });
    response.setHeader('content-encoding', 'gzip');
  }
  response.setHeader('content-length', bytes.length);
  response.writeHead(status);
  return bytes;
}

/** A real HTTP server on a free port of the loopback interface, which remembers what it was asked. */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ReceivedRequest {
  readonly method: string;
  /** Path and query, as sent. */
  readonly target: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
}

/** @param index 0 for the first request that the server got */
export type Handler = (request: ReceivedRequest, response: ServerResponse, index: number) => unknown;

export interface TestServer {
  readonly url: URL;
  readonly port: number;
  readonly requests: readonly ReceivedRequest[];
  close(): Promise<void>;
}

/** The address on which a server listens, if not on a free port of the loopback interface: in a container, others have to reach it. */
export interface Listen {
  readonly host: string;
  readonly port: number;
}

export async function startHttpServer(
  handler: Handler,
  { host, port: wanted }: Listen = { host: '127.0.0.1', port: 0 },
): Promise<TestServer> {
  const requests: ReceivedRequest[] = [];
  const server = createServer((message: IncomingMessage, response: ServerResponse) => {
    const target = message.url ?? '/';
    const url = new URL(target, 'http://localhost');
    const request = {
      method: message.method ?? '',
      target,
      path: url.pathname,
      query: url.searchParams,
      headers: message.headers,
    };
    requests.push(request);
    message.resume();
    Promise.resolve()
      .then(() => handler(request, response, requests.length - 1))
      .catch((error: unknown) => response.destroy(error instanceof Error ? error : new Error(String(error))));
  });
  await new Promise<void>((resolve) => server.listen(wanted, host, resolve));
  const port = portOf(server.address());
  return {
    url: new URL(`http://127.0.0.1:${port}`),
    port,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === 'string') throw new Error('not listening on a port');
  return address.port;
}

/** Answers with `body` as JSON; a string is sent as it is. */
export function reply(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body));
}

/** Resolves once `condition` holds; fails after `withinMs` of real time. For what a socket has to bring about. */
export async function until(condition: () => boolean, withinMs = 2_000): Promise<void> {
  const end = performance.now() + withinMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`not so within ${withinMs} ms: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** A proxy that knows CONNECT and nothing else, and remembers what it was asked to connect to. */
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { portOf } from './http-server.ts';

export interface ConnectProxy {
  readonly url: string;
  readonly connects: readonly { readonly authority: string; readonly headers: IncomingHttpHeaders }[];
  /** Requests that were not CONNECT. */
  readonly others: readonly string[];
  close(): Promise<void>;
}

/** Leads every connection to `port` on the loopback interface, whatever its authority says; or answers `status`. */
export async function startConnectProxy(port: number, status = 200): Promise<ConnectProxy> {
  const connects: { authority: string; headers: IncomingHttpHeaders }[] = [];
  const others: string[] = [];
  const sockets = new Set<Duplex>();
  const server = createServer((request, response) => {
    others.push(`${request.method} ${request.url}`);
    response.writeHead(405).end();
  });
  server.on('connect', (request, socket) => {
    connects.push({ authority: request.url ?? '', headers: request.headers });
    sockets.add(socket);
    socket.on('error', () => {});
    if (status !== 200) {
      socket.end(`HTTP/1.1 ${status} No\r\n\r\n`);
      return;
    }
    const target = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      target.pipe(socket).pipe(target);
    });
    sockets.add(target);
    target.on('error', () => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${portOf(server.address())}`,
    connects,
    others,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

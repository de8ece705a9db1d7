/** Listens, bounds what a client may cost, and stops without cutting off a running scrape. */
import { createServer as createHttpServer, type RequestListener, type Server, type ServerOptions } from 'node:http';
import type { Socket } from 'node:net';
import { Server as TlsServer } from 'node:tls';
import { alarm } from '../clock.ts';
import type { ListenAddress } from '../settings/listen-address.ts';
import { type AppOptions, createApp } from './app.ts';
import { ListenError } from './listen-error.ts';

/** Makes the server that listens: http, or https with its certificates. */
export type MakeServer = (options: ServerOptions, listener: RequestListener) => Server;

export interface WebOptions extends AppOptions {
  readonly makeServer?: MakeServer;
  /** Connections at once. Default 1,000. */
  readonly maxConnections?: number;
}

export interface WebServer {
  /**
   * Resolves with where it listens: the port is the real one where 0 was asked for.
   * @throws ListenError
   */
  listen(address: ListenAddress): Promise<ListenAddress>;
  /** Takes no new connections, lets running answers end for at most `within` ms (4 s), then cuts them off. */
  stop(within?: number): Promise<void>;
}

/** Milliseconds and bytes. A scraper needs a few hundred bytes and no time to ask. */
const limits = {
  headersTimeout: 10_000,
  requestTimeout: 15_000,
  connectionsCheckingInterval: 5_000,
  /** Longer than the usual scrape interval, so that a scraper's connection is used again. */
  keepAliveTimeout: 75_000,
  maxHeaderSize: 16_384,
} satisfies ServerOptions;

/** Of all connections, this share is for those that have not agreed on a key yet. */
const shareOfHandshakes = 0.1;
const maxHeaders = 100;

/**
 * A server that does not listen yet.
 * @throws what `makeServer` throws, such as for certificates that cannot be used
 */
export function createServer(options: WebOptions): WebServer {
  const { makeServer = createHttpServer, maxConnections = 1_000, clock, log } = options;
  const app = createApp(options);
  /** Answers under way, by connection. Node counts a connection that has never asked anything as busy. */
  const underWay = new Map<Socket, number>();
  const mostKept = Math.floor(maxConnections * (1 - shareOfHandshakes));
  let stopping = false;
  const server = makeServer(limits, (request, response) => {
    const { socket } = request;
    if (stopping) response.setHeader('Connection', 'close');
    underWay.set(socket, (underWay.get(socket) ?? 0) + 1);
    response.once('close', () => {
      const left = (underWay.get(socket) ?? 1) - 1;
      if (underWay.has(socket)) underWay.set(socket, left);
      // Its head may have promised to keep the connection, before there was nothing to keep it for.
      if (stopping && left === 0) socket.destroySoon();
    });
    app(request, response);
  });
  server.on(server instanceof TlsServer ? 'secureConnection' : 'connection', (socket: Socket) => {
    underWay.set(socket, 0);
    socket.once('close', () => underWay.delete(socket));
    if (underWay.size > mostKept) makeRoom();
  });
  /** Who came longest ago and asks for nothing, or only slowly, goes: so a crowd of such keeps no scraper away. */
  function makeRoom(): void {
    for (const [socket, answers] of underWay) {
      if (answers > 0) continue;
      underWay.delete(socket);
      socket.destroy();
      return;
    }
  }
  server.maxConnections = maxConnections;
  server.maxHeadersCount = maxHeaders;

  return {
    async listen(address) {
      const { host, port } = address;
      await new Promise<void>((resolve, reject) => {
        const failed = (error: Error) => reject(new ListenError(address, error));
        server.once('error', failed);
        server.listen({ port, ...(host === undefined ? {} : { host }) }, () => {
          server.off('error', failed);
          server.on('error', (error) => log.error('the web server reported an error', { error }));
          resolve();
        });
      });
      const bound = server.address();
      return { host, port: typeof bound === 'object' && bound !== null ? bound.port : port };
    },

    async stop(within = 4_000) {
      if (!server.listening) return;
      stopping = true;
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      for (const [socket, answers] of underWay) {
        if (answers === 0) socket.destroySoon();
      }
      const disarm = alarm(clock, within, () => {
        for (const socket of underWay.keys()) socket.destroy();
        server.closeAllConnections();
      });
      await closed;
      disarm();
    },
  };
}

/** Listens, bounds what a client may cost, and stops without cutting off a running scrape. */
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http';
import type { Socket } from 'node:net';
import { Server as TlsServer } from 'node:tls';
import { alarm } from '../clock.ts';
import type { ListenAddress } from '../settings/listen-address.ts';
import { type AppOptions, createApp } from './app.ts';
import { createConnections } from './connections.ts';
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

/** This share of all connections is for those that come until one that has to make room for them has gone. */
const shareOfNewcomers = 0.1;
const maxHeaders = 100;
/** Milliseconds in which a client must have taken something of its answer. */
const longestStandstill = 60_000;

/**
 * A server that does not listen yet.
 * @throws what `makeServer` throws, such as for certificates that cannot be used
 */
export function createServer(options: WebOptions): WebServer {
  const { makeServer = createHttpServer, maxConnections = 1_000, clock, log, refuse = () => {} } = options;
  const most = Math.floor(maxConnections * (1 - shareOfNewcomers));
  const connections = createConnections({ most, answer: createApp(options), refuse });
  const asked = (request: IncomingMessage, response: ServerResponse) => connections.asked(request, response);
  const server = makeServer(limits, asked);
  // Node would answer these itself, all that come at once.
  server.on('checkContinue', asked).on('checkExpectation', asked);
  /** Connections that have not agreed on a key yet, by end. */
  const agreeing = new Map<string, Socket>();
  server.on('connection', (socket: Socket) => {
    connections.opened(socket);
    if (!(server instanceof TlsServer)) return connections.ready(socket, socket);
    const end = endOf(socket);
    agreeing.set(end, socket);
    socket.once('close', () => agreeing.delete(end));
  });
  server.on('secureConnection', (socket: Socket) => {
    const end = endOf(socket);
    connections.ready(socket, agreeing.get(end));
    agreeing.delete(end);
  });
  server.maxConnections = maxConnections;
  server.maxHeadersCount = maxHeaders;
  server.timeout = longestStandstill;

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
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      connections.stop();
      const disarm = alarm(clock, within, () => {
        connections.destroy();
        server.closeAllConnections();
      });
      await closed;
      disarm();
    },
  };
}

function endOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

/**
 * The open connections. The requests of one are answered one after the other, each when the answer before it has been
 * taken; and where there are too many connections, those of the client that has the most of them give way.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { clientAt } from './client-address.ts';
import { type Intake, piece, readInPieces } from './intake.ts';
import type { Refuse } from './refused-clients.ts';
import { createTurns } from './turns.ts';

export interface ConnectionsOptions {
  /** Connections at once. */
  readonly most: number;
  readonly answer: (request: IncomingMessage, response: ServerResponse) => void;
  readonly refuse: Refuse;
}

export interface Connections {
  opened(socket: Socket): void;
  /**
   * Called when requests can come, with the connection that they come over.
   * @param opened the connection below TLS; the same one without TLS
   */
  ready(socket: Socket, opened: Socket | undefined): void;
  asked(request: IncomingMessage, response: ServerResponse): void;
  /** Ends each connection once the answer that is under way on it has been taken, and begins no other. */
  stop(): void;
  destroy(): void;
}

/**
 * Requests in one turn of the event loop, of those that came before they could be answered. In one turn Node accepts one
 * connection, so that newcomers would wait for all the others.
 */
const mostInTurn = 4;

/** Pieces of reports in one turn: together they take less than a millisecond. */
const mostReportsInTurn = 8;

interface Connection {
  readonly socket: Socket;
  readonly client: string;
  isAnswering: boolean;
  /** The request that is being answered, and what had been handed over when it began. */
  current?: { readonly request: IncomingMessage; readonly handedBefore: number };
  /** The bytes that it sends, once requests can come. */
  intake?: Intake;
  /** Requests that came in one piece with the one that is being answered. */
  readonly waiting: [IncomingMessage, ServerResponse][];
}

export function createConnections({ most, answer, refuse }: ConnectionsOptions): Connections {
  /** Those that came first, or that began to answer first, are first. */
  const open = new Map<Socket, Connection>();
  /** Those with an answer behind them, and more requests that have come already. */
  const goingOn = createTurns(mostInTurn);
  const reports = createTurns(mostReportsInTurn);
  let isStopping = false;

  function add(socket: Socket): Connection {
    const client = clientAt(socket.remoteAddress);
    const connection: Connection = { socket, client, isAnswering: false, waiting: [] };
    open.set(socket, connection);
    socket.once('close', () => open.delete(socket));
    return connection;
  }

  function cutOff({ socket }: Connection): void {
    open.delete(socket);
    socket.destroy();
  }

  function begin(connection: Connection, request: IncomingMessage, response: ServerResponse): void {
    const { socket } = connection;
    connection.isAnswering = true;
    open.delete(socket);
    open.set(socket, connection);
    if (isStopping) response.setHeader('Connection', 'close');
    response.once('close', () => ended(connection));
    connection.current = { request, handedBefore: connection.intake?.handed() ?? 0 };
    // Whoever reads the body wants what is left of it.
    request.on('resume', () => connection.intake?.read());
    answer(request, response);
  }

  function ended(connection: Connection): void {
    const { socket, waiting, intake } = connection;
    // The head of an answer may have promised to keep the connection, before there was nothing to keep it for.
    if (isStopping) socket.destroySoon();
    if (!open.has(socket) || socket.writableEnded || socket.destroyed) return;
    if (waiting.length > 0 || intake?.isEmpty() === false) goingOn.soon(() => goOn(connection));
    else connection.isAnswering = false;
  }

  function goOn(connection: Connection): void {
    const { socket, waiting, intake } = connection;
    connection.isAnswering = false;
    if (!open.has(socket)) return;
    const next = waiting.shift();
    if (next === undefined) intake?.read();
    else begin(connection, ...next);
  }

  /** Closes one for `newest`: the oldest of the client that has the most, rather one that nothing is answered on. */
  function makeRoom(newest: Connection): void {
    const counts = new Map<string, number>();
    for (const { client } of open.values()) counts.set(client, (counts.get(client) ?? 0) + 1);
    const crowd = Math.max(...counts.values());
    const those = [...open.values()].filter((one) => one !== newest && counts.get(one.client) === crowd);
    const one = those.find(({ isAnswering }) => !isAnswering) ?? those[0];
    if (one === undefined) return;
    refuse('crowded', one.socket.remoteAddress);
    cutOff(one);
  }

  return {
    opened(socket) {
      const connection = add(socket);
      if (open.size > most) makeRoom(connection);
    },
    ready(socket, opened) {
      if (opened !== undefined) open.delete(opened);
      const connection = add(socket);
      connection.intake = readInPieces(socket, {
        isBusy: () => connection.isAnswering && !isBodyRead(connection),
        isBodyRead: () => isBodyRead(connection),
        bodyLeft: () => (isBodyRead(connection) ? bodyLeft(connection) : 0),
        turns: reports,
      });
    },
    asked(request, response) {
      const connection = open.get(request.socket);
      if (connection === undefined) return;
      if (connection.isAnswering) connection.waiting.push([request, response]);
      else begin(connection, request, response);
    },
    stop() {
      isStopping = true;
      for (const { socket, isAnswering } of open.values()) if (!isAnswering) socket.destroySoon();
    },
    destroy() {
      for (const { socket } of open.values()) socket.destroy();
    },
  };
}

/** Reports whether the body of the request that is being answered is read, and has not ended. */
function isBodyRead({ current }: Connection): boolean {
  return current?.request.readableFlowing === true && !current.request.complete;
}

/** Bytes of the body that have surely not been handed over yet; 0 where its length was not said. */
function bodyLeft({ current, intake }: Connection): number {
  if (current === undefined || intake === undefined) return 0;
  const { request, handedBefore } = current;
  // The piece with the end of the head can have held the beginning of the body.
  return Number(request.headers['content-length'] ?? 0) - piece - (intake.handed() - handedBefore);
}

/**
 * Takes reports of live usage: who may report, how much at once, and in which form. What is in them is for the thread
 * of live usage to read.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { failure } from '../live/otlp/failure.ts';
import { mostBytes, type Report, type ReportAnswer, type ReportForm } from '../live/report.ts';
import type { Handle } from './answer.ts';
import type { CheckReporter } from './bearer-token.ts';
import { createBodyPieces } from './body-pieces.ts';
import { clientAt } from './client-address.ts';
import type { Refuse } from './refused-clients.ts';
import { createReportsUnderWay, type UnderWay } from './reports-under-way.ts';
import { createTurns } from './turns.ts';

export interface LiveRoutesOptions {
  readonly isAllowed: CheckReporter;
  /** Hands a report over. What it rejects with is that nobody takes reports now. */
  readonly report: (report: Report) => Promise<ReportAnswer>;
  /** Called for each report that is not handed over, though its sender may report. */
  readonly refused?: () => void;
}

/** Gives the milliseconds after which a client may come again, 0 if it may be answered. */
export type Delay = (client: string) => number;

const jsonTypes = /^application\/(?:json|[a-z0-9.+-]+\+json|x-ndjson|ndjson|jsonl|json-lines|x-jsonlines)$/;
const json = 'application/json; charset=utf-8';
const protobuf = 'application/x-protobuf';

/** The routes. OpenTelemetry's exporters add the end of the path of theirs by themselves. */
export const livePaths = { records: '/api/live', otlp: '/api/live/otlp/v1/metrics' } as const;
type LiveRoute = keyof typeof livePaths;

/** Seconds after which an overloaded exporter may be tried again. */
const retryAfter = '1';

/** Answers to reports in one turn of the event loop: together they take less than a millisecond. */
const mostAnswersInTurn = 8;

/** Returns what takes the reports of each path; the paths share the bounds. */
export function reportTakers(
  { isAllowed, report, refused = () => {} }: LiveRoutesOptions,
  { delay, refuse }: { readonly delay: Delay; readonly refuse: Refuse },
): ReadonlyMap<string, Handle> {
  const underWay = createReportsUnderWay();
  // Answers come back many at once.
  const answers = createTurns(mostAnswersInTurn);
  const answerTurn = () => new Promise<void>((resolve) => answers.soon(resolve));

  /** Answers a request that may not come in. Returns true if it did. */
  function turnedAway(response: ServerResponse, route: LiveRoute, client: string): boolean {
    const { headers, socket } = response.req;
    const { remoteAddress } = socket;
    const wait = delay(client);
    if (wait > 0) {
      refuse('rate_limited', remoteAddress);
      response.setHeader('Retry-After', Math.ceil(wait / 1_000));
      answer(response, route, 429, 'there are too many requests from this client');
      return true;
    }
    switch (isAllowed(headers.authorization, remoteAddress)) {
      case 'allowed':
        return false;
      case 'unauthorized':
        refuse('unauthorized', remoteAddress);
        response.setHeader('WWW-Authenticate', 'Bearer');
        answer(response, route, 401, 'the token is missing or wrong; send it as Authorization: Bearer');
        return true;
      case 'not local':
        refuse('unauthorized', remoteAddress);
        answer(
          response,
          route,
          403,
          'without --live.token-file live usage is taken from the machine of the exporter alone',
        );
        return true;
    }
  }

  function refuseReport(
    response: ServerResponse,
    route: LiveRoute,
    status: 413 | 415 | 429 | 503,
    message: string,
  ): void {
    refused();
    if (status === 429) refuse('crowded', response.req.socket.remoteAddress);
    if (status === 429 || status === 503) response.setHeader('Retry-After', retryAfter);
    answer(response, route, status, message);
  }

  async function take(request: IncomingMessage, response: ServerResponse, route: LiveRoute): Promise<void> {
    const client = clientAt(request.socket.remoteAddress);
    if (turnedAway(response, route, client)) return;
    const form = formOf(request, route);
    if ('error' in form) return refuseReport(response, route, 415, form.error);
    if (Number(request.headers['content-length'] ?? 0) > mostBytes) return refuseReport(response, route, 413, tooLong);
    const room = underWay.begin(client);
    if (room === undefined) return refuseReport(response, route, 429, tooMany);
    response.once('close', room.end);
    const body = await bodyOf(request, response, room);
    if (body === undefined) return;
    if (body === 'too long') return refuseReport(response, route, 413, tooLong);
    if (body === 'no room') return refuseReport(response, route, 429, tooMany);
    const reported = await report({ ...form, body, query: queryOf(request.url) }).catch((error: unknown) => {
      return error instanceof Error ? error : new Error('nobody takes it');
    });
    await answerTurn();
    if (response.destroyed) return;
    if (reported instanceof Error) return refuseReport(response, route, 503, reported.message);
    end(response, reported.status, reported.body, form.form === 'otlp protobuf' ? protobuf : json);
  }

  const taker =
    (route: LiveRoute): Handle =>
    (request, response) =>
      take(request, response, route);
  return new Map([
    [livePaths.records, taker('records')],
    [livePaths.otlp, taker('otlp')],
  ]);
}

const tooMany = 'there are too many reports at once';
const tooLong = `the body is longer than ${mostBytes / 1_024 / 1_024} MiB; send it in several parts`;

/** The form of the body, or why it is none that can be read. */
function formOf(
  { headers }: IncomingMessage,
  route: LiveRoute,
): Pick<Report, 'form' | 'isGzip'> | { readonly error: string } {
  const type = typeIn(headers['content-type']);
  const form: ReportForm | undefined = route === 'records' ? recordsForm(type) : otlpForms.get(type);
  if (form === undefined) {
    return {
      error:
        route === 'records'
          ? 'the body must be JSON or NDJSON; send Content-Type: application/json or application/x-ndjson'
          : `the body must be OTLP; send Content-Type: ${protobuf} or application/json`,
    };
  }
  const encoding = (headers['content-encoding'] ?? 'identity').trim().toLowerCase();
  if (encoding !== 'identity' && encoding !== 'gzip') {
    return { error: 'the body must be sent as it is or with Content-Encoding: gzip' };
  }
  return { form, isGzip: encoding === 'gzip' };
}

const otlpForms: ReadonlyMap<string, ReportForm> = new Map([
  ['application/json', 'otlp json'],
  [protobuf, 'otlp protobuf'],
  ['application/protobuf', 'otlp protobuf'],
]);

function recordsForm(type: string): ReportForm | undefined {
  return jsonTypes.test(type) ? 'records' : undefined;
}

/** Takes in the pieces of a body within bounds; undefined if the client has gone. */
function bodyOf(
  request: IncomingMessage,
  response: ServerResponse,
  room: UnderWay,
): Promise<readonly Uint8Array[] | 'too long' | 'no room' | undefined> {
  if (request.headers.expect !== undefined) response.writeContinue();
  return new Promise((resolve) => {
    const pieces = createBodyPieces(Number(request.headers['content-length'] ?? 0));
    let length = 0;
    request.on('data', (piece: Buffer) => {
      length += piece.length;
      if (length > mostBytes) return stop('too long');
      if (!room.add(piece.length)) return stop('no room');
      pieces.add(piece);
    });
    const stop = (why: 'too long' | 'no room') => {
      request.removeAllListeners('data');
      request.pause();
      resolve(why);
    };
    request.once('end', () => resolve(pieces.end()));
    request.once('close', () => resolve(undefined));
  });
}

/**
 * Answers a request that is refused, in the form of its route: OTLP has a google.rpc.Status, in the encoding of the
 * request. What is left of its body ends with the connection.
 */
function answer(response: ServerResponse, route: LiveRoute, status: number, message: string): void {
  response.setHeader('Connection', 'close');
  const isOtlp = route === 'otlp';
  const isProtobuf = isOtlp && otlpForms.get(typeIn(response.req.headers['content-type'])) === 'otlp protobuf';
  const body = isOtlp ? failure(message, !isProtobuf) : `${JSON.stringify({ error: message })}\n`;
  end(response, status, body, isProtobuf ? protobuf : json);
}

/** The type without its parameters. */
function typeIn(header = ''): string {
  const [type = ''] = header.split(';', 1);
  return type.trim().toLowerCase();
}

/** Returns the query of a request, without the question mark. */
function queryOf(url = ''): string {
  const mark = url.indexOf('?');
  return mark === -1 ? '' : url.slice(mark + 1);
}

function end(response: ServerResponse, status: number, body: string | Uint8Array, type: string): void {
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) }).end(body);
}

/**
 * Takes reports of live usage: who may report, how much at once, and in which form. What is in them is for the thread
 * of live usage to read.
 */
import type { Request, Response } from 'express';
import { failure } from '../live/otlp/failure.ts';
import { mostBytes, type Report, type ReportAnswer, type ReportForm } from '../live/report.ts';
import type { CheckReporter } from './bearer-token.ts';
import { clientAt } from './client-address.ts';
import type { Refuse } from './refused-clients.ts';
import { createReportsUnderWay, type UnderWay } from './reports-under-way.ts';

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

/** The routes, and the forms that are taken at each: OpenTelemetry's exporters add the end of the path by themselves. */
export const livePaths = { records: '/api/live', otlp: '/api/live/otlp/v1/metrics' } as const;
export type LiveRoute = keyof typeof livePaths;

/** Seconds after which an overloaded exporter may be tried again. */
const retryAfter = '1';

/** Returns what makes the handler of each route; they share the bounds. */
export function liveHandlers(
  { isAllowed, report, refused = () => {} }: LiveRoutesOptions,
  { delay, refuse }: { readonly delay: Delay; readonly refuse: Refuse },
): (route: LiveRoute) => (request: Request, response: Response) => Promise<void> {
  const underWay = createReportsUnderWay();

  /** Answers a request that may not come in. Returns true if it did. */
  function turnedAway(request: Request, response: Response, client: string): boolean {
    const { remoteAddress } = request.socket;
    const wait = delay(client);
    if (wait > 0) {
      refuse('rate_limited', remoteAddress);
      response.setHeader('Retry-After', Math.ceil(wait / 1_000));
      answer(response, 429, 'there are too many requests from this client');
      return true;
    }
    switch (isAllowed(request.headers.authorization, remoteAddress)) {
      case 'allowed':
        return false;
      case 'unauthorized':
        refuse('unauthorized', remoteAddress);
        response.setHeader('WWW-Authenticate', 'Bearer');
        answer(response, 401, 'the token is missing or wrong; send it as Authorization: Bearer');
        return true;
      case 'not local':
        refuse('unauthorized', remoteAddress);
        answer(response, 403, 'without --live.token-file live usage is taken from the machine of the exporter alone');
        return true;
    }
  }

  function refuseReport(response: Response, status: 413 | 415 | 429 | 503, message: string): void {
    refused();
    if (status === 429) refuse('crowded', response.req.socket.remoteAddress);
    if (status === 429 || status === 503) response.setHeader('Retry-After', retryAfter);
    answer(response, status, message);
  }

  return (route) => async (request, response) => {
    const client = clientAt(request.socket.remoteAddress);
    if (turnedAway(request, response, client)) return;
    const form = formOf(request, route);
    if ('error' in form) return refuseReport(response, 415, form.error);
    if (Number(request.headers['content-length'] ?? 0) > mostBytes) return refuseReport(response, 413, tooLong);
    const room = underWay.begin(client);
    if (room === undefined) return refuseReport(response, 429, tooMany);
    response.once('close', room.end);
    const body = await bodyOf(request, response, room);
    if (body === undefined) return;
    if (body === 'too long') return refuseReport(response, 413, tooLong);
    if (body === 'no room') return refuseReport(response, 429, tooMany);
    const { search } = new URL(request.url, 'http://localhost');
    const reported = await report({ ...form, body, query: search.slice(1) }).catch((error: unknown) => {
      return error instanceof Error ? error : new Error('nobody takes it');
    });
    if (response.destroyed) return;
    if (reported instanceof Error) return refuseReport(response, 503, reported.message);
    end(response, reported.status, reported.body, form.form === 'otlp protobuf' ? protobuf : json);
  };
}

const tooMany = 'there are too many reports at once';
const tooLong = `the body is longer than ${mostBytes / 1_024 / 1_024} MiB; send it in several parts`;

/** The form of the body, or why it is none that can be read. */
function formOf({ headers }: Request, route: LiveRoute): Pick<Report, 'form' | 'isGzip'> | { readonly error: string } {
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

/** Reads a body within bounds; undefined if the client has gone. */
function bodyOf(
  request: Request,
  response: Response,
  room: UnderWay,
): Promise<Uint8Array | 'too long' | 'no room' | undefined> {
  if (request.headers.expect !== undefined) response.writeContinue();
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let length = 0;
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length > mostBytes) return stop('too long');
      if (!room.add(chunk.length)) return stop('no room');
      chunks.push(chunk);
    });
    const stop = (why: 'too long' | 'no room') => {
      request.removeAllListeners('data');
      request.pause();
      resolve(why);
    };
    request.once('end', () => resolve(chunks.length === 1 ? (chunks[0] ?? Buffer.alloc(0)) : Buffer.concat(chunks)));
    request.once('close', () => resolve(undefined));
  });
}

/**
 * Answers a request that is refused, in the form of its route: OTLP has a google.rpc.Status, in the encoding of the
 * request. What is left of its body ends with the connection.
 */
function answer(response: Response, status: number, message: string): void {
  response.setHeader('Connection', 'close');
  const { path, headers } = response.req;
  const isOtlp = path.endsWith(livePaths.otlp);
  const isProtobuf = isOtlp && otlpForms.get(typeIn(headers['content-type'])) === 'otlp protobuf';
  const body = isOtlp ? failure(message, !isProtobuf) : `${JSON.stringify({ error: message })}\n`;
  end(response, status, body, isProtobuf ? protobuf : json);
}

/** The type without its parameters. */
function typeIn(header = ''): string {
  const [type = ''] = header.split(';', 1);
  return type.trim().toLowerCase();
}

function end(response: Response, status: number, body: string | Uint8Array, type: string): void {
  response.statusCode = status;
  response.setHeader('Content-Type', type);
  response.setHeader('Content-Length', Buffer.byteLength(body));
  response.end(body);
}

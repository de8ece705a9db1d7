/** Answers that are made whole before they are sent. */
import type { IncomingMessage, ServerResponse } from 'node:http';

/** Answers a request. It rejects with what goes wrong. */
export type Handle = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** Sends an answer; what was set of another one before does not stay. */
export function answer(
  response: ServerResponse,
  status: number,
  text: string | Buffer,
  type: string = 'text/plain; charset=utf-8',
): void {
  // Not Express's send: it would look at the request's caching headers and change the type.
  response.removeHeader('Content-Encoding');
  response.statusCode = status;
  response.setHeader('Content-Type', type);
  response.setHeader('Content-Length', Buffer.byteLength(text));
  response.end(text);
}

/** Answers a scrape: the finished page, then the exporter's own metrics; plain or as one gzip stream. */
import type { Request, Response } from 'express';
import { compressPiece, gzipHeader, gzipTrailer, joinPieces } from '../metrics/gzip.ts';
import type { PageSource } from '../metrics/published.ts';
import { acceptsGzip } from './accept-encoding.ts';

/** Text format 0.0.4, as prom-client names it. */
export const expositionType = 'text/plain; version=0.0.4; charset=utf-8';

/** Writes the whole answer, head included. Resolves when it is written or the client has gone. */
export async function sendExposition(
  request: Request,
  response: Response,
  { page, self }: { readonly page: PageSource; readonly self: () => Promise<string> },
): Promise<void> {
  const own = Buffer.from(await self());
  // Taken once: what is published during a slow scrape belongs to the next one.
  const current = page.current();
  response.setHeader('Content-Type', expositionType);
  response.setHeader('Vary', 'Accept-Encoding');
  if (!acceptsGzip(request.headers['accept-encoding'])) {
    await send(request, response, [...current.plain, own], current.plainBytes + own.length);
    return;
  }
  const ownPiece = await compressPiece(own);
  const whole = joinPieces([{ length: current.plainBytes, crc: current.crc }, ownPiece]);
  response.setHeader('Content-Encoding', 'gzip');
  const trailer = gzipTrailer(whole.crc, whole.length);
  const bytes = gzipHeader.length + current.gzipBytes + ownPiece.bytes.length + trailer.length;
  await send(request, response, [gzipHeader, ...current.gzip, ownPiece.bytes, trailer], bytes);
}

/** Hands the pieces over one by one, each when the client has taken enough of those before. */
async function send(request: Request, response: Response, pieces: readonly Buffer[], bytes: number): Promise<void> {
  response.setHeader('Content-Length', bytes);
  if (request.method === 'HEAD') {
    response.end();
    return;
  }
  for (const piece of pieces) {
    if (response.destroyed) return;
    if (!response.write(piece)) await drained(response);
  }
  response.end();
}

/** Resolves when more can be written, or when nobody reads any more. */
function drained(response: Response): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
    if (response.destroyed) done();
  });
}

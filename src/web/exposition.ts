/** Answers a scrape: the finished page, then the exporter's own metrics; plain or as one gzip stream. */
import type { Request, Response } from 'express';
import { compressSmallPiece, gzipHeader, gzipTrailer, joinPieces } from '../metrics/gzip.ts';
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
  const families = familiesAsked(request.url);
  const ownText = await self();
  const own = Buffer.from(families === undefined ? ownText : onlyFamilies(ownText, families));
  // Taken once: what is published during a slow scrape belongs to the next one.
  const whole = page.current();
  const current = families === undefined ? whole : whole.only(families);
  response.setHeader('Content-Type', expositionType);
  response.setHeader('Vary', 'Accept-Encoding');
  if (!acceptsGzip(request.headers['accept-encoding'])) {
    await send(request, response, [...current.plain, own], current.plainBytes + own.length);
    return;
  }
  const ownPiece = compressSmallPiece(own);
  const { length, crc } = joinPieces([{ length: current.plainBytes, crc: current.crc }, ownPiece]);
  response.setHeader('Content-Encoding', 'gzip');
  const trailer = gzipTrailer(crc, length);
  const bytes = gzipHeader.length + current.gzipBytes + ownPiece.bytes.length + trailer.length;
  await send(request, response, [gzipHeader, ...current.gzip, ownPiece.bytes, trailer], bytes);
}

/** The families named by `name[]` in the query, as client_golang has it; undefined where none is: all are wanted. */
function familiesAsked(url: string): ReadonlySet<string> | undefined {
  const query = url.indexOf('?');
  if (query === -1) return undefined;
  const names = new URLSearchParams(url.slice(query)).getAll('name[]');
  return names.length === 0 ? undefined : new Set(names);
}

/** The families of an exposition that are named; each begins with its HELP. */
function onlyFamilies(text: string, families: ReadonlySet<string>): string {
  return text
    .split(/^(?=# HELP )/m)
    .filter((family) => families.has(family.split(' ', 3)[2] ?? ''))
    .join('');
}

/** Bytes handed over at once. More would only wait in memory, and with TLS be encrypted at a stretch. */
const batch = 1_048_576;

/** Hands the pieces over, each batch when the client has taken enough of those before. */
async function send(request: Request, response: Response, pieces: readonly Buffer[], bytes: number): Promise<void> {
  response.setHeader('Content-Length', bytes);
  if (request.method === 'HEAD') {
    response.end();
    return;
  }
  response.cork();
  let sinceDrain = 0;
  for (const piece of pieces) {
    if (response.destroyed) return;
    response.write(piece);
    sinceDrain += piece.length;
    if (sinceDrain < batch) continue;
    response.uncork();
    if (response.writableNeedDrain) await drained(response);
    response.cork();
    sinceDrain = 0;
  }
  // Ends the last batch, too.
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

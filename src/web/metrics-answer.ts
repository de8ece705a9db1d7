/** Answers a scrape: the finished pages, then the exporter's own metrics; plain or as one gzip stream. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { gzipHeader, gzipTrailer, joinPieces } from '../metrics/gzip.ts';
import { type OwnText, onlyFamilies } from '../metrics/own-text.ts';
import type { PageSource } from '../metrics/page.ts';
import { acceptsGzip } from './accept-encoding.ts';

/** Text format 0.0.4, as prom-client names it. */
const expositionType = 'text/plain; version=0.0.4; charset=utf-8';

/**
 * Writes the whole answer, head included. Resolves when it is written or the client has gone.
 * @throws what `own` does; what was sent of a large page until then is not all
 */
export async function sendExposition(
  request: IncomingMessage,
  response: ServerResponse,
  { pages, own }: { readonly pages: readonly PageSource[]; readonly own: () => Promise<readonly OwnText[]> },
): Promise<void> {
  const families = familiesAsked(request.url);
  // Taken once: what is published during a slow scrape belongs to the next one.
  const current = pages.map((page) => {
    const whole = page.current();
    return families === undefined ? whole : whole.only(families);
  });
  const gzip = acceptsGzip(request.headers['accept-encoding']);
  response.setHeader('Content-Type', expositionType);
  response.setHeader('Vary', 'Accept-Encoding');
  if (gzip) response.setHeader('Content-Encoding', 'gzip');
  if (request.method === 'HEAD') {
    response.end();
    return;
  }
  const page: readonly Uint8Array[] = gzip
    ? [gzipHeader, ...current.flatMap((each) => each.gzip)]
    : current.flatMap(({ plain }) => plain);
  const isLarge = page.reduce((sum, { length }) => sum + length, 0) >= batch;
  // A large page is on its way while the rest is made; a small one goes out with it.
  if (isLarge) await write(response, page);
  const all = await own();
  if (response.destroyed) return;
  if (!isLarge) for (const piece of page) response.write(piece);
  const chosen = families === undefined ? all : all.map((each) => onlyFamilies(each, families));
  if (!gzip) {
    response.end(Buffer.concat(chosen.map(({ plain }) => plain)));
    return;
  }
  const { length, crc } = joinPieces([
    ...current.map(({ plainBytes, crc }) => ({ length: plainBytes, crc })),
    ...chosen.map((each) => ({ length: each.plain.length, crc: each.crc })),
  ]);
  response.end(Buffer.concat([...chosen.map((each) => each.gzip), gzipTrailer(crc, length)]));
}

/** The families named by `name[]` in the query, as client_golang has it; undefined where none is: all are wanted. */
function familiesAsked(url = ''): ReadonlySet<string> | undefined {
  const query = url.indexOf('?');
  if (query === -1) return undefined;
  const names = new URLSearchParams(url.slice(query)).getAll('name[]');
  return names.length === 0 ? undefined : new Set(names);
}

/** Bytes handed over at once. More would only wait in memory, and with TLS be encrypted at a stretch. */
const batch = 1_048_576;

/** Hands the pieces over, each batch when the client has taken enough of those before; resolves when the last has gone out. */
async function write(response: ServerResponse, pieces: readonly Uint8Array[]): Promise<void> {
  let written = 0;
  for (const piece of pieces) {
    if (response.destroyed) return;
    response.write(piece);
    written += piece.length;
    if (written < batch) continue;
    if (response.writableNeedDrain) await drained(response);
    written = 0;
  }
  // What is written goes out behind this turn.
  await new Promise((resolve) => process.nextTick(resolve));
}

/** Resolves when more can be written, or when nobody reads any more. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
    if (response.destroyed) done();
  });
}

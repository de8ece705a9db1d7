/** Bodies of answers: unpacked as they come, and never more of them than a bound. */
import { createGunzip, type Gunzip } from 'node:zlib';
import type { Dispatcher } from 'undici';

/** Bound on a decompressed body. */
export const longestBody = 64 * 1_024 * 1_024;
/** This much of an error's body is looked at. */
export const longestErrorBody = 64 * 1_024;

/** A body that cannot be taken, whatever the connection does. */
export class BodyRefused extends Error {
  readonly reason: 'too_large' | 'malformed';
  constructor(reason: 'too_large' | 'malformed', message: string) {
    super(message);
    this.reason = reason;
  }
}

/**
 * The body, decompressed.
 * @param look sees each part as it comes, and can refuse it by an error
 * @throws if it is longer than `longest`, cut short or no gzip
 */
export async function readBody(
  response: Dispatcher.ResponseData,
  longest: number,
  signal: AbortSignal,
  look: (part: Buffer) => void = () => {},
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of decompressed(response, signal)) {
    length += chunk.length;
    // Leaving the loop destroys the stream: the rest of a bomb is neither fetched nor unpacked.
    if (length > longest) throw new BodyRefused('too_large', `the body is longer than ${longest / 1_024 / 1_024} MiB`);
    look(chunk);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}

/** The first `longest` bytes of a body, as far as they can be had; for errors, where the status says enough. */
export async function readStart(
  response: Dispatcher.ResponseData,
  longest: number,
  signal: AbortSignal,
): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of decompressed(response, signal)) {
      chunks.push(chunk);
      length += chunk.length;
      if (length >= longest) break;
    }
  } catch {
    // A status with half a message is still that status.
  }
  return Buffer.concat(chunks).toString('utf8', 0, longest);
}

async function* decompressed(response: Dispatcher.ResponseData, signal: AbortSignal): AsyncGenerator<Buffer> {
  const { body } = response;
  // A body destroyed early reports that as an error, which nobody waits for any more.
  body.on('error', () => {});
  const encoding = headerOf(response.headers, 'content-encoding')?.trim().toLowerCase() ?? 'identity';
  let unpack: Gunzip | undefined;
  if (encoding === 'gzip' || encoding === 'x-gzip') unpack = createGunzip({ chunkSize: 65_536 });
  else if (encoding !== 'identity' && encoding !== '') {
    body.destroy();
    throw new BodyRefused('malformed', `the body is encoded in a way that was not asked for: ${encoding.slice(0, 40)}`);
  }
  try {
    if (unpack === undefined) {
      yield* body;
      return;
    }
    const gunzip = unpack;
    body.on('error', (error) => gunzip.destroy(error));
    signal.addEventListener('abort', () => gunzip.destroy(new Error('given up')), { once: true });
    body.pipe(gunzip);
    yield* gunzip;
  } finally {
    unpack?.destroy();
    body.destroy();
  }
}

/** The first value of a header, which is named in lower case. */
export function headerOf(headers: Dispatcher.ResponseData['headers'], name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' ? value : value?.[0];
}

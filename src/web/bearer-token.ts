/** Decides who may report live usage: whoever has the token, or, where there is none, this machine alone. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { isIPv4 } from 'node:net';
import type { Clock } from '../clock.ts';
import type { Logger } from '../log.ts';
import { readToken } from '../settings/bearer-token.ts';
import { clientAt } from './client-address.ts';

export type ReportVerdict =
  | 'allowed'
  /** 401: the token is missing or wrong. */
  | 'unauthorized'
  /** 403: there is no token, and the request is from another machine. */
  | 'not local';

/**
 * Checks a request.
 * @param authorization the header
 * @param address of the other end of the connection
 */
export type CheckReporter = (authorization: string | undefined, address: string | undefined) => ReportVerdict;

export interface BearerOptions {
  /** Undefined where there is no token. */
  readonly tokenFile: string | undefined;
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly log: Logger;
  readonly read?: (path: string) => string;
}

/** Milliseconds: a wrong token has the file read again, but not each time. */
const readEvery = 1_000;

/** @throws if the token cannot be read at the start */
export function createReporterCheck({ tokenFile, clock, log, read = readToken }: BearerOptions): CheckReporter {
  if (tokenFile === undefined) return (_authorization, address) => (isLocal(address) ? 'allowed' : 'not local');
  let token = digestOf(read(tokenFile));
  let readAt = clock.monotonic();
  let isBroken = false;

  /** Takes over a token that has been replaced. A file that is broken does not replace what works. */
  function readAgain(path: string): void {
    if (clock.monotonic() - readAt < readEvery) return;
    readAt = clock.monotonic();
    try {
      token = digestOf(read(path));
      isBroken = false;
    } catch (error) {
      if (!isBroken)
        log.error('the token of live usage cannot be read again, so the one before stays in use', { error });
      isBroken = true;
    }
  }

  return (authorization) => {
    const [, sent] = /^Bearer +(\S+) *$/i.exec(authorization ?? '') ?? [];
    if (sent === undefined) return 'unauthorized';
    const digest = digestOf(sent);
    // Digests are of one length, and comparing them takes the same time whatever was sent.
    if (timingSafeEqual(digest, token)) return 'allowed';
    readAgain(tokenFile);
    return timingSafeEqual(digest, token) ? 'allowed' : 'unauthorized';
  };
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** Reports whether an address is of this machine. Node writes each address in one way, the shortest. */
function isLocal(address: string | undefined): boolean {
  if (address === '::1') return true;
  const plain = clientAt(address);
  return plain.startsWith('127.') && isIPv4(plain);
}

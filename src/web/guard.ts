/** Decides at the door of each route who is answered, and turns the others away. Health routes have no door. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../clock.ts';
import { answer } from './answer.ts';
import type { Verdict } from './basic-auth.ts';
import { clientAt } from './client-address.ts';
import type { Refuse } from './refused-clients.ts';

/**
 * Finds out whether a request may see what the exporter knows; `busy` where that cannot be found out soon.
 * @param client who sends it: see `clientAt`
 */
export type Authorize = (request: IncomingMessage, client: string) => Verdict | Promise<Verdict>;

export interface GuardOptions {
  /** Everybody may read if this is not given. */
  readonly authorize?: Authorize;
  /** Counts a request of a client; gives the milliseconds after which it may come again, 0 if it may be answered. */
  readonly delay?: (client: string) => number;
  /** Called for each request that was not answered because of who sent it, or how many there were. */
  readonly refuse?: Refuse;
  readonly clock: Clock;
}

/** Milliseconds after which a client is told that too many passwords wait to be compared. */
const busyAfter = 2_000;

/** Resolves with whether the request may be answered; false if it has been, because it may not. */
export type Guard = (request: IncomingMessage, response: ServerResponse) => Promise<boolean>;

export function createGuard(options: GuardOptions): Guard {
  const { authorize = () => true, delay = () => 0, refuse = () => {}, clock } = options;
  return async (request, response) => {
    // Taken now, because a closed connection has no remote address.
    const { remoteAddress } = request.socket;
    const client = clientAt(remoteAddress);
    const wait = delay(client);
    if (wait > 0) {
      refuse('rate_limited', remoteAddress);
      response.setHeader('Retry-After', Math.ceil(wait / 1_000));
      answer(response, 429, 'Too many requests.\n');
      return false;
    }
    const verdict = await authorize(request, client);
    if (verdict === true) return true;
    if (verdict === 'busy') {
      refuse('busy', remoteAddress);
      // A guesser that is told at once would come again at once, thousands of times a second.
      await clock.sleep(busyAfter);
      response.setHeader('Retry-After', '5');
      answer(response, 503, 'Too many passwords are being checked.\n');
      return false;
    }
    refuse('unauthorized', remoteAddress);
    response.setHeader('WWW-Authenticate', 'Basic realm="metrics", charset="UTF-8"');
    answer(response, 401, 'A user and password are needed.\n');
    return false;
  };
}

/**
 * The answers that are on their way to readers who may be slow: so many at once and no more, each for so long and no
 * longer. Where they are all taken, the client that has the most of them gives one up for a client that has fewer.
 */
import type { ServerResponse } from 'node:http';
import { alarm, type Clock } from '../clock.ts';
import { clientAt } from './client-address.ts';

export interface Slots {
  /**
   * Takes a slot until the response closes.
   * @param response one that has not closed yet
   * @returns false if there is none
   */
  take(response: ServerResponse): boolean;
}

/** The longest that one answer may take, so that a slow reader holds an old page only for a while. */
const longest = 60_000;
/** The longest while others are turned away because of it; Prometheus gives up after 10 s, unless told otherwise. */
const longestWhenFull = 15_000;
/** The longest of a client that has more slots than the one that has to wait for it: a quick reader needs far less. */
const longestOfCrowd = 2_000;

interface Answer {
  readonly response: ServerResponse;
  readonly client: string;
  /** Its beginning, in monotonic milliseconds. */
  readonly began: number;
}

/** @param cutOff called with each answer that is cut off because its reader was too slow, after so many milliseconds */
export function createSlots(most: number, clock: Clock, cutOff: (after: number) => void): Slots {
  /** The oldest first. */
  const taken = new Map<ServerResponse, Answer>();
  let isWatching = false;

  function end({ response }: Answer, after: number): void {
    cutOff(after);
    taken.delete(response);
    response.destroy();
  }

  /** Reports whether there is room for another, if need be in the place of one that has had its time. */
  function isRoom(client: string): boolean {
    if (taken.size < most) return true;
    const now = clock.monotonic();
    const counts = new Map<string, number>();
    for (const one of taken.values()) counts.set(one.client, (counts.get(one.client) ?? 0) + 1);
    const crowd = Math.max(...counts.values());
    for (const one of taken.values()) {
      const isOfCrowd = counts.get(one.client) === crowd && (counts.get(client) ?? 0) + 1 < crowd;
      const after = isOfCrowd ? longestOfCrowd : longestWhenFull;
      if (now - one.began < after) continue;
      end(one, after);
      return true;
    }
    return false;
  }

  /** Watches for answers that take too long: one alarm at a time, since one for each would cost more than a small answer. */
  function watch(): void {
    const [oldest] = taken.values();
    isWatching = oldest !== undefined;
    if (oldest === undefined) return;
    const left = oldest.began + longest - clock.monotonic();
    if (left > 0) alarm(clock, left, watch);
    else {
      end(oldest, longest);
      watch();
    }
  }

  return {
    take(response) {
      const client = clientAt(response.req.socket.remoteAddress);
      if (!isRoom(client)) return false;
      taken.set(response, { response, client, began: clock.monotonic() });
      response.once('close', () => taken.delete(response));
      if (!isWatching) watch();
      return true;
    },
  };
}

/**
 * Clients that were refused, for the log: one warning a minute at most, however many they are, without what they sent.
 * The first is told at once, those that follow at the end of each minute in which there were any.
 */
import type { Clock } from '../clock.ts';
import type { Logger } from '../log.ts';
import type { Refusal } from '../metrics/self-serving.ts';

/** A matter that is told: a refusal, or a scrape that was one too many. */
export type Told = Refusal | 'scrapes_at_once';

/** @param address of the other end of the connection; undefined when it is gone already */
export type Refuse = (refusal: Refusal, address: string | undefined) => void;

export interface Refusals {
  readonly add: (what: Told, address: string | undefined) => void;
  /** Tells what is left. */
  end(): void;
}

/** Milliseconds. */
const tellEvery = 60_000;

export function createRefusals({
  clock,
  log,
}: {
  readonly clock: Pick<Clock, 'sleep'>;
  readonly log: Logger;
}): Refusals {
  const ended = new AbortController();
  const counts = new Map<Told, number>();
  let last: string | undefined;
  let isTelling = false;

  function tell(): void {
    log.warn('clients were refused', { ...Object.fromEntries(counts), last_address: last ?? 'unknown' });
    counts.clear();
    last = undefined;
  }

  async function tellByTheMinute(): Promise<void> {
    isTelling = true;
    while (counts.size > 0) {
      tell();
      await clock.sleep(tellEvery, ended.signal);
    }
    isTelling = false;
  }

  return {
    add(what, address) {
      if (ended.signal.aborted) return;
      counts.set(what, (counts.get(what) ?? 0) + 1);
      last = address ?? last;
      // It is rejected by the end alone.
      if (!isTelling) tellByTheMinute().catch(() => {});
    },
    end() {
      if (counts.size > 0) tell();
      ended.abort();
    },
  };
}

/** Sums of the last minutes, by arrival, for the status page. */
import type { LiveMinute } from '../status.ts';
import type { Milliseconds } from '../units.ts';
import { minute } from '../usage/windows.ts';
import type { Usage } from './read-record.ts';

/** Minutes that are shown, the running one included. */
const shownMinutes = 15;

interface Sum {
  records: number;
  tokens: number;
  requests: number;
}

/** Fields whose sum is all tokens; their parts are in them. */
const tokenFields: readonly string[] = ['input_tokens', 'output_tokens'];

export class LiveMinutes {
  /** Sums by the start of their minute. */
  readonly #sums = new Map<Milliseconds, Sum>();

  add({ counts }: Usage, now: Milliseconds): void {
    const start = startOf(now);
    const sum = this.#sums.get(start) ?? { records: 0, tokens: 0, requests: 0 };
    this.#sums.set(start, sum);
    sum.records++;
    for (const [{ name }, value] of counts) {
      if (tokenFields.includes(name)) sum.tokens += value;
      else if (name === 'num_model_requests') sum.requests += value;
    }
    for (const old of this.#sums.keys()) if (old <= start - shownMinutes * minute) this.#sums.delete(old);
  }

  /** The oldest first. */
  at(now: Milliseconds): readonly LiveMinute[] {
    const newest = startOf(now);
    return Array.from({ length: shownMinutes }, (_, index) => {
      const start = newest - (shownMinutes - 1 - index) * minute;
      const { records = 0, tokens = 0, requests = 0 } = this.#sums.get(start) ?? {};
      return { start: new Date(start).toISOString(), records, tokens, requests };
    });
  }

  /** Returns when time alone changes what is shown; Infinity where there is nothing to show. */
  changesAt(now: Milliseconds): Milliseconds {
    const newest = startOf(now);
    const isShown = [...this.#sums.keys()].some((start) => start > newest - shownMinutes * minute);
    return isShown ? newest + minute : Number.POSITIVE_INFINITY;
  }
}

function startOf(now: Milliseconds): Milliseconds {
  return Math.floor(now / minute) * minute;
}

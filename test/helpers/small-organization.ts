/**
 * An organization whose whole usage is a short list: who used how much in which minute, and when the API came to
 * know it. A later entry for an old minute is a restatement; with a negative amount, one downwards. It answers for
 * the api `embeddings`, grouped by `model`.
 */

import type { RawBucket } from '../../src/openai/bucket-page.ts';
import { type Width, widthSeconds } from '../../src/openai/catalogue.ts';
import { rawBucket } from './rows.ts';

export interface Entry {
  readonly model: string;
  /** Start of the minute, in seconds. */
  readonly minute: number;
  readonly tokens: number;
  /** The instant at which the API knows it, in milliseconds. */
  readonly known: number;
}

export interface SmallOrganization {
  /** Entries can be added at any time. */
  readonly entries: Entry[];
  /** Tokens of the minutes in [from, to), in seconds, as known at an instant; of one model, or of all. */
  tokens(from: number, to: number, at?: number, model?: string): number;
  /** A bucket as the API returns it at an instant: one in progress ends at that instant. */
  bucket(width: Width, start: number, at: number, grouped?: boolean): RawBucket;
}

export function smallOrganization(entries: Entry[] = []): SmallOrganization {
  const tokens: SmallOrganization['tokens'] = (from, to, at = Number.POSITIVE_INFINITY, model) => {
    let sum = 0;
    for (const entry of entries) {
      if (entry.minute < from || entry.minute >= to || entry.known > at) continue;
      if (model === undefined || entry.model === model) sum += entry.tokens;
    }
    return sum;
  };
  return {
    entries,
    tokens,
    bucket(width, start, at, grouped = true) {
      const end = start + widthSeconds[width];
      const sums = new Map<string, number>();
      for (const { model, minute, tokens: amount, known } of entries) {
        if (minute < start || minute >= end || known > at) continue;
        const key = grouped ? model : '';
        sums.set(key, (sums.get(key) ?? 0) + amount);
      }
      const rows = [...sums]
        .filter(([, sum]) => sum !== 0)
        .map(([model, sum]) => ({
          labels: grouped ? [model] : [],
          fields: { input_tokens: sum },
        }));
      return rawBucket(width, start, rows, Math.max(start, Math.min(end, Math.floor(at / 1_000))));
    },
  };
}

/** Usage that becomes known `delay` seconds after its minute has ended. */
export function used(model: string, minute: number, tokens: number, delay = 120): Entry {
  return { model, minute, tokens, known: (minute + 60 + delay) * 1_000 };
}

/**
 * Adds up what Prometheus makes of a counter's samples: the rise from one sample to the next; after a fall the whole new
 * value; nothing for the first sample, for nothing is known before it. A gap between two samples changes nothing.
 */
export interface Scraper {
  scrape(samples: ReadonlyMap<string, number>): void;
  /** The first sample of a series and all its rises: what was counted since it began at 0. */
  readonly counted: ReadonlyMap<string, number>;
  /** Rises alone, as `increase` sees them. */
  readonly rises: ReadonlyMap<string, number>;
  /** Falls seen, by series. */
  readonly resets: ReadonlyMap<string, number>;
}

export function createScraper(): Scraper {
  const last = new Map<string, number>();
  const counted = new Map<string, number>();
  const rises = new Map<string, number>();
  const resets = new Map<string, number>();
  const add = (to: Map<string, number>, series: string, amount: number) =>
    to.set(series, (to.get(series) ?? 0) + amount);
  return {
    counted,
    rises,
    resets,
    scrape(samples) {
      for (const [series, value] of samples) {
        const before = last.get(series);
        last.set(series, value);
        if (before === undefined) {
          add(counted, series, value);
          continue;
        }
        const rise = value < before ? value : value - before;
        if (value < before) add(resets, series, 1);
        add(rises, series, rise);
        add(counted, series, rise);
      }
    },
  };
}

/** Scrapes as Prometheus does: one kept connection, everything read to the end. */
import { Agent, get } from 'node:http';

export interface Scrape {
  /** Milliseconds from the request to the last byte. */
  readonly took: number;
  /** The bytes as they are sent. */
  readonly bytes: number;
}

export interface Scraper {
  scrape(encoding: 'gzip' | 'identity'): Promise<Scrape>;
  text(path?: string): Promise<string>;
  /** Closes the connection. */
  end(): void;
}

export function createScraper(url: string): Scraper {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });

  function read(address: string, encoding: string, take: (chunk: Buffer) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      get(address, { agent, headers: { 'accept-encoding': encoding } }, (response) => {
        response.on('data', take).on('end', resolve).on('error', reject);
        if (response.statusCode !== 200) reject(new Error(`${address} answered ${response.statusCode}`));
      }).on('error', reject);
    });
  }

  return {
    async scrape(encoding) {
      let bytes = 0;
      const begun = performance.now();
      await read(url, encoding, (chunk) => {
        bytes += chunk.length;
      });
      return { took: performance.now() - begun, bytes };
    },
    async text(path = '') {
      const chunks: Buffer[] = [];
      await read(path === '' ? url : new URL(path, url).href, 'identity', (chunk) => chunks.push(chunk));
      return Buffer.concat(chunks).toString();
    },
    end: () => agent.destroy(),
  };
}

/** The value below which this share of the values is. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

/**
 * Keeps what the API has said, bucket by bucket, as a second opinion on the exporter: it notes which buckets each answered
 * request returned and when, and asks the simulated organization what those were at that instant.
 */
import { endpoints, type Width, widthSeconds } from '../../src/openai/catalogue.ts';
import type { Answer, Client, GetRequest } from '../../src/openai/client.ts';
import type { Organization } from '../../src/simulation/organization.ts';

interface Said {
  /** UTC milliseconds of the API at which it was answered. */
  readonly at: number;
  readonly settled: boolean;
}

export interface Witness {
  /** A request has arrived at the API. */
  asked(path: string, query: URLSearchParams, at: number): void;
  /** The same client, with a listener. */
  watch(client: Client): Client;
  /** A new process knows nothing of what was said to another. */
  forget(): void;
  /** field → sum of the settled buckets in [from, to), in milliseconds, each as it was last said. */
  said(api: string, from: number, to: number): Map<string, number>;
}

const widestFirst: readonly Width[] = ['1d', '1h', '1m'];

/** @param settleDelay in milliseconds */
export function createWitness(organization: Organization, settleDelay: number): Witness {
  const askedAt = new Map<string, number>();
  const said = new Map<string, Said>();
  const apis = new Map(endpoints.map(({ api, path }) => [path, api]));

  function keyOf(path: string, get: (name: string) => string | null): string {
    return `${path} ${get('bucket_width')} ${get('start_time')} ${get('end_time')} ${get('page')}`;
  }

  function note({ api, query, path }: GetRequest, value: unknown, startedAt: number): void {
    const parameter = (name: string) => query.find(([key]) => key === name)?.[1] ?? null;
    const width = parameter('bucket_width');
    const key = keyOf(path, parameter);
    const at = askedAt.get(key);
    askedAt.delete(key);
    if (at === undefined || !isWidth(width) || typeof value !== 'object' || value === null || !('buckets' in value))
      return;
    for (const bucket of Array.isArray(value.buckets) ? value.buckets : []) {
      const start = Number(bucket.start);
      const end = start + widthSeconds[width];
      // A bucket that was clipped is none.
      if (Number(bucket.end) !== end) continue;
      // By then an hour stands for it, or a day.
      if (width === '1m') said.delete(`${api} ${width} ${start - 3 * widthSeconds['1d']}`);
      said.set(`${api} ${width} ${start}`, { at, settled: startedAt >= end * 1_000 + settleDelay });
    }
  }

  return {
    asked(path, query, at) {
      if (apis.has(path))
        askedAt.set(
          keyOf(path, (name) => query.get(name)),
          at,
        );
    },
    watch: (client) => ({
      async get<T>(request: GetRequest, decode: (body: Buffer) => T | Promise<T>): Promise<Answer<T>> {
        const answer = await client.get(request, decode);
        note(request, answer.value, answer.startedAt);
        return answer;
      },
    }),
    forget() {
      askedAt.clear();
      said.clear();
    },
    said(api, from, to) {
      const sums = new Map<string, number>();
      let start = from / 1_000;
      while (start * 1_000 < to) {
        const width = widestFirst.find((each) => {
          const found = start % widthSeconds[each] === 0 ? said.get(`${api} ${each} ${start}`) : undefined;
          return found?.settled === true;
        });
        const found = width === undefined ? undefined : said.get(`${api} ${width} ${start}`);
        const seconds = widthSeconds[width ?? '1m'];
        if (found !== undefined) {
          for (const { fields } of organization.truth.usage(
            api,
            { from: start, to: start + seconds },
            { at: found.at },
          )) {
            for (const [field, value] of fields) sums.set(field, (sums.get(field) ?? 0) + value);
          }
        }
        start += seconds;
      }
      return sums;
    },
  };
}

function isWidth(value: unknown): value is Width {
  return value === '1d' || value === '1h' || value === '1m';
}

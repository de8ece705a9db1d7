/** A client that answers from rows which a test gives, without an API behind it. */
import { type Width, widthSeconds } from '../../src/openai/catalogue.ts';
import { ApiError } from '../../src/openai/errors.ts';
import type { RunOptions } from './running-exporter.ts';

export interface Asked {
  readonly api: string;
  readonly width: Width;
  /** Seconds, of the bucket. */
  readonly start: number;
  /** UTC milliseconds. */
  readonly at: number;
}

type Failure = { readonly reason: ApiError['reason']; readonly code?: string };

/**
 * Answers whole pages of the rows that `rows` gives for each bucket, as the API would write them. Where `fails` gives
 * a reason, it fails; buckets that it leaves out are not in the page.
 */
export function rowsClient(
  rows: (asked: Asked) => readonly object[],
  fails: (asked: Omit<Asked, 'start'>) => Failure | undefined = () => undefined,
  leavesOut: (asked: Asked) => boolean = () => false,
): RunOptions['client'] {
  return (clock) => ({
    async get(request, decode) {
      const at = clock.now();
      const value = (name: string) => request.query.find(([key]) => key === name)?.[1];
      const text = value('bucket_width');
      const width: Width = text === '1m' || text === '1h' ? text : '1d';
      const { api, path } = request;
      const failure = fails({ api, width, at });
      if (failure !== undefined) throw new ApiError({ api, path, detail: 'as the test wants it', ...failure });
      const data = [];
      const end = Math.min(Number(value('end_time')), Math.floor(at / 1_000) + widthSeconds[width]);
      for (let start = Number(value('start_time')); start < end; start += widthSeconds[width]) {
        if (leavesOut({ api, width, start, at })) continue;
        const results = rows({ api, width, start, at });
        data.push({ object: 'bucket', start_time: start, end_time: start + widthSeconds[width], results });
      }
      const body = Buffer.from(JSON.stringify({ object: 'page', data, has_more: false, next_page: null }));
      return { value: await decode(body), bytes: body.length, startedAt: at, endedAt: clock.monotonic() };
    },
  });
}

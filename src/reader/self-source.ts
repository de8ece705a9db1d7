/** Reads off an api's account and polls what the exporter's own metrics tell of it. */
import type { SelfSourceApi } from '../metrics/self.ts';
import type { Width } from '../openai/catalogue.ts';
import type { DimensionRefusal } from '../poll/grouping.ts';
import type { PollStatus } from '../poll/poll-status.ts';
import type { Account } from '../usage/account.ts';
import { bucketEnd } from '../usage/windows.ts';

const widths: readonly Width[] = ['1m', '1h', '1d'];

/** Returns one api as the exporter's own metrics read it off. */
export function selfSource(
  account: Account,
  status: PollStatus,
  refusals: ReadonlyMap<string, DimensionRefusal>,
): SelfSourceApi {
  return {
    api: account.endpoint.api,
    up: () => status.up,
    lastSuccess: () => status.lastSuccess,
    pollDuration: () => status.duration,
    dataThrough: () => dataThrough(account),
    newestActivity: () => {
      const newest = account.ledger.newestUsed;
      return newest === undefined ? undefined : bucketEnd(newest.start, newest.width);
    },
    dimensionsRefused: () => [...refusals.keys()],
    heldBack: () => {
      const { fields } = account.ledger;
      return new Map(
        [...(account.book?.heldBack ?? [])].flatMap(([index, amount]) => {
          const name = fields.all[index]?.name;
          return name === undefined ? [] : [[name, amount] as const];
        }),
      );
    },
  };
}

/** Returns the end of the newest settled bucket, in seconds, by width. */
export function dataThrough(account: Account): ReadonlyMap<Width, number> {
  const { ledger } = account;
  const ends = new Map<Width, number>();
  for (const width of widths) {
    const end = ledger.newestSettledEnd(width);
    if (end !== undefined) ends.set(width, end);
  }
  return ends;
}

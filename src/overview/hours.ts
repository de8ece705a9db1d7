/** Usage of the last 24 hours, from the hours that are held: what is not held is unknown. */
import type { Width } from '../openai/catalogue.ts';
import { widthSeconds } from '../openai/catalogue.ts';
import type { Account } from '../usage/account.ts';
import { bucketAt } from '../usage/windows.ts';
import type { Amounts, HourStatus, Ranked, Ranking, UsageStatus } from '../web/status.ts';
import type { Ids } from './ids.ts';
import { type BucketSums, type Columns, hasTokens, isCounted, type Sums } from './sums.ts';

/** Bars of the chart, the running hour included. */
const shownHours = 24;

/** Models and projects that are named; the others are one. */
export const mostRanked = 10;

export type NameOf = (dimension: 'model' | 'project_id', id: string) => string | null;

interface Hour {
  readonly status: HourStatus;
  readonly sums: readonly Sums[];
}

/** Pauses now and then while sums are made. @param now UTC in milliseconds */
export function* usageStatus(
  accounts: readonly Account[],
  sums: BucketSums,
  nameOf: NameOf,
  now: number,
): Generator<undefined, UsageStatus> {
  const counted = accounts.filter(({ endpoint }) => isCounted(endpoint));
  const width: Width = '1h';
  const running = bucketAt(now, width);
  const hours: Hour[] = [];
  for (let back = shownHours - 1; back >= 0; back--) {
    hours.push(yield* hourAt(counted, sums, running - back * widthSeconds[width], running));
  }
  const grouped = (dimension: string) => counted.some(({ ledger }) => ledger.groups.dimensions.includes(dimension));
  return {
    apis: counted.map(({ endpoint }) => endpoint.api),
    hours: hours.map(({ status }) => status),
    models: grouped('model')
      ? rank(
          hours,
          sums.models,
          ({ models }) => models,
          (id) => nameOf('model', id),
        )
      : null,
    projects: grouped('project_id')
      ? rank(
          hours,
          sums.projects,
          ({ projects }) => projects,
          (id) => nameOf('project_id', id),
        )
      : null,
  };
}

function* hourAt(
  accounts: readonly Account[],
  sums: BucketSums,
  start: number,
  running: number,
): Generator<undefined, Hour> {
  const found: Sums[] = [];
  const missing: string[] = [];
  let tokens: number | null = null;
  let requests: number | null = null;
  let settled = true;
  for (const { endpoint, ledger } of accounts) {
    const bucket = ledger.buckets.get('1h', start);
    if (bucket === undefined) {
      missing.push(endpoint.api);
      continue;
    }
    const one = yield* sums.of(ledger, bucket, false);
    found.push(one);
    settled &&= bucket.settled;
    requests = (requests ?? 0) + one.requests;
    if (hasTokens(endpoint)) tokens = (tokens ?? 0) + one.tokens;
  }
  // An api without usage is asked less often, so early in an hour its part of it is not there yet.
  const known = missing.length === 0 || start === running;
  const state =
    found.length === 0 ? 'unknown' : !known ? 'partial' : start === running ? 'open' : settled ? 'settled' : 'settling';
  return { status: { start: new Date(start * 1_000).toISOString(), state, missing, tokens, requests }, sums: found };
}

function rank(
  hours: readonly Hour[],
  ids: Ids,
  columnsOf: (sums: Sums) => Columns | undefined,
  nameOf: (id: string) => string | null,
): Ranking {
  const tokens = new Float64Array(ids.size);
  const requests = new Float64Array(ids.size);
  const present = new Set<number>();
  for (const { sums } of hours) {
    for (const one of sums) {
      const columns = columnsOf(one);
      if (columns === undefined) continue;
      for (const [slot, id] of columns.ids.entries()) {
        const more = { tokens: columns.tokens[slot] ?? 0, requests: columns.requests[slot] ?? 0 };
        if (more.tokens === 0 && more.requests === 0) continue;
        tokens[id] = (tokens[id] ?? 0) + more.tokens;
        requests[id] = (requests[id] ?? 0) + more.requests;
        present.add(id);
      }
    }
  }
  const text = (id: number) => ids.valuesOf(id)[0] ?? '';
  const order = [...present].sort(
    (a, b) =>
      (tokens[b] ?? 0) - (tokens[a] ?? 0) || (requests[b] ?? 0) - (requests[a] ?? 0) || (text(a) < text(b) ? -1 : 1),
  );
  const top = order.slice(0, mostRanked);
  const places = new Map(top.map((id, place) => [id, place]));
  const others = order.length - top.length;

  const ranked: { tokens: number; requests: number; byHour: Amounts[] }[] = Array.from(
    { length: top.length + 1 },
    () => ({
      tokens: 0,
      requests: 0,
      byHour: [],
    }),
  );
  for (const { status, sums } of hours) {
    const unknown = status.state === 'unknown';
    const here = ranked.map(() => ({ tokens: 0, requests: 0 }));
    for (const one of sums) {
      const columns = columnsOf(one);
      if (columns === undefined) continue;
      for (const [slot, id] of columns.ids.entries()) {
        const cell = here[places.get(id) ?? top.length];
        if (cell === undefined) continue;
        cell.tokens += columns.tokens[slot] ?? 0;
        cell.requests += columns.requests[slot] ?? 0;
      }
    }
    for (const [place, cell] of here.entries()) {
      const row = ranked[place];
      if (row === undefined) continue;
      row.tokens += cell.tokens;
      row.requests += cell.requests;
      row.byHour.push(unknown ? { tokens: null, requests: null } : cell);
    }
  }
  const rest = ranked[top.length];
  return {
    top: top.map((id, place) => ({ id: text(id), name: nameOf(text(id)), ...rowOf(ranked[place]) })),
    rest: others === 0 || rest === undefined ? null : { count: others, ...rowOf(rest) },
  };
}

function rowOf(row: Ranked | undefined): Ranked {
  return row ?? { tokens: 0, requests: 0, byHour: [] };
}

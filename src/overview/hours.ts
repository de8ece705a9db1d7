/** Usage of the last 24 hours, from the hours that are held: what is not held is unknown. */
import type { Width } from '../openai/catalogue.ts';
import { widthSeconds } from '../openai/catalogue.ts';
import type { Amounts, HourStatus, Ranked, Ranking, UsageStatus } from '../status.ts';
import type { Account } from '../usage/account.ts';
import type { Ids } from '../usage/ids.ts';
import { bucketAt } from '../usage/windows.ts';
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
export function usageStatus(accounts: readonly Account[], sums: BucketSums, nameOf: NameOf, now: number): UsageStatus {
  const counted = accounts.filter(({ endpoint }) => isCounted(endpoint));
  const width: Width = '1h';
  const running = bucketAt(now, width);
  const hours: Hour[] = [];
  for (let back = shownHours - 1; back >= 0; back--) {
    hours.push(hourAt(counted, sums, running - back * widthSeconds[width], running));
  }
  const grouped = (dimension: string) => counted.some(({ ledger }) => ledger.groups.dimensions.includes(dimension));
  return {
    apis: counted.map(({ endpoint }) => endpoint.api),
    hours: hours.map(({ status }) => status),
    models: grouped('model') ? rank(hours, sums.models, modelsOf, (id) => nameOf('model', id)) : null,
    projects: grouped('project_id') ? rank(hours, sums.projects, projectsOf, (id) => nameOf('project_id', id)) : null,
  };
}

function hourAt(accounts: readonly Account[], sums: BucketSums, start: number, running: number): Hour {
  const found: Sums[] = [];
  const missing: string[] = [];
  let tokens: number | null = null;
  let requests: number | null = null;
  let settled = true;
  for (const account of accounts) {
    const { endpoint } = account;
    const hour = account.hourAt(start);
    if (hour === undefined) {
      missing.push(endpoint.api);
      continue;
    }
    const one = sums.of(hour.ledger, hour.bucket, false);
    found.push(one);
    settled &&= hour.bucket.settled;
    requests = (requests ?? 0) + one.requests;
    if (hasTokens(endpoint)) tokens = (tokens ?? 0) + one.tokens;
  }
  const state = found.length === 0 ? 'unknown' : stateOf(missing.length === 0, start === running, settled);
  return { status: { start: new Date(start * 1_000).toISOString(), state, missing, tokens, requests }, sums: found };
}

/** @param whole nothing of it is missing @param running it has not ended */
function stateOf(whole: boolean, running: boolean, settled: boolean): HourStatus['state'] {
  // An api without usage is asked less often, so early in an hour its part of it is not there yet.
  if (running) return 'open';
  if (!whole) return 'partial';
  return settled ? 'settled' : 'settling';
}

/** The columns of what is ranked. */
type ColumnsOf = (sums: Sums) => Columns | undefined;

const modelsOf: ColumnsOf = ({ models }) => models;
const projectsOf: ColumnsOf = ({ projects }) => projects;

function rank(hours: readonly Hour[], ids: Ids, columnsOf: ColumnsOf, nameOf: (id: string) => string | null): Ranking {
  const order = byAmount(hours, ids, columnsOf);
  const top = order.slice(0, mostRanked);
  const others = order.length - top.length;
  const rows = rowsByHour(hours, columnsOf, top);
  const text = (number: number) => textOf(ids, number);
  return {
    top: top.map((number, place) => ({ id: text(number), name: nameOf(text(number)), ...rowAt(rows, place) })),
    rest: others === 0 ? null : { count: others, ...rowAt(rows, top.length) },
  };
}

function textOf(ids: Ids, number: number): string {
  return ids.valuesOf(number)[0] ?? '';
}

/** Numbers of ids by what they have in all hours together, the most first; without those that have nothing. */
function byAmount(hours: readonly Hour[], ids: Ids, columnsOf: ColumnsOf): readonly number[] {
  const tokens = new Float64Array(ids.size);
  const requests = new Float64Array(ids.size);
  const present = new Set<number>();
  for (const hour of hours) {
    eachCell(hour, columnsOf, (id, moreTokens, moreRequests) => {
      if (moreTokens === 0 && moreRequests === 0) return;
      tokens[id] = (tokens[id] ?? 0) + moreTokens;
      requests[id] = (requests[id] ?? 0) + moreRequests;
      present.add(id);
    });
  }
  return [...present].sort(
    (a, b) =>
      (tokens[b] ?? 0) - (tokens[a] ?? 0) ||
      (requests[b] ?? 0) - (requests[a] ?? 0) ||
      (textOf(ids, a) < textOf(ids, b) ? -1 : 1),
  );
}

/** A row for each of `top`, hour by hour and in all, and one more for all others together. */
function rowsByHour(hours: readonly Hour[], columnsOf: ColumnsOf, top: readonly number[]): readonly Ranked[] {
  const places = new Map(top.map((id, place) => [id, place]));
  const rows = Array.from({ length: top.length + 1 }, () => ({ tokens: 0, requests: 0, byHour: [] as Amounts[] }));
  for (const hour of hours) {
    const here = rows.map(() => ({ tokens: 0, requests: 0 }));
    eachCell(hour, columnsOf, (id, tokens, requests) => {
      const cell = here[places.get(id) ?? top.length];
      if (cell === undefined) return;
      cell.tokens += tokens;
      cell.requests += requests;
    });
    const unknown = hour.status.state === 'unknown';
    for (const [place, row] of rows.entries()) {
      const cell = here[place] ?? { tokens: 0, requests: 0 };
      row.tokens += cell.tokens;
      row.requests += cell.requests;
      row.byHour.push(unknown ? { tokens: null, requests: null } : cell);
    }
  }
  return rows;
}

/** Calls `take` for each id that an hour has, api by api. */
function eachCell(
  { sums }: Hour,
  columnsOf: ColumnsOf,
  take: (id: number, tokens: number, requests: number) => void,
): void {
  for (const one of sums) {
    const columns = columnsOf(one);
    if (columns === undefined) continue;
    for (const [slot, id] of columns.ids.entries()) take(id, columns.tokens[slot] ?? 0, columns.requests[slot] ?? 0);
  }
}

function rowAt(rows: readonly Ranked[], place: number): Ranked {
  return rows[place] ?? { tokens: 0, requests: 0, byHour: [] };
}

/** The overview says of usage, money and limits what the rows say, and of nothing more than what was read. */
import { afterEach, expect, test } from 'vitest';
import { Directory } from '../../src/inventory/directory.ts';
import { Limits } from '../../src/inventory/limits.ts';
import { createOverview } from '../../src/overview/overview.ts';
import { statusOf } from '../../src/reader/make-status.ts';
import { type Asked, rowsClient } from '../helpers/rows-client.ts';
import { type RunningExporter, runExporter } from '../helpers/running-exporter.ts';

let running: RunningExporter | undefined;
afterEach(async () => {
  await running?.end();
  running = undefined;
});

const projects = 12;
const minutes = { '1m': 1, '1h': 60, '1d': 1_440 };

/** Each minute, project n has n tokens of input and one of output, in n requests; a thousand times as much in batches. */
function rows({ api, width, start, at }: Asked): readonly object[] {
  const all = Array.from({ length: projects }, (_, index) => index + 1);
  if (api === 'costs') {
    return all.map((n) => ({
      project_id: `proj_${n}`,
      line_item: 'all',
      amount: { value: `${n}.10`, currency: 'usd' },
    }));
  }
  const count = Math.min(minutes[width], Math.max(0, Math.floor((at / 1_000 - start) / 60)));
  const row = (n: number, batch: boolean, times: number) => ({
    project_id: `proj_${n}`,
    model: n % 2 === 0 ? 'even' : 'odd-2026-01-01',
    batch,
    input_tokens: n * count * times,
    output_tokens: count * times,
    num_model_requests: n * count * times,
  });
  return [...all.map((n) => row(n, false, 1)), row(1, true, 1_000)];
}

/** Tokens of all in a minute: 12 × 13 / 2 + 12, and the batches. */
const tokensAMinute = 78 + 12 + 2_000;

async function live(flags: readonly string[] = [], fails?: Parameters<typeof rowsClient>[1]) {
  running = runExporter({
    start: '2026-05-15T06:30:05Z',
    flags: ['--poll.apis=completions,costs', '--poll.group-by=project_id,model,batch', ...flags],
    client: rowsClient(rows, fails),
  });
  await running.minutes(10);
  return running;
}

test('hours are those of the last day, also from before the start of the process and of the UTC day', async () => {
  const { usage } = await (await live()).exporter.overview();
  expect(usage.hours).toHaveLength(24);
  expect(usage.hours.map(({ state }) => state)).toEqual([...Array.from({ length: 23 }, () => 'settled'), 'open']);
  expect(usage.hours[0]).toMatchObject({ start: '2026-05-14T07:00:00.000Z', tokens: 60 * tokensAMinute });
  expect(usage.hours[22]).toMatchObject({ start: '2026-05-15T05:00:00.000Z', tokens: 60 * tokensAMinute });
  expect(usage.hours[23]?.tokens).toBeGreaterThan(30 * tokensAMinute);
});

test('hours that could not be read are unknown, not 0', async () => {
  running = runExporter({
    start: '2026-05-15T06:30:05Z',
    flags: ['--poll.apis=completions', '--poll.group-by=project_id,model,batch'],
    client: rowsClient(rows, ({ width }) => (width === '1h' ? { reason: 'server' } : undefined)),
  });
  await running.minutes(10);
  const { usage } = await running.exporter.overview();
  expect(usage.hours.map(({ state }) => state)).toEqual(Array.from({ length: 24 }, () => 'unknown'));
  expect(usage.hours[0]).toMatchObject({ start: '2026-05-14T07:00:00.000Z', tokens: null, requests: null });
});

test('hours that the API passes over were empty', async () => {
  const known = Date.parse('2026-05-14T20:00:00Z') / 1_000;
  running = runExporter({
    start: '2026-05-15T06:30:05Z',
    flags: ['--poll.apis=completions', '--poll.group-by=project_id,model,batch'],
    client: rowsClient(rows, undefined, ({ width, start }) => width === '1h' && start < known),
  });
  await running.minutes(10);
  const { usage } = await running.exporter.overview();
  expect(usage.hours.map(({ state }) => state)).toEqual([...Array.from({ length: 23 }, () => 'settled'), 'open']);
  expect(usage.hours[0]).toMatchObject({ start: '2026-05-14T07:00:00.000Z', tokens: 0, requests: 0 });
  // The counters do not wait for them.
  expect(running.exporter.apis[0]?.account.counters).toBe('shown');
});

test('hours go on when the month turns, though the counters begin anew', async () => {
  running = runExporter({
    start: '2026-05-31T22:40:05Z',
    flags: ['--poll.apis=completions', '--poll.group-by=project_id,model,batch'],
    client: rowsClient(rows),
  });
  await running.until('2026-06-01T00:50:05Z');
  const { ledger } = running.exporter.apis[0]?.account ?? {};
  expect(ledger?.anchor).toBe(Date.parse('2026-06-01T00:00:00Z') / 1_000);
  for (const time of ['2026-06-01T00:50:05Z', '2026-06-01T03:50:05Z', '2026-06-01T21:50:05Z']) {
    await running.until(time);
    const { usage } = await running.exporter.overview();
    expect([time, usage.hours.map(({ state }) => state)]).toEqual([
      time,
      [...Array.from({ length: 23 }, () => 'settled'), 'open'],
    ]);
  }
  // And were not read a second time.
  expect(ledger?.buckets.get('1h', Date.parse('2026-05-31T12:00:00Z') / 1_000)).toBe(undefined);
});

test('ten projects are named, the others are one; nothing is lost or counted twice', async () => {
  const { usage, spend } = await (await live()).exporter.overview();
  const { models, projects: ranking } = usage;
  expect(ranking?.top.map(({ id }) => id)).toEqual([1, 12, 11, 10, 9, 8, 7, 6, 5, 4].map((n) => `proj_${n}`));
  expect(ranking?.rest?.count).toBe(2);
  const total = usage.hours.reduce((sum, { tokens }) => sum + (tokens ?? 0), 0);
  for (const all of [models, ranking]) {
    const parts = [...(all?.top ?? []), ...(all?.rest == null ? [] : [all.rest])];
    expect(parts.reduce((sum, { tokens }) => sum + tokens, 0)).toBe(total);
    for (const [hour, { tokens }] of usage.hours.entries()) {
      if (tokens === null) expect(parts.map(({ byHour }) => byHour[hour]?.tokens)).toEqual(parts.map(() => null));
      else expect(parts.reduce((sum, { byHour }) => sum + (byHour[hour]?.tokens ?? 0), 0)).toBe(tokens);
    }
  }
  const money = spend.currencies[0];
  expect(money?.projects?.top).toHaveLength(10);
  // 15 days of 1.10 and 2.10; and all of them of 78 + 12 × 0.10.
  expect(money?.projects?.rest).toEqual({ count: 2, amount: 48 });
  expect(money?.total).toBe(1_188);
});

test('days of money: known, open, to come; the budget is that of the flags', async () => {
  const { exporter } = await live(['--budget.monthly=2000', '--budget.monthly-project=proj_12=200']);
  const { spend, limits } = await exporter.overview();
  const money = spend.currencies[0];
  expect(spend).toMatchObject({ month: '2026-05', polled: true, filtered: false, missing: [] });
  expect(money).toMatchObject({ currency: 'usd', budget: 2_000 });
  expect(money?.days).toHaveLength(31);
  expect(money?.days[0]).toEqual({ day: '2026-05-01', state: 'settled', amount: 79.2 });
  expect(money?.days.slice(13, 16).map(({ state, amount }) => [state, amount])).toEqual([
    ['settling', 79.2],
    ['open', 79.2],
    ['future', null],
  ]);
  expect(limits.nearest.map(({ kind, projectId, used, limit }) => [kind, projectId, used, limit])).toEqual([
    ['budget', 'proj_12', 181.5, 200],
    ['budget', null, 1_188, 2_000],
  ]);
  expect(limits.unknown).toEqual(['Limits are not read (--names.refresh=0): only budgets are compared.']);
});

test('when nothing has been read, nothing is known', async () => {
  const { exporter } = await live([], () => ({ reason: 'network' }));
  const { usage, spend, limits } = await exporter.overview();
  expect(new Set(usage.hours.map(({ state }) => state))).toEqual(new Set(['unknown']));
  expect(usage.models?.top).toEqual([]);
  expect(spend.currencies).toEqual([]);
  expect(spend.missing).toHaveLength(15);
  expect(limits.nearest).toEqual([]);
});

test('what is not polled or not grouped is said to be so', async () => {
  running = runExporter({
    start: '2026-05-15T06:30:05Z',
    flags: ['--poll.apis=completions', '--poll.group-by=none', '--poll.models=odd-2026-01-01'],
    client: rowsClient(rows),
  });
  await running.minutes(3);
  const { usage, spend, limits } = await running.exporter.overview();
  expect([usage.models, usage.projects, spend.polled, spend.currencies]).toEqual([null, null, false, []]);
  expect(spend.filtered).toBe(true);
  expect(limits.unknown).toContainEqual(expect.stringContaining('Filters are set'));
});

test('the busiest minute is held against the limit of the model, batches left out; names stand beside ids', async () => {
  const { exporter, clock } = await live();
  const directory = new Directory(100, clock);
  directory.takeProjects([{ id: 'proj_11', name: 'Eleven', status: 'active', residency: null }], true);
  const limits = new Limits();
  const limit = (model: string, tokens: number) => ({
    model,
    limits: [
      ['max_tokens_per_1_minute', tokens],
      ['max_requests_per_1_minute', 2_147_483_647],
    ] satisfies [string, number][],
  });
  limits.rate.take('proj_11', [limit('odd', 24)], true);
  limits.rate.take('proj_1', [limit('odd', 8)], true);
  limits.rate.take('proj_2', [limit('odd', 8)], true);
  const overview = createOverview({
    accounts: exporter.apis.map(({ account }) => account),
    directory,
    limits,
    namesRead: true,
    filtered: false,
    budget: { monthly: undefined, monthlyByProject: [] },
    settleDelay: 900_000,
    clock,
  });
  const seen = overview();
  expect(seen.limits.nearest).toEqual([
    {
      kind: 'tokens_per_minute',
      projectId: 'proj_11',
      projectName: 'Eleven',
      model: 'odd',
      unit: 'tokens',
      used: 12,
      limit: 24,
      share: 0.5,
    },
    expect.objectContaining({ projectId: 'proj_1', projectName: null, used: 2, limit: 8, share: 0.25 }),
  ]);
  expect(seen.limits.compared).toBe(2);
  expect(seen.usage.projects?.top.find(({ id }) => id === 'proj_11')?.name).toBe('Eleven');
});

test('the status is the health and the overview', async () => {
  const { exporter, clock } = await live();
  const now = clock.now();
  const status = statusOf({ exporter, version: '1', revision: 'r', simulated: true, startedAt: now, now });
  expect(Object.keys(status)).toEqual(expect.arrayContaining(['version', 'apis', 'usage', 'spend', 'limits']));
  expect(JSON.parse(JSON.stringify(status))).toEqual(status);
});

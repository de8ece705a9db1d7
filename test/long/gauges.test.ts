/**
 * The whole way from the API to the page, in one process: the real client on the simulated organization. What the
 * page shows is held against the organization's truth, field by field.
 */
import { gunzipSync } from 'node:zlib';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { gzipHeader, gzipTrailer } from '../../src/metrics/gzip.ts';
import { type Endpoint, endpoints, type Width, widthSeconds } from '../../src/openai/catalogue.ts';
import { amountScale } from '../../src/simulation/billing.ts';
import { createOrganization, type Organization } from '../../src/simulation/organization.ts';
import type { ProfileOptions } from '../../src/simulation/profile.ts';
import { labelText, labelValue } from '../../src/usage/labels.ts';
import { valuesOf } from '../helpers/exposition.ts';
import { parseExposition } from '../helpers/exposition-parser.ts';
import type { FaultRule } from '../helpers/faults.ts';
import { seconds } from '../helpers/rows.ts';
import { rowsClient } from '../helpers/rows-client.ts';
import { type RunningExporter, runExporter, runSimulated } from '../helpers/running-exporter.ts';

// Hours are lived through here: on a busy machine that takes its time.
vi.setConfig({ testTimeout: 60_000 });

const day = 86_400;
const usageEndpoints = endpoints.filter(({ api }) => api !== 'costs');

let running: RunningExporter | undefined;
afterEach(async () => {
  await running?.end();
  running = undefined;
});

const organizations = new Map<string, Organization>();

/** Late, restated, repeated and lacking fields, so that each of these shows. */
function organizationAt(start: string, more: ProfileOptions): Organization {
  const key = `${start.slice(0, 10)} ${JSON.stringify(more)}`;
  const known = organizations.get(key);
  if (known !== undefined) return known;
  const made = createOrganization({
    seed: 11,
    createdAt: Math.floor(Date.parse(start) / 1_000 / day) * day - 36 * day,
    profile: {
      groups: 5,
      activity: 0.4,
      repeatedRows: 0.3,
      missingFields: 0.3,
      restatedUp: 0.05,
      restatedDown: 0.02,
      secondCurrency: true,
      ...more,
    },
  });
  organizations.set(key, made);
  return made;
}

function live(
  start: string,
  faults: readonly FaultRule[] = [],
  more: ProfileOptions = {},
  flags: readonly string[] = [],
) {
  const organization = organizationAt(start, more);
  const simulated = runSimulated({ organization, start, flags, faults });
  running = simulated;
  return { ...simulated, organization };
}

/** Returns what the gauges of an api should read, by series: each state's bucket as the API showed it when it was read last. */
function expectedGauges(organization: Organization, endpoint: Endpoint, readAt: number): Map<string, number> {
  const { api, dimensions } = endpoint;
  const expected = new Map<string, number>();
  const current = (width: Width) => Math.floor(readAt / 1_000 / widthSeconds[width]) * widthSeconds[width];
  const settled = (width: Width) =>
    Math.floor((readAt / 1_000 - 900) / widthSeconds[width]) * widthSeconds[width] - widthSeconds[width];
  const shown: [Width, string, number][] = [
    ['1m', 'settled', settled('1m')],
    ['1h', 'settled', settled('1h')],
    ['1h', 'open', current('1h')],
  ];
  if (current('1h') - 3_600 > settled('1h')) shown.push(['1h', 'settling', current('1h') - 3_600]);

  const rowsOf = (width: Width, start: number) =>
    new Map(
      organization.truth
        .visible(api, width, start, readAt, { groupBy: dimensions })
        .map(({ labels, fields }) => [labelText(dimensions, labels.map(labelValue)), fields]),
    );
  for (const [width, state, start] of shown) {
    const rows = rowsOf(width, start);
    const before = Array.from({ length: width === '1m' ? 60 : 1 }, (_, index) =>
      rowsOf(width, start - (index + 1) * widthSeconds[width]),
    );
    for (const field of endpoint.fields) {
      const key = (labels: string) =>
        `openai_usage_${api}_${field.name}{bucket_width="${width}",state="${state}",${labels}}`;
      for (const [labels, fields] of rows) {
        const value = fields.get(field.name);
        if (value !== undefined) expected.set(key(labels), value);
      }
      if (field.kind === 'level') continue;
      for (const labels of new Set(before.flatMap((each) => [...each.keys()]))) {
        const hadIt = before.some((each) => each.get(labels)?.has(field.name) === true);
        if (!rows.has(labels) && hadIt) expected.set(key(labels), 0);
      }
    }
  }
  return expected;
}

/** The page's gauges of an api, by series as they are written. */
function gaugesOn(text: string, api: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line.startsWith(`openai_usage_${api}_`));
  return new Map(
    lines.map((line) => {
      const at = line.lastIndexOf(' ');
      return [line.slice(0, at), Number(line.slice(at + 1))];
    }),
  );
}

describe('the gauges equal the organization’s truth, field by field', () => {
  test.each([
    ['in the middle of an hour', '2026-11-20T09:31:00Z'],
    ['while an hour settles', '2026-11-20T10:07:00Z'],
    ['just after midnight', '2026-11-20T00:03:00Z'],
    ['on the first', '2026-12-01T00:21:00Z'],
  ])('%s', async (_, end) => {
    const start = new Date(Date.parse(end) - 4 * 60_000).toISOString();
    const { until, text, exporter, organization } = live(start);
    await until(end);
    for (const endpoint of usageEndpoints) {
      const { lastPoll = 0 } = exporter.apis.find((each) => each.endpoint === endpoint)?.status ?? {};
      const expected = expectedGauges(organization, endpoint, lastPoll);
      const shown = gaugesOn(text(), endpoint.api);
      // Explicit zeros of a field that has never been more are no series: they may be missing from what is shown.
      const wanted = [...expected].filter(([series, value]) => value !== 0 || shown.has(series));
      expect([endpoint.api, Object.fromEntries([...shown].sort())]).toEqual([
        endpoint.api,
        Object.fromEntries(wanted.sort()),
      ]);
      expect(shown.size).toBeGreaterThan(0);
    }
  });

  test('of costs: amounts and quantities, of today, yesterday and the settled day', async () => {
    const end = '2026-11-20T09:31:00Z';
    const { until, text, organization, exporter } = live('2026-11-20T09:27:00Z');
    await until(end);
    const { lastPoll = 0 } = exporter.apis.find(({ endpoint }) => endpoint.api === 'costs')?.status ?? {};
    const names = ['project_id', 'line_item', 'api_key_id', 'api_source'];
    const expected = new Map<string, number>();
    const days: [string, string][] = [
      ['open', '2026-11-20T00:00Z'],
      ['settling', '2026-11-19T00:00Z'],
      ['settled', '2026-11-18T00:00Z'],
    ];
    for (const [state, text] of days) {
      const from = seconds(text);
      const fixed = `bucket_width="1d",state="${state}"`;
      for (const row of organization.truth.costs({ from, to: from + day }, { groupBy: names, at: lastPoll })) {
        const labels = labelText(names, row.labels.map(labelValue));
        if (row.amount !== null && row.amount !== 0n) {
          const amount = Number(`${row.amount}e-${amountScale}`);
          expected.set(`openai_usage_costs_amount_value{${fixed},currency="${row.currency}",${labels}}`, amount);
        }
        if (row.quantity !== null && row.quantity !== 0) {
          const unit = labelText(['quantity_unit'], [labelValue(row.unit)]);
          expected.set(`openai_usage_costs_quantity{${fixed},${unit},${labels}}`, row.quantity);
        }
      }
    }
    const shown = new Map([...gaugesOn(text(), 'costs')].filter(([, value]) => value !== 0));
    expect([...shown.keys()].sort()).toEqual([...expected.keys()].sort());
    for (const [series, value] of expected) expect(shown.get(series)).toBeCloseTo(value, 9);
    expect(shown.size).toBeGreaterThan(10);
  });

  test('whatever the labels are, the page is valid, and gzip says the same', async () => {
    const { minutes, text, exporter, shown } = live('2026-11-20T09:27:00Z', [], { hostileLabels: true });
    await minutes(4);
    const { families } = parseExposition(text() + (await exporter.self.text()));
    expect(families.size).toBeGreaterThan(60);
    const page = shown.current();
    const unpacked = gunzipSync(Buffer.concat([gzipHeader, ...page.gzip, gzipTrailer(page.crc, page.plainBytes)]));
    expect(unpacked.toString()).toBe(text());
  });
});

/** The page's counters of an api and what the organization's settled minutes say, ungrouped. */
function totals(text: string, organization: Organization, api: string, field: string, from: number, readAt: number) {
  const lines = text.split('\n').filter((line) => line.startsWith(`openai_${api}_${field}_total{`));
  const shown = lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
  const to = Math.floor((readAt / 1_000 - 900) / 60) * 60;
  return { shown, truth: organization.truth.sum(api, field, { from, to }, { at: readAt }), series: lines.length };
}

describe('the counters', () => {
  const fields = usageEndpoints.flatMap(({ api, fields: all }) =>
    all.filter(({ kind }) => kind === 'flow').map(({ name }) => [api, name] as const),
  );

  // So that it does not matter when each bucket was read last.
  const unchanging = { restatedUp: 0, restatedDown: 0 };

  test('equal the truth since the first, for every flow field of every api', async () => {
    const { until, text, exporter, organization } = live('2026-11-20T09:27:00Z', [], unchanging);
    await until('2026-11-20T09:31:00Z');
    for (const [api, field] of fields) {
      const { lastPoll = 0 } = exporter.apis.find(({ endpoint }) => endpoint.api === api)?.status ?? {};
      const { shown, truth } = totals(text(), organization, api, field, seconds('2026-11-01T00:00Z'), lastPoll);
      expect([api, field, shown]).toEqual([api, field, truth]);
    }
  });

  const some = ['completions', 'code_interpreter_sessions', 'vector_stores', 'costs'];

  test('are right again after hours without the API', async () => {
    const out = {
      when: { from: Date.parse('2026-11-20T09:40:00Z'), to: Date.parse('2026-11-20T12:20:00Z') },
      fault: { kind: 'status' as const, status: 503 },
    };
    const { until, text, exporter, organization, log, self } = live('2026-11-20T09:27:00Z', [out], unchanging, [
      `--poll.apis=${some.join(',')}`,
    ]);
    await until('2026-11-20T09:39:59Z');
    const before = text();
    await until('2026-11-20T12:19:00Z');
    for (const { endpoint } of exporter.apis) expect(await self(`openai_up{api="${endpoint.api}"}`)).toBe(0);
    // Counters stay, flat; gauges that could not be renewed have gone.
    const counters = (page: string) => page.split('\n').filter((line) => /^openai_\w+_total\{/.test(line));
    expect(counters(text())).toEqual(counters(before));
    expect(text()).not.toMatch(/bucket_width="1[mh]"/);
    // One for each api’s poll, one for its history, however long it lasts.
    expect(log.of('warn').length).toBeLessThanOrEqual(2 * exporter.apis.length);
    await until('2026-11-20T12:40:00Z');
    for (const [api, field] of fields.filter(([each]) => some.includes(each))) {
      const { lastPoll = 0, up } = exporter.apis.find(({ endpoint }) => endpoint.api === api)?.status ?? {};
      const { shown, truth } = totals(text(), organization, api, field, seconds('2026-11-01T00:00Z'), lastPoll);
      const heldBack = (await self(`openai_exporter_held_back{api="${api}",field="${field}"}`)) ?? 0;
      expect([api, field, up, shown - heldBack]).toEqual([api, field, true, truth]);
    }
  });
});

describe('requests', () => {
  test('stay below the limit while the history is read, and below 40 a minute after that', async () => {
    const { until, dispatcher } = live('2026-11-20T09:27:00Z');
    await until('2026-11-20T09:40:00Z');
    const times = dispatcher.requests.map(({ receivedAt }) => receivedAt);
    for (const [index, time] of times.entries()) {
      const within = times.slice(index).findIndex((other) => other >= time + 60_000);
      expect(within === -1 ? times.length - index : within).toBeLessThanOrEqual(60);
    }
    dispatcher.forget();
    await until('2026-11-20T10:10:00Z');
    const perMinute = dispatcher.requests.length / 30;
    expect(perMinute).toBeLessThan(40);
  });

  test('of a small organization are fewer than 30 a minute: what nobody uses is asked for seldom', async () => {
    const start = '2026-11-20T09:27:00Z';
    const organization = createOrganization({
      seed: 3,
      createdAt: Date.parse(start) / 1_000 - 20 * day,
      profile: { groups: 3, apis: ['completions', 'embeddings', 'costs'], activity: 0.6 },
    });
    const simulated = runSimulated({ organization, start });
    running = simulated;
    const { dispatcher, minutes } = simulated;
    await minutes(20);
    dispatcher.forget();
    await minutes(60);
    const { counts } = dispatcher;
    expect([...counts.values()].reduce((a, b) => a + b, 0) / 60).toBeLessThan(30);
    expect((counts.get('images') ?? 0) * 3).toBeLessThan(counts.get('completions') ?? 0);
  });
});

describe('a key that is refused', () => {
  test.each([
    [401, 'auth', /sk-|key was refused/i],
    [403, 'permission', /api\.usage\.read/],
  ])(
    '%i: one line for all apis, what is known stays, and it goes on when the key works',
    async (status, reason, says) => {
      const refused: FaultRule = {
        when: { from: Date.parse('2026-11-20T09:40:00Z'), to: Date.parse('2026-11-20T09:52:00Z') },
        fault: { kind: 'status', status },
      };
      const { until, text, log, self, exporter } = live('2026-11-20T09:27:00Z', [refused]);
      await until('2026-11-20T09:39:59Z');
      const families = [...parseExposition(text()).families.keys()];
      // An api that nobody uses is asked once in ten minutes.
      await until('2026-11-20T09:51:30Z');
      const said = log.of('warn', 'error');
      expect(said).toHaveLength(1);
      expect(said[0]).toMatch(says);
      expect(said[0]).toContain('https://platform.openai.com/settings/organization/admin-keys');
      expect([...parseExposition(text()).families.keys()]).toEqual(families);
      for (const { endpoint } of exporter.apis) {
        expect(await self(`openai_up{api="${endpoint.api}"}`)).toBe(0);
        const line = `openai_exporter_poll_failures_total{api="${endpoint.api}",reason="${reason}"}`;
        expect(await self(line)).toBeGreaterThan(0);
      }
      await until('2026-11-20T10:03:00Z');
      for (const { endpoint } of exporter.apis) expect(await self(`openai_up{api="${endpoint.api}"}`)).toBe(1);
    },
  );
});

test('an hour that has ended is settling from then on, though it has not been read again', async () => {
  const end = Date.parse('2026-11-20T10:00:00Z');
  const client = rowsClient(
    ({ width }) => (width === '1h' ? [{ model: 'm', input_tokens: 60 }] : []),
    ({ at }) => (at >= end ? { reason: 'server' } : undefined),
  );
  const flags = ['--poll.apis=embeddings', '--poll.group-by=model'];
  running = runExporter({ start: '2026-11-20T09:50:03Z', flags, client });
  const { text, until } = running;
  const states = () => valuesOf(text(), 'openai_usage_embeddings_input_tokens', ['state'], { bucket_width: '1h' });
  await until('2026-11-20T09:59:30Z');
  expect(states()).toEqual({ settled: 60, open: 60 });
  await until('2026-11-20T10:05:00Z');
  expect(states()).toEqual({ settled: 60, settling: 60 });
});

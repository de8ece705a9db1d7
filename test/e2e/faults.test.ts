/**
 * A real process goes on showing what it knows while the API refuses, hangs, breaks off or talks nonsense; it says
 * so in `openai_up`, in the failures by reason and once in the log; and it recovers by itself.
 */
import { gzipSync } from 'node:zlib';
import { describe, expect, test, vi } from 'vitest';
import type { Exposition } from '../helpers/exposition-parser.ts';
import { reply } from '../helpers/http-server.ts';
import type { Exporter } from '../helpers/process.ts';
import { type Fault, refuse, testKey } from '../helpers/scripted-api.ts';
import { shiftedClock, type TestClock } from '../helpers/test-clock.ts';
import { apiNames, polledNames, usageApis } from './apis.ts';
import { exporterOf, scriptedApi } from './exporter.ts';

/** Half past the hour, at the start of a minute: nothing on show changes by time alone for most of a minute. */
const quietTime = Date.parse('2026-05-15T12:30:02Z');
const everySecond = ['--poll.interval=1s', '--poll.idle-interval=1s'];

/** A row with every field, in every bucket. */
const rows = (name: string) => {
  if (name === 'costs') return [{ amount: { value: '1.25', currency: 'usd' }, project_id: 'p' }];
  const fields = usageApis.find(({ api }) => api === name)?.required ?? [];
  return [{ project_id: 'p', ...Object.fromEntries(fields.map((field, index) => [field, 10 + index])) }];
};

/** Usage and costs as they are on the page. */
function shown(page: Exposition): Record<string, number> {
  const own = /^openai_(?:usage_|(?!up\b|exporter_).*_total\{)/;
  return Object.fromEntries([...page.series].filter(([key]) => own.test(key)));
}

async function until(exporter: Exporter, check: (page: Exposition) => void, timeout = 30_000): Promise<Exposition> {
  return await vi.waitFor(
    async () => {
      const page = await exporter.metrics();
      check(page);
      return page;
    },
    { timeout, interval: 100 },
  );
}

const ups = (page: Exposition) => apiNames.map((api) => page.value('openai_up', { api }));

async function complete(exporter: Exporter): Promise<Exposition> {
  return await until(exporter, (page) => {
    expect(ups(page)).toEqual(apiNames.map(() => 1));
    for (const { api, flow, required } of usageApis) {
      if (flow) expect(page.families.has(`openai_${api}_${required[0]}_total`)).toBe(true);
    }
  });
}

async function setUp(args: readonly string[] = everySecond, clock: TestClock = shiftedClock(quietTime)) {
  const api = await scriptedApi({ rows, clock });
  const exporter = await exporterOf(api, args);
  const before = await complete(exporter);
  return { api, exporter, before: shown(before) };
}

/** The reasons for which polls of the api have failed so far. */
function reasonsCounted(page: Exposition, api: string): readonly (string | undefined)[] {
  const samples = page.families.get('openai_exporter_poll_failures_total')?.samples ?? [];
  return samples
    .filter(({ labels, value }) => labels['api'] === api && value > 0)
    .map(({ labels }) => labels['reason']);
}

const warnings = (text: string) => text.split('\n').filter((line) => line.includes('"level":"warn"'));

describe('a key that is', () => {
  const refusals: readonly { what: string; reason: string; fault: Fault; says: RegExp }[] = [
    {
      what: 'refused',
      reason: 'auth',
      fault: (response) => refuse(response, 401, `Incorrect API key provided: ${testKey}.`, 'invalid_api_key'),
      says: /api\.usage\.read.*https:\/\/platform\.openai\.com\/settings\/organization\/admin-keys/,
    },
    {
      what: 'without the scope',
      reason: 'permission',
      fault: (response) => refuse(response, 403, 'You have insufficient permissions. Missing scopes: api.usage.read.'),
      says: /Give the key the scope api\.usage\.read.*https:\/\/platform\.openai\.com\/settings\/organization\/admin-keys/,
    },
  ];

  test.each(refusals)('$what: the numbers stay, one line says what to do, and it goes on', async (refusal) => {
    const { fault, reason, says } = refusal;
    const { api, exporter, before } = await setUp();
    expect(warnings(exporter.err())).toEqual([]);
    api.faults.set('*', fault);
    const page = await until(exporter, (page) => {
      expect(ups(page)).toEqual(apiNames.map(() => 0));
      for (const api of apiNames) {
        expect(page.value('openai_exporter_poll_failures_total', { api, reason })).toBeGreaterThanOrEqual(2);
      }
    });
    expect(shown(page)).toEqual(before);
    const lines = warnings(exporter.err());
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(says);
    expect(exporter.err()).not.toContain(testKey);
    expect((await exporter.get('/-/healthy')).status).toBe(200);
    expect(await (await exporter.get('/api/status')).json()).toMatchObject({
      apis: polledNames.map((api) => ({ api, up: false, reason, whatToDo: expect.stringContaining('admin-keys') })),
    });

    api.faults.clear();
    expect(shown(await complete(exporter))).toEqual(before);
    expect(warnings(exporter.err())).toHaveLength(1);
    await exporter.logged(/succeeds again/);
  });

  test('refused from the start: no number, and no zero in its place', async () => {
    const api = await scriptedApi({ rows });
    api.keys = new Set();
    const exporter = await exporterOf(api, everySecond);
    const page = await until(exporter, (page) => expect(ups(page)).toEqual(apiNames.map(() => 0)));
    expect(shown(page)).toEqual({});
    expect(warnings(exporter.err())).toHaveLength(1);
    expect((await exporter.get('/-/ready')).status).toBe(200);
  });
});

/** An honest page with `data` made into something else. */
const withData =
  (change: (data: readonly Readonly<Record<string, unknown>>[]) => unknown): Fault =>
  (response, _request, honest) => {
    const page: { data?: readonly Readonly<Record<string, unknown>>[] } = honest;
    reply(response, 200, { ...page, data: change(page.data ?? []) });
  };

/** Random text as gzip, unpacked larger than any page may be. */
const bomb = gzipSync(Buffer.alloc(65 * 1_024 * 1_024, ' '));

test('each fault that another try would not mend has its reason; nothing on show changes', async () => {
  const elsewhere = await scriptedApi({ rows });
  const faults: Readonly<Record<string, readonly [string, Fault]>> = {
    completions: [
      'malformed',
      (response) => reply(response, 200, '<html>Sign in</html>', { 'content-type': 'text/html' }),
    ],
    decisions: [
      'malformed',
      (response, _request, honest) => reply(response, 200, { ...honest, note: 'x'.repeat(20_000) }),
    ],
    embeddings: [
      'malformed',
      (response, _request, honest) => reply(response, 200, JSON.stringify(honest).slice(0, -20)),
    ],
    moderations: ['malformed', withData(() => null)],
    images: ['malformed', withData((data) => data.map((bucket) => ({ ...bucket, results: null })))],
    audio_speeches: [
      'malformed',
      withData((data) => data.map((bucket) => ({ ...bucket, start_time: `${bucket['start_time']}` }))),
    ],
    audio_transcriptions: ['malformed', (response) => reply(response, 200, 'null')],
    vector_stores: ['too_large', (response) => reply(response, 200, bomb, { 'content-encoding': 'gzip' })],
    code_interpreter_sessions: [
      'rejected',
      (response, { target }) => reply(response, 302, '', { location: elsewhere.url.replace('/v1', target) }),
    ],
    file_search_calls: ['rejected', (response) => refuse(response, 400, 'no')],
    // A cursor that leads nowhere new, though buckets are still to come.
    web_search_calls: [
      'malformed',
      (response, _request, honest) => {
        const page: { data?: readonly unknown[] } = honest;
        reply(response, 200, { ...page, data: (page.data ?? []).slice(0, 1), has_more: true, next_page: 'page_again' });
      },
    ],
    costs: ['malformed', (response, _request, honest) => reply(response, 200, { ...honest, data: 'many' })],
  };
  const { api, exporter, before } = await setUp();
  for (const [name, [, fault]] of Object.entries(faults)) api.faults.set(name, fault);
  const page = await until(exporter, (page) => expect(ups(page)).toEqual(apiNames.map(() => 0)));
  expect(shown(page)).toEqual(before);
  for (const [name, [reason]] of Object.entries(faults)) {
    expect([name, reasonsCounted(page, name)]).toEqual([name, [reason]]);
  }
  expect(elsewhere.requests).toEqual([]);
  for (const name of apiNames) {
    const said = warnings(exporter.err()).filter(
      (line) => line.includes(`"api":"${name}"`) && line.includes(': poll failed'),
    );
    expect([name, said.length]).toEqual([name, 1]);
  }

  api.faults.clear();
  expect(shown(await complete(exporter))).toEqual(before);
});

test('one api that fails does not touch the others', async () => {
  const { api, exporter } = await setUp();
  api.faults.set('images', (response) => reply(response, 200, '{'));
  const polls = (page: Exposition, api: string) => page.value('openai_exporter_polls_total', { api }) ?? 0;
  const then = await exporter.metrics();
  await until(exporter, (page) => {
    for (const name of apiNames) expect(polls(page, name)).toBeGreaterThanOrEqual(polls(then, name) + 3);
    expect(ups(page)).toEqual(apiNames.map((name) => Number(name !== 'images')));
  });
});

test('rows of wrong types are refused and counted, and the poll has failed as malformed', async () => {
  const { api, exporter } = await setUp();
  api.faults.set(
    'images',
    withData((data) =>
      data.map((bucket) => ({
        ...bucket,
        results: [{ project_id: 'q', images: 'many', num_model_requests: 1 }, 7, null],
      })),
    ),
  );
  await until(exporter, (page) => {
    expect(page.value('openai_exporter_malformed_rows_total', { api: 'images' })).toBeGreaterThan(0);
    expect(page.value('openai_exporter_poll_failures_total', { api: 'images', reason: 'malformed' })).toBeGreaterThan(
      0,
    );
    expect(ups(page)).toEqual(apiNames.map((name) => Number(name !== 'images')));
  });
  // The group is there, for it has a row, but nothing is known of it.
  expect(await exporter.page()).not.toMatch(/^openai_(?:usage_)?images_.*project_id="q"/m);
});

test('a value of a cost line that cannot be read is lost alone, counted, logged and on the status page', async () => {
  const line = (line_item: string, value: unknown, quantity: unknown) => ({
    ...{ amount: { value, currency: 'usd' }, quantity, quantity_unit: 'tokens' },
    ...{ project_id: 'p', line_item },
  });
  const lines = [line('good', '1E+2', '12.5'), line('money', '1,234.50', '7'), line('count', '+3', 'a few')];
  const api = await scriptedApi({ rows: (name) => (name === 'costs' ? lines : []) });
  const exporter = await exporterOf(api, ['--poll.apis=costs', ...everySecond]);
  const counted = (page: Exposition) => page.value('openai_exporter_malformed_rows_total', { api: 'costs' });
  const page = await until(exporter, (page) => {
    expect(page.families.has('openai_usage_costs_quantity')).toBe(true);
    expect(counted(page)).toBeGreaterThan(0);
  });
  const shownOf = (name: string) =>
    Object.fromEntries(
      (page.families.get(name)?.samples ?? [])
        .filter(({ labels }) => labels['state'] === 'settled')
        .map(({ labels, value }) => [labels['line_item'], value]),
    );
  expect(shownOf('openai_usage_costs_amount_value')).toEqual({ good: 100, count: 3 });
  expect(shownOf('openai_usage_costs_quantity')).toEqual({ good: 12.5, money: 7 });
  expect(page.value('openai_up', { api: 'costs' })).toBe(1);
  await exporter.logged(/amount_value was refused on \d{4}-\d\d-\d\d, line item .*money.*1,234\.50/);
  await exporter.logged(/quantity was refused on \d{4}-\d\d-\d\d, line item .*count.*a few/);
  const status = await (await exporter.get('/')).text();
  for (const said of ['1,234.50', 'a few']) expect(status).toContain(said);
});

test('asked to wait for longer than a poll may take, it sends nothing more and says so', async () => {
  const { api, exporter, before } = await setUp();
  api.faults.set('*', (response) =>
    reply(response, 429, { error: { message: 'Rate limit reached' } }, { 'retry-after': '3600' }),
  );
  const page = await until(exporter, (page) => expect(ups(page)).toEqual(apiNames.map(() => 0)));
  expect(shown(page)).toEqual(before);
  const sent = api.requests.length;
  await until(exporter, (page) => {
    for (const name of apiNames) {
      const counted = page.value('openai_exporter_poll_failures_total', { api: name, reason: 'rate_limited' });
      expect(counted).toBeGreaterThanOrEqual(2);
    }
  });
  expect(api.requests.length).toBe(sent);
});

test('while the server hangs, scrapes are answered at once, with what was known', async () => {
  const { api, exporter, before } = await setUp();
  api.faults.set('*', () => {});
  const asked = api.requests.length;
  await vi.waitFor(() => expect(api.requests.length).toBeGreaterThan(asked), { timeout: 5_000 });
  const begun = performance.now();
  expect(shown(await exporter.metrics())).toEqual(before);
  expect(performance.now() - begun).toBeLessThan(1_000);
  expect((await exporter.get('/-/healthy')).status).toBe(200);
});

describe('at thirty times the speed', () => {
  // A poll tries for five minutes before it gives up.
  const clock = () => shiftedClock(Date.parse('2026-05-15T12:30:00Z'), 30);

  // Those that take up a connection are apart: others would time out waiting for it, and rightly say so.
  const tried: Readonly<Record<string, Readonly<Record<string, readonly [string, Fault]>>>> = {
    'answers that fail': {
      embeddings: ['server', (response) => reply(response, 503, '<html></html>', { 'content-type': 'text/html' })],
      moderations: [
        'network',
        (response, _request, honest) => {
          const body = Buffer.from(JSON.stringify(honest));
          response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length });
          response.write(body.subarray(0, body.length / 2), () => response.destroy());
        },
      ],
      images: ['network', (response) => response.socket?.resetAndDestroy()],
      audio_speeches: ['timeout', (response) => refuse(response, 408, 'late')],
      audio_transcriptions: ['server', (response) => refuse(response, 409, 'conflict')],
      vector_stores: ['rate_limited', (response) => refuse(response, 429, 'Rate limit reached')],
    },
    'answers that do not come': {
      completions: ['timeout', () => {}],
      code_interpreter_sessions: [
        'timeout',
        // Headers, and then a byte now and then.
        (response) => {
          response.writeHead(200, { 'content-type': 'application/json' });
          const timer = setInterval(() => response.write(' '), 50);
          response.once('close', () => clearInterval(timer));
        },
      ],
    },
  };

  test.each(Object.entries(tried))('%s have their reason once the time for another try is over', async (_, faults) => {
    const { api, exporter } = await setUp(['--openai.timeout=20s'], clock());
    for (const [name, [, fault]] of Object.entries(faults)) api.faults.set(name, fault);
    const failing = Object.keys(faults);
    const page = await until(
      exporter,
      (page) => {
        expect(ups(page)).toEqual(apiNames.map((name) => Number(!failing.includes(name))));
        // An api counts as down before its poll gives up.
        for (const [name, [reason]] of Object.entries(faults)) {
          expect([name, reasonsCounted(page, name)]).toEqual([name, [reason]]);
        }
      },
      80_000,
    );
    for (const name of failing) {
      // How often depends on the others: three failures in a row look like an outage, in which less is tried again.
      expect(page.value('openai_exporter_api_retries_total', { api: name })).toBeGreaterThan(0);
      // The last good data stays.
      expect([...page.series.keys()].filter((key) => key.startsWith(`openai_usage_${name}_`))).not.toEqual([]);
    }
    api.faults.clear();
    await complete(exporter);
  });

  test('what cannot be renewed for an hour is no longer shown; the counters stay', async () => {
    const clock = shiftedClock(Date.parse('2026-05-15T12:30:00Z'), 600);
    const { api, exporter } = await setUp(['--openai.timeout=5m'], clock);
    api.faults.set('*', (response) => refuse(response, 401, 'no'));
    const total = { project_id: 'p' };
    const counted = (page: Exposition) => page.value('openai_code_interpreter_sessions_num_sessions_total', total);
    await until(exporter, (page) => expect(ups(page)).toEqual(apiNames.map(() => 0)));
    const last = counted(await exporter.metrics());
    expect(last).toBeGreaterThan(0);
    const page = await until(
      exporter,
      (page) => expect([...page.families.keys()].filter((name) => /^openai_usage_(?!costs)/.test(name))).toEqual([]),
      30_000,
    );
    expect(counted(page)).toBe(last);
    // And returns when the API does.
    api.faults.clear();
    await until(
      exporter,
      (page) => expect(page.families.has('openai_usage_completions_input_tokens')).toBe(true),
      30_000,
    );
  });
});

/**
 * The gauges of a real process that asks a local server with known rows: every series and value of every api, no
 * more and no less, at several times of the day and at the present one.
 */
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { type Exposition, type Labels, seriesKey } from '../helpers/exposition-parser.ts';
import { reply } from '../helpers/http-server.ts';
import { type Exporter, startExporter } from '../helpers/process.ts';
import {
  type Fault,
  type Row,
  type ScriptedApi,
  secondsIn,
  startScriptedApi,
  testKey,
  type Width,
} from '../helpers/scripted-api.ts';
import { shiftedClock, type TestClock } from '../helpers/test-clock.ts';
import { type DocumentedApi, usageApis } from './apis.ts';

const open: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()));
});

async function serve(clock: TestClock, settleDelay: string, prepare: (api: ScriptedApi) => void, more: string[] = []) {
  const api = await startScriptedApi({ clock });
  open.push(api);
  prepare(api);
  const args = [
    `--openai.base-url=${api.url}`,
    '--openai.max-requests-per-minute=600',
    '--names.refresh=0',
    `--poll.settle-delay=${settleDelay}`,
    ...more,
  ];
  const exporter = await startExporter(args, { clock, env: { OPENAI_ADMIN_KEY: testKey } });
  open.push({ close: () => exporter.stop('SIGKILL') });
  return { api, exporter };
}

/** The page changes at full minutes only. A scenario that one comes between is tried again. */
async function withinOneMinute(clock: TestClock, scenario: (now: number) => Promise<void>): Promise<void> {
  const minute = () => Math.floor(clock.now() / 60_000);
  for (let attempt = 0; ; attempt++) {
    const begun = minute();
    try {
      return await scenario(clock.now());
    } catch (error) {
      if (minute() === begun || attempt === 2) throw error;
    }
  }
}

/** The gauges of recent buckets on a page, by `seriesKey`; of one api, or of all. */
function gaugesOf(page: Exposition, api = ''): Record<string, number> {
  return Object.fromEntries([...page.series].filter(([key]) => key.startsWith(`openai_usage_${api}`)).sort());
}

async function shows(exporter: Exporter, expected: Readonly<Record<string, number>>, api = ''): Promise<void> {
  await vi.waitFor(
    async () => {
      expect(gaugesOf(await exporter.metrics(), api)).toEqual(expected);
    },
    { timeout: 30_000, interval: 100 },
  );
}

/** Returns where the buckets of each state are, in seconds. */
function recentStarts(now: number, settleDelay: number) {
  const at = (instant: number, width: Width) => Math.floor(instant / 1_000 / secondsIn[width]) * secondsIn[width];
  const hour = at(now, '1h');
  const settledHour = at(now - settleDelay, '1h') - 3_600;
  return {
    /** The newest minute that ended at least the settle delay ago. */
    minute: at(now - settleDelay, '1m') - 60,
    hour,
    settledHour,
    /** The hour before this one, unless it has settled. */
    settlingHour: settledHour === hour - 3_600 ? undefined : hour - 3_600,
    today: at(now, '1d'),
  };
}

/** A row and the values that are expected of it, field by field. */
class Book {
  readonly rows = new Map<string, Row[]>();
  readonly expected: Record<string, number> = {};
  readonly #api: DocumentedApi;

  constructor(api: DocumentedApi) {
    this.#api = api;
  }

  /** The labels of a group, as the API sends them. Of the boolean, the letter decides. */
  dimensions(group: string): Row {
    return Object.fromEntries(
      this.#api.dimensions.map((name) => [name, name === 'batch' ? group < 'm' : `${name} ${group}`]),
    );
  }

  put(width: Width, start: number, group: string, fields: Row): void {
    const key = `${width} ${start}`;
    const row = { object: 'any', ...this.dimensions(group), ...fields };
    this.rows.set(key, [...(this.rows.get(key) ?? []), row]);
  }

  expect(width: Width, state: string, group: string, fields: Readonly<Record<string, number>>): void {
    const labels = Object.fromEntries(
      Object.entries(this.dimensions(group)).map(([name, value]) => [name, `${value}`]),
    );
    for (const [field, value] of Object.entries(fields)) {
      const name = `openai_usage_${this.#api.api}_${field}`;
      this.expected[seriesKey(name, { bucket_width: width, state, ...labels })] = value;
    }
  }
}

/** Each field with its own number. */
function numbers(fields: readonly string[], from: number): Record<string, number> {
  return Object.fromEntries(fields.map((field, index) => [field, from + index]));
}

function nulls(fields: readonly string[]): Row {
  return Object.fromEntries(fields.map((field) => [field, null]));
}

function noughts(fields: readonly string[]): Record<string, number> {
  return Object.fromEntries(fields.map((field) => [field, 0]));
}

/** Rows around the present, each for a reason, and what must be seen of them. */
function bookOf(api: DocumentedApi, now: number, settleDelay: number): Book {
  const book = new Book(api);
  const all = [...api.required, ...api.optional];
  const { minute, hour, settledHour, settlingHour } = recentStarts(now, settleDelay);
  const zeros = api.flow ? noughts(all) : {};

  // Every field of a group, another number in each bucket.
  book.put('1m', minute, 'a', numbers(all, 1_000));
  book.expect('1m', 'settled', 'a', numbers(all, 1_000));
  // Optional fields are missing or null: absent, though the group had them before.
  book.put('1m', minute, 'b', numbers(api.required, 2_000));
  book.put('1m', minute - 60, 'b', numbers(all, 2_100));
  book.expect('1m', 'settled', 'b', numbers(api.required, 2_000));
  book.put('1m', minute, 'l', { ...nulls(api.optional), ...numbers(api.required, 2_200) });
  book.put('1m', minute - 60, 'l', numbers(all, 2_300));
  book.expect('1m', 'settled', 'l', numbers(api.required, 2_200));
  // Two rows of one group, of which one lacks the optional fields.
  book.put('1m', minute, 'c', numbers(all, 3_000));
  book.put('1m', minute, 'c', numbers(api.required, 50));
  for (const [index, field] of all.entries()) {
    const value = 3_000 + index + (api.required.includes(field) ? 50 + index : 0);
    book.expect('1m', 'settled', 'c', { [field]: value });
  }
  // Explicit noughts alone: no series. Beside numbers elsewhere: 0.
  book.put('1m', minute, 'd', noughts(all));
  book.put('1m', minute, 'e', noughts(all));
  book.put('1m', minute - 60, 'e', numbers(all, 4_000));
  book.expect('1m', 'settled', 'e', noughts(all));
  // Not in this minute, but in one of the 60 before: the first and the last of them, and one too old.
  book.put('1m', minute - 60, 'f', numbers(all, 5_000));
  book.put('1m', minute - 60 * 60, 'g', numbers(all, 5_100));
  book.put('1m', minute - 61 * 60, 'h', numbers(all, 5_200));
  book.expect('1m', 'settled', 'f', zeros);
  book.expect('1m', 'settled', 'g', zeros);
  // Minutes that have not settled are not shown.
  book.put('1m', minute + 60, 'i', numbers(all, 5_300));
  // Fields that nobody knows yet: numbers, nested ones too; words and ids are none.
  const unknown = { future_units: 7, details: { future_parts: 8.5 }, odd_word: '9', odd_id: 10, odd_flag: true };
  book.put('1m', minute, 'j', { ...numbers(all, 6_000), ...unknown });
  book.put('1m', minute - 60, 'k', { ...numbers(all, 6_100), ...unknown });
  book.expect('1m', 'settled', 'j', { ...numbers(all, 6_000), future_units: 7, details_future_parts: 8.5 });
  // Nobody knows whether such a field is a flow, so nothing is filled in.
  book.expect('1m', 'settled', 'k', zeros);

  // Hours. Each has a group of its own, and one that is in all of them.
  book.put('1h', settledHour, 'a', numbers(all, 20_000));
  book.expect('1h', 'settled', 'a', numbers(all, 20_000));
  book.put('1h', settledHour, 'p', numbers(all, 21_000));
  book.expect('1h', 'settled', 'p', numbers(all, 21_000));
  book.put('1h', settledHour - 3_600, 'q', numbers(all, 22_000));
  book.expect('1h', 'settled', 'q', zeros);
  book.put('1h', settledHour - 7_200, 'r', numbers(all, 23_000));
  if (settlingHour !== undefined) {
    book.put('1h', settlingHour, 'a', numbers(all, 30_000));
    book.expect('1h', 'settling', 'a', numbers(all, 30_000));
    book.put('1h', settlingHour, 's', numbers(all, 31_000));
    book.expect('1h', 'settling', 's', numbers(all, 31_000));
    book.expect('1h', 'settling', 'p', zeros);
  }
  book.put('1h', hour, 'a', numbers(all, 40_000));
  book.expect('1h', 'open', 'a', numbers(all, 40_000));
  book.put('1h', hour, 't', { ...numbers(api.required, 41_000), future_units: 11 });
  book.expect('1h', 'open', 't', { ...numbers(api.required, 41_000), future_units: 11 });
  book.expect('1h', 'open', settlingHour === undefined ? 'p' : 's', zeros);
  return book;
}

const nobody = { project_id: null, line_item: null, api_key_id: null, api_source: null };

function cost(group: string | null, amount: Row | undefined, more: Row = {}): Row {
  const labels =
    group === null
      ? nobody
      : {
          project_id: `proj ${group}`,
          line_item: `${group}, input`,
          api_key_id: `key ${group}`,
          api_source: `source ${group}`,
        };
  return { object: 'organization.costs.result', ...(amount === undefined ? {} : { amount }), ...labels, ...more };
}

const usd = (value: unknown) => ({ value, currency: 'usd' });

function costRows(today: number): ReadonlyMap<number, readonly Row[]> {
  return new Map([
    [
      today,
      [
        cost('a', usd('0.1')),
        cost('a', usd(0.2), { quantity: 12, quantity_unit: 'tokens' }),
        cost('e', { value: 4, currency: 'EUR' }),
      ],
    ],
    [today - 86_400, [cost('a', usd('2.50'), { quantity: 3, quantity_unit: 'tokens' }), cost(null, usd('-1.5'))]],
    [
      today - 2 * 86_400,
      [
        cost('a', usd('1.00000000000000000000000000000000001')),
        cost('b', usd('0E-6176')),
        cost('c', undefined, { quantity: 5, quantity_unit: 'images' }),
      ],
    ],
    [today - 3 * 86_400, [cost('d', usd(9), { quantity: 1, quantity_unit: null })]],
  ]);
}

function costsExpected(): Record<string, number> {
  const expected: Record<string, number> = {};
  const put = (field: string, state: string, value: number, group: string | null, unit: Labels) => {
    const named = (word: string) => (group === null ? 'none' : word);
    const labels = {
      project_id: named(`proj ${group}`),
      line_item: named(`${group}, input`),
      api_key_id: named(`key ${group}`),
      api_source: named(`source ${group}`),
      bucket_width: '1d',
      state,
      ...unit,
    };
    expected[seriesKey(`openai_usage_costs_${field}`, labels)] = value;
  };
  const dollars = { currency: 'usd' };
  const tokens = { quantity_unit: 'tokens' };
  // 0.1 + 0.2 exactly: as floats they would be 0.30000000000000004.
  put('amount_value', 'open', 0.3, 'a', dollars);
  put('quantity', 'open', 12, 'a', tokens);
  put('amount_value', 'open', 4, 'e', { currency: 'eur' });
  put('amount_value', 'open', 0, null, dollars);
  put('amount_value', 'settling', 2.5, 'a', dollars);
  put('quantity', 'settling', 3, 'a', tokens);
  put('amount_value', 'settling', -1.5, null, dollars);
  put('quantity', 'settling', 0, 'c', { quantity_unit: 'images' });
  put('amount_value', 'settled', 1, 'a', dollars);
  put('quantity', 'settled', 5, 'c', { quantity_unit: 'images' });
  put('amount_value', 'settled', 0, 'd', dollars);
  put('quantity', 'settled', 0, 'd', { quantity_unit: 'none' });
  return expected;
}

const hour = 3_600_000;
const settings = [
  { what: 'in the first minute of an hour', clock: '2026-05-15T13:00:05Z', delay: '1h', settleDelay: hour },
  { what: 'ten minutes past the hour', clock: '2026-05-15T12:10:05Z', delay: '15m', settleDelay: hour / 4 },
  { what: 'half past the hour', clock: '2026-05-15T12:30:05Z', delay: '15m', settleDelay: hour / 4 },
  { what: 'just after midnight on the first', clock: '2026-03-01T00:01:05Z', delay: '15m', settleDelay: hour / 4 },
  { what: 'just before midnight of a leap day', clock: '2028-02-29T23:59:05Z', delay: '15m', settleDelay: hour / 4 },
];

describe.each(settings)('$what, settled after $delay', ({ clock: time, delay, settleDelay }) => {
  const clockNow = () => shiftedClock(Date.parse(time));

  test('all twelve apis show exactly what their rows say', async () => {
    const clock = clockNow();
    await withinOneMinute(clock, async (now) => {
      const books = new Map(usageApis.map((api) => [api.api, bookOf(api, now, settleDelay)]));
      const costs = costRows(recentStarts(now, settleDelay).today);
      const { exporter } = await serve(clock, delay, (api) => {
        api.rows = (name, width, start) =>
          name === 'costs' ? (costs.get(start) ?? []) : (books.get(name)?.rows.get(`${width} ${start}`) ?? []);
      });
      const expected = Object.assign(costsExpected(), ...[...books.values()].map((book) => book.expected));
      // By api, for a difference that can be read.
      for (const [name, book] of books) await shows(exporter, sorted(book.expected), name);
      await vi.waitFor(async () => expect((await exporter.get('/-/ready')).status).toBe(200), { timeout: 30_000 });
      await shows(exporter, sorted(expected));
    });
  });
});

function sorted(series: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(series).sort());
}

test('the numbers of one field, in full', async () => {
  const clock = shiftedClock(Date.parse('2026-05-15T12:10:05Z'));
  const at = (time: string) => Date.parse(`2026-05-15T${time}:00Z`) / 1_000;
  const rows = new Map([
    [`1m ${at('11:54')}`, 7],
    [`1m ${at('11:55')}`, 8],
    [`1h ${at('10:00')}`, 100],
    [`1h ${at('11:00')}`, 110],
    [`1h ${at('12:00')}`, 12],
  ]);
  const prepare = (api: ScriptedApi) => {
    api.rows = (name, width, start) => {
      const count = rows.get(`${width} ${start}`);
      return name === 'file_search_calls' && count !== undefined ? [{ num_requests: count, project_id: 'p' }] : [];
    };
  };
  const { exporter } = await serve(clock, '15m', prepare, ['--poll.group-by=project_id']);
  const series = (state: string, width: string) =>
    `openai_usage_file_search_calls_num_requests{bucket_width="${width}",project_id="p",state="${state}"}`;
  await shows(exporter, {
    [series('settled', '1m')]: 7,
    [series('settled', '1h')]: 100,
    [series('settling', '1h')]: 110,
    [series('open', '1h')]: 12,
  });
});

test('counters count each instant once: days, then hours, then minutes', async () => {
  const clock = shiftedClock(Date.parse('2026-05-15T12:20:05Z'));
  const amounts: Readonly<Record<Width, number>> = { '1d': 1_000_000, '1h': 1_000, '1m': 1 };
  const { exporter } = await serve(clock, '15m', (api) => {
    api.rows = (name, width) =>
      name === 'vector_stores'
        ? []
        : [{ num_requests: amounts[width], num_sessions: 5 * amounts[width], project_id: 'p' }];
  });
  // 14 days; 12 hours, of which the last settled at 12:15; the minutes that ended by 12:05.
  const total = 14_012_005;
  await vi.waitFor(
    async () => {
      const page = await exporter.metrics();
      const dimensions = { user_id: 'none', api_key_id: 'none', vector_store_id: 'none' };
      expect(page.value('openai_file_search_calls_num_requests_total', { project_id: 'p', ...dimensions })).toBe(total);
      expect(page.value('openai_code_interpreter_sessions_num_sessions_total', { project_id: 'p' })).toBe(5 * total);
      expect(page.families.get('openai_file_search_calls_num_requests_total')?.type).toBe('counter');
      expect(page.families.has('openai_vector_stores_usage_bytes_total')).toBe(false);
      expect([...page.families.keys()].filter((name) => /costs.*_total/.test(name))).toEqual([]);
    },
    { timeout: 30_000, interval: 100 },
  );
});

test('costs by user are sums of the month and of the one before, and equal those by project', async () => {
  const clock = shiftedClock(Date.parse('2026-05-15T12:20:05Z'));
  const { api, exporter } = await serve(clock, '15m', (script) => {
    script.rows = (name) =>
      name === 'costs'
        ? [
            cost('a', usd('0.1'), { user_id: 'ann' }),
            cost('b', usd(0.2), { user_id: 'ann' }),
            cost('a', usd('1.5'), { user_id: null }),
          ]
        : [];
  });
  const sums = (page: Exposition, name: string, by: string) => {
    const found: Record<string, number> = {};
    for (const { labels, value } of page.families.get(name)?.samples ?? []) found[labels[by] ?? ''] = value;
    return found;
  };
  await vi.waitFor(
    async () => {
      const page = await exporter.metrics();
      const month = 'openai_user_costs_month_to_date_amount_value';
      expect(sums(page, month, 'user_id')).toEqual({ ann: 4.5, none: 22.5 });
      expect(sums(page, 'openai_user_costs_previous_month_amount_value', 'user_id')).toEqual({ ann: 9, none: 45 });
      expect(sums(page, 'openai_costs_month_to_date_amount_value', 'project_id')).toEqual({
        'proj a': 24,
        'proj b': 3,
      });
      expect(sums(page, 'openai_exporter_user_costs_difference_amount', 'currency')).toEqual({ usd: 0 });
      expect(page.value('openai_up', { api: 'user_costs' })).toBe(1);
      expect(sums(page, 'openai_user_info', 'user_id')).toMatchObject({ ann: 1, none: 1 });
    },
    { timeout: 30_000, interval: 100 },
  );
  const answer = await exporter.get('/metrics?name[]=openai_user_costs_month_to_date_amount_value');
  const alone = await answer.text();
  expect(alone.split('\n').filter((line) => line.startsWith('openai_'))).toHaveLength(2);
  expect(alone).toContain('openai_user_costs_month_to_date_amount_value{currency="usd",user_id="ann"} 4.5');
  const groupings = api.requests
    .filter(({ path }) => path.endsWith('/costs'))
    .map(({ query }) => query.getAll('group_by[]').join());
  expect(new Set(groupings)).toEqual(new Set(['project_id,line_item,api_key_id,api_source', 'user_id,line_item']));
});

/** A recorded page. */
function recorded(name: string): { readonly data: readonly Row[] } {
  return JSON.parse(readFileSync(new URL(`../fixtures/openai/${name}.json`, import.meta.url), 'utf8'));
}

describe('recorded shapes', () => {
  const clock = () => shiftedClock(Date.parse('2026-05-15T12:30:05Z'));
  const settledHour = Date.parse('2026-05-15T11:00:00Z') / 1_000;

  /** The rows of the recorded bucket, in the bucket that starts at `start`. */
  const moved =
    (name: string, start: number): Fault =>
    (response, _request, honest) => {
      const page: { data?: readonly Row[] } = honest;
      const [bucket] = recorded(name).data;
      const seconds = Number(bucket?.['end_time']) - Number(bucket?.['start_time']);
      const data = (page.data ?? []).map((each) =>
        each['start_time'] === start && Number(each['end_time']) === start + seconds
          ? { ...bucket, start_time: start, end_time: start + seconds }
          : each,
      );
      reply(response, 200, { ...page, data });
    };

  test('a group that comes twice in a bucket is summed', async () => {
    const { exporter } = await serve(clock(), '15m', (api) => {
      api.faults.set('completions', moved('usage-repeated-group', settledHour));
    });
    const series = (field: string, labels: Labels) =>
      seriesKey(`openai_usage_completions_${field}`, { bucket_width: '1h', state: 'settled', ...labels });
    const a = {
      project_id: 'proj_a',
      user_id: 'user-1',
      api_key_id: 'key_1',
      model: 'gpt-5-2025-08-07',
      batch: 'false',
      service_tier: 'default',
      api_source: 'none',
    };
    const other = {
      project_id: 'none',
      user_id: 'none',
      api_key_id: 'none',
      model: 'ft:gpt-4o-2024-08-06:acme:tone:9aB"c',
      batch: 'none',
      service_tier: 'incentivized-tier',
      api_source: 'none',
    };
    const settled = {
      [series('input_tokens', a)]: 60_000,
      [series('output_tokens', a)]: 1_300,
      [series('num_model_requests', a)]: 13,
      [series('input_uncached_tokens', a)]: 53_440,
      [series('input_cached_tokens', a)]: 5_760,
      [series('input_text_tokens', a)]: 53_440,
      [series('input_tokens', other)]: 7,
      [series('output_tokens', other)]: 3,
      [series('num_model_requests', other)]: 1,
    };
    // The hour in progress has none of them yet.
    const progress = Object.keys(settled).map((key) => [key.replace('state="settled"', 'state="open"'), 0]);
    await shows(exporter, sorted({ ...settled, ...Object.fromEntries(progress) }), 'completions');
  });

  test('amounts as text, as numbers, as zero, negative and not at all', async () => {
    const day = Date.parse('2026-05-13T00:00:00Z') / 1_000;
    const { exporter } = await serve(clock(), '15m', (api) => api.faults.set('costs', moved('costs-strings', day)));
    const labels = { bucket_width: '1d', project_id: 'proj_a', api_key_id: 'none', api_source: 'none' };
    const settled = { ...labels, state: 'settled' };
    const amount = (line_item: string, project_id = 'proj_a') =>
      seriesKey('openai_usage_costs_amount_value', { ...settled, currency: 'usd', line_item, project_id });
    const input = 'gpt-4o-2024-08-06, input';
    await vi.waitFor(
      async () => {
        const shown = gaugesOf(await exporter.metrics(), 'costs');
        const ofDay = Object.entries(shown).filter(([key]) => key.includes('state="settled"'));
        expect(Object.fromEntries(ofDay)).toEqual({
          [amount(input)]: 0.025792,
          [amount('assistants api | file search')]: 0.000_120_734_042_683_308_95,
          [amount('adjustment', 'none')]: -1.5,
          [seriesKey('openai_usage_costs_quantity', { ...settled, quantity_unit: 'tokens', line_item: input })]: 10_316,
        });
      },
      { timeout: 30_000, interval: 100 },
    );
  });

  test('a clipped bucket is never shown as a whole one, and never counted', async () => {
    const clipped = settledHour;
    const { exporter } = await serve(clock(), '15m', (api) => {
      api.rows = (name, width, start) => {
        if (name !== 'embeddings' || width !== '1h') return [];
        return [{ input_tokens: start === clipped ? 141_201 : 500, num_model_requests: 1, project_id: 'p' }];
      };
      api.faults.set('embeddings', (response, _request, honest) => {
        const page: { data?: readonly Row[] } = honest;
        const data = (page.data ?? []).map((bucket) =>
          bucket['start_time'] === clipped ? { ...bucket, end_time: clipped + 1_800 } : bucket,
        );
        reply(response, 200, { ...page, data });
      });
    });
    await vi.waitFor(
      async () => {
        const page = await exporter.metrics();
        expect(page.value('openai_up', { api: 'embeddings' })).toBe(1);
        const group = { project_id: 'p', user_id: 'none', api_key_id: 'none', model: 'none' };
        const ofHour = (state: string) =>
          page.value('openai_usage_embeddings_input_tokens', { bucket_width: '1h', state, ...group });
        expect(ofHour('settled')).toBe(500);
        expect(ofHour('open')).toBe(500);
        const through = { api: 'embeddings', bucket_width: '1h' };
        expect(page.value('openai_exporter_data_through_timestamp_seconds', through)).toBe(clipped);
      },
      { timeout: 30_000, interval: 100 },
    );
    expect(await exporter.page()).not.toContain('141201');
  });
});

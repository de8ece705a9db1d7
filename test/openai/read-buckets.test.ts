import fc from 'fast-check';
import { Pool } from 'undici';
import { describe, expect, it, test } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { fixedKey } from '../../src/openai/admin-key.ts';
import { type Endpoint, endpointOf, endpoints, type Width, widthSeconds } from '../../src/openai/catalogue.ts';
import { type Client, createClient, type GetRequest } from '../../src/openai/client.ts';
import { ApiError } from '../../src/openai/errors.ts';
import {
  createPageSizes,
  type PageSizes,
  type ReadPage,
  type ReadRequest,
  readBuckets,
} from '../../src/openai/read-buckets.ts';
import { createBudget } from '../../src/openai/request-budget.ts';
import { reply, startHttpServer } from '../helpers/http-server.ts';

function endpoint(api: string): Endpoint {
  const found = endpointOf(api);
  if (!found) throw new Error(api);
  return found;
}

/** 2026-05-15T12:00:00Z */
const noon = 1_778_846_400;
const now = (noon + 3 * 86_400) * 1_000;

interface Asked {
  from: number;
  to: number;
  limit: number;
  cursor: string | null;
  query: GetRequest['query'];
}

interface SentPage {
  data: { start_time: number; end_time: number; results: unknown[]; padding?: string }[];
  has_more: boolean;
  next_page: unknown;
}

/** A client that asks `answer` instead of the network, and remembers. */
function fakeClient(answer: (asked: Asked, index: number) => SentPage, startedAt = now) {
  const asked: Asked[] = [];
  const client: Client = {
    async get({ query }, decode) {
      const parameters = new Map(query);
      const one = {
        from: Number(parameters.get('start_time')),
        to: Number(parameters.get('end_time')),
        limit: Number(parameters.get('limit')),
        cursor: parameters.get('page') ?? null,
        query,
      };
      asked.push(one);
      const body = Buffer.from(JSON.stringify(answer(one, asked.length - 1)));
      return { value: await decode(body), bytes: body.length, startedAt, endedAt: asked.length };
    },
  };
  return { client, asked };
}

const bucket = (start: number, seconds = 60, results: unknown[] = []) => ({
  start_time: start,
  end_time: start + seconds,
  results,
});

/** The API as it should be: whole buckets, and a cursor after `perPage` of them. */
function pages(seconds: number, perPage = Number.POSITIVE_INFINITY, padding: (start: number) => number = () => 0) {
  return ({ from, to, limit, cursor }: Asked): SentPage => {
    const begin = cursor === null ? from : Number(cursor);
    const data: SentPage['data'] = [];
    let start = begin;
    for (; start < to && data.length < Math.min(limit, perPage); start += seconds) {
      data.push({ ...bucket(start, seconds), padding: 'x'.repeat(padding(start)) });
    }
    return { data, has_more: start < to, next_page: start < to ? String(start) : null };
  };
}

interface Outcome {
  starts: number[];
  pages: ReadPage[];
  error: unknown;
}

async function read(client: Client, change: Partial<ReadRequest> = {}, sizes = createPageSizes()): Promise<Outcome> {
  const outcome: Outcome = { starts: [], pages: [], error: undefined };
  try {
    for await (const page of readBuckets(client, sizes, {
      endpoint: endpoint('completions'),
      width: '1m',
      from: noon,
      to: noon + 600,
      groupBy: ['model'],
      filters: {},
      priority: 'poll',
      deadline: 1e9,
      ...change,
    })) {
      outcome.pages.push(page);
      outcome.starts.push(...page.buckets.map(({ start }) => start));
    }
  } catch (error) {
    outcome.error = error;
  }
  return outcome;
}

const minutes = (count: number, from = noon) => Array.from({ length: count }, (_, index) => from + index * 60);

describe('a range', () => {
  it('that fits one page is one request, frozen, with what it was asked for', async () => {
    const { client, asked } = fakeClient(pages(60));
    const { starts, pages: read1, error } = await read(client, { filters: { models: ['m'] } });
    expect(error).toBeUndefined();
    expect(starts).toEqual(minutes(10));
    expect(read1).toMatchObject([{ readAt: now, endedAt: 1 }]);
    expect(asked).toHaveLength(1);
    expect(asked[0]?.query).toEqual([
      ['start_time', String(noon)],
      ['end_time', String(noon + 600)],
      ['bucket_width', '1m'],
      ['group_by[]', 'model'],
      ['models[]', 'm'],
      ['limit', '10'],
    ]);
  });

  it('that is empty asks nothing', async () => {
    const { client, asked } = fakeClient(pages(60));
    expect(await read(client, { to: noon })).toEqual({ starts: [], pages: [], error: undefined });
    expect(asked).toEqual([]);
  });

  it('off the grid is a mistake of the caller', async () => {
    const { client } = fakeClient(pages(60));
    expect((await read(client, { from: noon + 1 })).error).toBeInstanceOf(RangeError);
    expect((await read(client, { to: noon + 601 })).error).toBeInstanceOf(RangeError);
    expect((await read(client, { endpoint: endpoint('costs') })).error).toBeInstanceOf(RangeError);
  });

  it('is read whole and once, within the limits, for every endpoint, width and page size', async () => {
    const cases = endpoints.flatMap((one) =>
      (['1m', '1h', '1d'] as const)
        .filter((width) => one.limits[width])
        .map((width): [Endpoint, Width] => [one, width]),
    );
    const run = fc.asyncProperty(
      fc.constantFrom(...cases),
      fc.integer({ min: 1, max: 400 }),
      fc.integer({ min: 4, max: 200 }),
      fc.array(fc.integer({ min: 0, max: 60_000 }), { minLength: 1, maxLength: 8 }),
      async ([one, width], count, perPage, sizesOfBuckets) => {
        const seconds = widthSeconds[width];
        const from = 19_000 * 86_400;
        const padding = (start: number) => sizesOfBuckets[(start / seconds) % sizesOfBuckets.length] ?? 0;
        const { client, asked } = fakeClient(pages(seconds, perPage, padding));
        const range = { endpoint: one, width, from, to: from + count * seconds, groupBy: [] };
        const { starts, error } = await read(client, range);
        expect(error).toBeUndefined();
        expect(starts).toEqual(Array.from({ length: count }, (_, index) => from + index * seconds));
        for (const { limit, from: begin, to } of asked) {
          expect(limit).toBeLessThanOrEqual(one.limits[width]?.perPage ?? 0);
          expect(to - begin).toBe(limit * seconds);
        }
      },
    );
    await fc.assert(run, { numRuns: 60 });
  });
});

describe('the cursor', () => {
  it('is followed with every parameter frozen', async () => {
    const { client, asked } = fakeClient(pages(60, 4));
    expect((await read(client)).starts).toEqual(minutes(10));
    expect(asked.map(({ cursor }) => cursor)).toEqual([null, String(noon + 240), String(noon + 480)]);
    const first = asked[0]?.query ?? [];
    for (const { query, cursor } of asked.slice(1)) expect(query).toEqual([...first, ['page', cursor]]);
  });

  it('is followed once more when all buckets are there, for the last may go on', async () => {
    const { client, asked } = fakeClient((one) => ({ ...pages(60)(one), has_more: true, next_page: 'on and on' }));
    expect(await read(client)).toMatchObject({ starts: minutes(10), error: undefined });
    expect(asked).toHaveLength(2);
  });

  it('is not followed without has_more: what is there is all there is', async () => {
    const { client, asked } = fakeClient((one) => ({ ...pages(60, 4)(one), has_more: false }));
    expect(await read(client)).toMatchObject({ starts: minutes(10), error: undefined });
    expect(asked).toHaveLength(1);
  });

  const faults: [string, (one: Asked, index: number) => Partial<SentPage>, number, string][] = [
    ['null', () => ({ next_page: null }), 4, 'has_more without a cursor'],
    ['empty', () => ({ next_page: '' }), 4, 'without a cursor'],
    ['a number', () => ({ next_page: 7 }), 4, 'without a cursor'],
    ['one seen before', (_, index) => (index === 1 ? { next_page: String(noon + 240) } : {}), 8, 'handed out twice'],
    ['on an empty page', (_, index) => (index === 1 ? { data: [] } : {}), 4, 'an empty page says has_more'],
    [
      'leading back',
      (_, index) => (index === 1 ? { data: minutes(4).map((start) => bucket(start)) } : {}),
      4,
      'do not ascend',
    ],
    [
      'on a page whose buckets do not ascend',
      (_, index) =>
        index === 1 ? { data: [noon + 240, noon + 300, noon + 300, noon + 360].map((s) => bucket(s)) } : {},
      6,
      'do not ascend',
    ],
  ];
  test.each(faults)('that is %s ends the read, and what was read stands', async (_name, fault, count, message) => {
    const { client } = fakeClient((one, index) => ({ ...pages(60, 4)(one), ...fault(one, index) }));
    const { starts, error } = await read(client);
    expect(starts).toEqual(minutes(count));
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ reason: 'malformed', api: 'completions', path: '/organization/usage/completions' });
    expect(String(error)).toContain(message);
    expect(String(error)).toContain(`bucket at ${new Date((noon + count * 60) * 1_000).toISOString().slice(0, -5)}`);
  });

  test.each(faults.slice(0, 5))(
    'that is %s does not matter if no bucket that has ended is missing',
    async (_n, fault, count) => {
      const startedAt = (noon + count * 60 + 59) * 1_000;
      const { client } = fakeClient((one, index) => ({ ...pages(60, 4)(one), ...fault(one, index) }), startedAt);
      expect(await read(client)).toMatchObject({ starts: minutes(count), error: undefined });
    },
  );

  it('is not followed for ever', async () => {
    const { client, asked } = fakeClient((_, index) => ({
      data: [bucket(noon - 1_000_000 + index * 60)],
      has_more: true,
      next_page: `p${index}`,
    }));
    const { starts, error } = await read(client);
    expect(starts).toEqual([]);
    expect(error).toMatchObject({ reason: 'too_large' });
    expect(asked).toHaveLength(200);
  });
});

describe('buckets that were not asked for', () => {
  it('are left out: outside the range, or clipped at the front', async () => {
    const { client } = fakeClient((one) => {
      const page = pages(60)(one);
      const data = [bucket(noon - 60), ...page.data, bucket(noon + 600), bucket(noon + 660)];
      return { ...page, data: data.toSpliced(3, 0, bucket(noon + 90, 30)) };
    });
    expect(await read(client)).toMatchObject({ starts: minutes(10), error: undefined });
  });

  it('are told if they are within the range, and what they would have told is not taken for empty', async () => {
    const { client } = fakeClient((one) => {
      const page = pages(60)(one);
      return { ...page, data: page.data.toSpliced(3, 1, bucket(noon + 190, 50)) };
    });
    const { starts, pages: got } = await read(client);
    expect(starts).toEqual(minutes(10).toSpliced(3, 1));
    expect(got.flatMap(({ misplaced }) => misplaced)).toMatchObject([{ start: noon + 190 }]);
  });

  it('that are clipped at the end are for the caller to judge', async () => {
    const { client } = fakeClient((one) => {
      const page = pages(60)(one);
      return { ...page, data: [...page.data.slice(0, -1), bucket(noon + 540, 17)] };
    });
    const { pages: got } = await read(client);
    expect(got[0]?.buckets.at(-1)).toMatchObject({ start: noon + 540, end: noon + 557 });
  });
});

describe('a refused cursor', () => {
  const refused = () => {
    throw new ApiError({
      reason: 'rejected',
      api: 'costs',
      path: '/organization/costs',
      status: 400,
      detail: 'The page token is invalid, have you modified the query parameters?',
    });
  };

  it('starts again behind the last bucket, with a query of its own', async () => {
    const { client, asked } = fakeClient((one) => (one.cursor === null ? pages(60, 4)(one) : refused()));
    expect(await read(client)).toMatchObject({ starts: minutes(10), error: undefined });
    expect(asked.map(({ from, limit, cursor }) => [(from - noon) / 60, limit, cursor !== null])).toEqual([
      [0, 10, false],
      [0, 10, true],
      [4, 6, false],
      [4, 6, true],
      [8, 2, false],
    ]);
  });

  it('is an error without progress', async () => {
    const { client, asked } = fakeClient((one) =>
      one.cursor === null ? { data: [bucket(noon - 60)], has_more: true, next_page: 'bad' } : refused(),
    );
    expect((await read(client)).error).toMatchObject({ reason: 'rejected', status: 400 });
    expect(asked).toHaveLength(2);
  });

  it('is an error on a first page, and after too many times', async () => {
    expect((await read(fakeClient(refused).client)).error).toMatchObject({ reason: 'rejected' });
    const { client, asked } = fakeClient((one) => (one.cursor === null ? pages(60, 1)(one) : refused()));
    const { starts, error } = await read(client, { to: noon + 3_600 });
    expect(starts).toEqual(minutes(11));
    expect(error).toMatchObject({ reason: 'rejected', status: 400 });
    expect(asked).toHaveLength(22);
  });
});

it('passes other errors on, after the buckets that are whole', async () => {
  const given = new ApiError({ reason: 'server', api: 'completions', path: '/x', status: 500, detail: 'no' });
  const { client } = fakeClient((one) => {
    if (one.cursor === null) return pages(60, 4)(one);
    throw given;
  });
  // The fourth may go on on the page that failed.
  expect(await read(client)).toMatchObject({ starts: minutes(3), error: given });
});

describe('buckets that the API passes over', () => {
  const rowsOf = ({ pages: got }: Outcome) => got.flatMap(({ buckets }) => buckets.map(({ rows }) => rows));
  const row = { input_tokens: 1_000, output_tokens: 100, num_model_requests: 10, model: 'gpt-5' };
  const hour = 3_600;

  it('were empty: three hours are read, of which one has rows', async () => {
    const { client, asked } = fakeClient(({ from }) => ({
      data: [bucket(from + hour, hour, [row])],
      has_more: false,
      next_page: null,
    }));
    const outcome = await read(client, { width: '1h', to: noon + 3 * hour });
    expect(outcome).toMatchObject({ starts: [0, 1, 2].map((index) => noon + index * hour), error: undefined });
    expect(rowsOf(outcome)).toEqual([0, 1, 0]);
    expect(outcome.pages[0]?.buckets.map(({ passedOver }) => passedOver)).toEqual([true, undefined, true]);
    expect(asked).toHaveLength(1);
  });

  it('between pages were empty, too', async () => {
    const { client } = fakeClient(({ from, cursor }) =>
      cursor === null
        ? { data: [bucket(from + 60, 60, [row])], has_more: true, next_page: 'more' }
        : { data: [bucket(from + 240, 60, [row])], has_more: false, next_page: null },
    );
    const outcome = await read(client);
    expect(outcome).toMatchObject({ starts: minutes(10), error: undefined });
    expect(rowsOf(outcome)).toEqual([0, 1, 0, 0, 1, 0, 0, 0, 0, 0]);
  });

  it('say nothing about what has not begun', async () => {
    const startedAt = (noon + 130) * 1_000;
    const { client } = fakeClient(() => ({ data: [], has_more: false, next_page: null }), startedAt);
    expect(await read(client)).toMatchObject({ starts: minutes(3), error: undefined });
  });

  it('do not make large pages seem small: the limit grows with the time that was covered', async () => {
    const { client, asked } = fakeClient(() => ({ data: [], has_more: false, next_page: null }));
    await read(client, { width: '1h', to: noon + 100 * hour });
    expect(asked.map(({ limit }) => limit)).toEqual([4, 16, 64, 16]);
  });
});

describe('a bucket that goes on on the next page', () => {
  const row = (tokens: number, model: string) => ({
    input_tokens: tokens,
    output_tokens: 1,
    num_model_requests: 1,
    model,
  });
  const half = (rows: unknown[], more: string | null): SentPage => ({
    data: [bucket(noon, 3_600, rows)],
    has_more: more !== null,
    next_page: more,
  });
  const anHour = { width: '1h', to: noon + 3_600 } as const;
  const tokens = ({ pages: got }: Outcome) =>
    got.map(({ buckets }) => buckets.map(({ numbers }) => [...(numbers.get('input_tokens') ?? [])]));

  it('is one bucket with the rows of both', async () => {
    const { client } = fakeClient(({ cursor }) =>
      cursor === null ? half([row(1, 'a')], 'p2') : half([{ ...row(2, 'b'), input_cached_tokens: 1 }], null),
    );
    const outcome = await read(client, anHour);
    expect(outcome).toMatchObject({ starts: [noon], error: undefined });
    expect(tokens(outcome)).toEqual([[[1, 2]]]);
    expect(outcome.pages[0]?.buckets[0]).toMatchObject({ rows: 2, labels: [['a', 'b']] });
    expect([...(outcome.pages[0]?.buckets[0]?.numbers.get('input_cached_tokens') ?? [])]).toEqual([Number.NaN, 1]);
  });

  it('goes on over any number of pages, and others follow', async () => {
    const { client } = fakeClient(({ cursor, from }) => {
      const page = Number(cursor ?? 0);
      const last = page === 3;
      const rest = last ? [bucket(from + 60, 60, [row(9, 'z')])] : [];
      return {
        data: [bucket(from, 60, [row(page + 1, `m${page}`)]), ...rest],
        has_more: !last,
        next_page: last ? null : String(page + 1),
      };
    });
    const outcome = await read(client, { to: noon + 120 });
    expect(tokens(outcome).flat()).toEqual([[1, 2, 3, 4], [9]]);
    expect(outcome).toMatchObject({ starts: minutes(2), error: undefined });
  });

  it('does not count twice if the same page comes again, under whatever cursor', async () => {
    const { client, asked } = fakeClient((_, index) => half([row(1, 'a')], `p${index}`));
    const outcome = await read(client, anHour);
    expect(tokens(outcome)).toEqual([[[1]]]);
    expect(outcome.error).toBe(undefined);
    expect(asked).toHaveLength(2);
  });

  it('is not taken in half if the next page fails', async () => {
    const given = new ApiError({ reason: 'server', api: 'completions', path: '/x', status: 500, detail: 'no' });
    const { client } = fakeClient(({ cursor }) => {
      if (cursor === null) return half([row(1, 'a')], 'p2');
      throw given;
    });
    expect(await read(client, anHour)).toMatchObject({ starts: [], error: given });
  });
});

describe('an end that is still to come', () => {
  const refusing = (message: string) =>
    fakeClient((one) => {
      if (Number.isNaN(one.to)) return pages(60)({ ...one, to: one.from + 60 * one.limit });
      throw new ApiError({ reason: 'rejected', api: 'completions', path: '/x', status: 400, detail: message });
    });

  it('is left out once it was refused, and from then on', async () => {
    const { client, asked } = refusing('end_time must not be in the future');
    const sizes = createPageSizes();
    expect(await read(client, {}, sizes)).toMatchObject({ starts: minutes(10), error: undefined });
    expect(asked.map(({ to }) => to)).toEqual([noon + 600, Number.NaN]);
    expect(await read(client, {}, sizes)).toMatchObject({ starts: minutes(10), error: undefined });
    expect(asked).toHaveLength(3);
  });

  it('is not given up for another refusal', async () => {
    const { client, asked } = refusing('Invalid value for start_time');
    expect((await read(client)).error).toMatchObject({ status: 400 });
    expect(asked).toHaveLength(1);
  });
});

describe('the limit', () => {
  const hours = { width: '1h', from: noon, to: noon + 240 * 3_600 } as const;

  it.each<[Width, number]>([
    ['1m', 16],
    ['1h', 4],
    ['1d', 2],
  ])('of %s starts at %i and never passes the maximum', (width, first) => {
    const sizes = createPageSizes();
    expect(sizes.limit('completions', width, 1_440)).toBe(first);
    expect(sizes.limit('completions', width, 1)).toBe(1);
    for (let i = 0; i < 20; i++) sizes.observe('completions', width, sizes.limit('completions', width, 168), 100);
    expect(sizes.limit('completions', width, 168)).toBe(168);
    expect(sizes.limit('embeddings', width, 1_440)).toBe(first);
  });

  it('grows at most four times a step, on evidence', () => {
    const sizes = createPageSizes();
    const limit = () => sizes.limit('a', '1m', 1_440);
    sizes.observe('a', '1m', 2, 200);
    expect(limit()).toBe(16);
    sizes.observe('a', '1m', 16, 1_600);
    expect(limit()).toBe(64);
    sizes.observe('a', '1m', 0, 50);
    expect(limit()).toBe(64);
  });

  it('begins with what narrower buckets let expect, so that a small organization is read in few pages', () => {
    const sizes = createPageSizes();
    sizes.observe('small', '1m', 16, 16 * 400);
    expect(sizes.limit('small', '1h', 168)).toBe(168);
    sizes.observe('small', '1h', 4, 4 * 2_000);
    expect(sizes.limit('small', '1d', 31)).toBe(31);
    sizes.observe('large', '1m', 16, 16 * 200_000);
    expect(sizes.limit('large', '1h', 168)).toBe(1);
    sizes.observe('large', '1h', 1, 2_000_000);
    expect(sizes.limit('large', '1d', 31)).toBe(1);
  });

  it('begins with that of reads by more dimensions, and learns by itself from then on', () => {
    const polled = createPageSizes();
    const sizes = createPageSizes(polled);
    expect(sizes.limit('a', '1d', 31)).toBe(2);
    polled.observe('a', '1d', 29, 29 * 1_000);
    expect(sizes.limit('a', '1d', 31)).toBe(31);
    sizes.tooLarge('a', '1d', 31);
    expect(sizes.limit('a', '1d', 31)).toBe(7);
    expect(polled.limit('a', '1d', 31)).toBe(31);
  });

  it('shrinks at once, and remembers a busy hour for some pages', () => {
    const sizes = createPageSizes();
    const limit = () => sizes.limit('a', '1h', 168);
    sizes.observe('a', '1h', 8, 8e6);
    expect(limit()).toBe(3);
    sizes.observe('a', '1h', 3, 300);
    expect(limit()).toBe(3);
    sizes.observe('a', '1h', 1, 9e6);
    expect(limit()).toBe(1);
    for (let i = 0; i < 100; i++) sizes.observe('a', '1h', limit(), 100 * limit());
    expect(limit()).toBe(168);
  });

  it('keeps pages below 4 MB once it knows, though the day has busy hours', async () => {
    const lengths: number[] = [];
    const busy = (start: number) => ((start / 3_600) % 24 < 8 ? 100_000 : 130_000);
    const answer = pages(3_600, Number.POSITIVE_INFINITY, busy);
    const { client, asked } = fakeClient((one) => {
      const page = answer(one);
      lengths.push(JSON.stringify(page).length);
      return page;
    });
    const { starts } = await read(client, hours);
    expect(starts).toHaveLength(240);
    expect(Math.max(...lengths)).toBeLessThan(4e6);
    expect(asked.length).toBeLessThan(16);
  });

  it('goes down and tries again when a page is too large to take', async () => {
    const tooLarge = new ApiError({ reason: 'too_large', api: 'images', path: '/a', detail: 'long' });
    const { client, asked } = fakeClient((one) => {
      if (one.limit > 1) throw tooLarge;
      return pages(3_600)(one);
    });
    const one = await read(client, { ...hours, to: noon + 3_600 * 3 }, growing(createPageSizes()));
    expect(one).toMatchObject({ error: undefined });
    expect(one.starts).toHaveLength(3);
    expect(asked.map(({ limit }) => limit)).toEqual([3, 1, 1, 1]);
    const never = fakeClient(() => {
      throw tooLarge;
    });
    expect((await read(never.client, hours)).error).toBe(tooLarge);
    expect(never.asked.map(({ limit }) => limit)).toEqual([4, 1]);
  });

  /** Sizes that do not grow back. */
  function growing(sizes: PageSizes): PageSizes {
    return { ...sizes, observe: () => {} };
  }
});

it('reads over a socket what a server says', async () => {
  const server = await startHttpServer(({ query }, response) => {
    const asked = {
      from: Number(query.get('start_time')),
      to: Number(query.get('end_time')),
      limit: Number(query.get('limit')),
      cursor: query.get('page'),
      query: [],
    };
    reply(response, 200, pages(60, 4)(asked));
  });
  const dispatcher = new Pool(server.url.origin);
  const client = createClient({
    baseUrl: server.url,
    key: fixedKey('sk-admin-1'),
    dispatcher,
    budget: createBudget({ clock: systemClock, maxPerMinute: 100 }),
    clock: systemClock,
    random: () => 0,
    timeoutMs: 5_000,
    userAgent: 'test',
    observer: { attempt: () => {}, retry: () => {} },
  });
  const { starts, error } = await read(client, { deadline: systemClock.monotonic() + 10_000 });
  await dispatcher.destroy();
  await server.close();
  expect(error).toBeUndefined();
  expect(starts).toEqual(minutes(10));
  expect(server.requests[1]?.query.getAll('group_by[]')).toEqual(['model']);
});

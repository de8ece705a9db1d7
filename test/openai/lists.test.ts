import { describe, expect, test } from 'vitest';
import type { Client, GetRequest } from '../../src/openai/client.ts';
import { ApiError } from '../../src/openai/errors.ts';
import { createListRead, type List, lists } from '../../src/openai/lists.ts';
import { readList } from '../helpers/read-list.ts';

const clock = { monotonic: () => 1_000 };

/** A client that gives these bodies one after the other, the last again and again; errors are thrown. */
function answering(...answers: readonly unknown[]) {
  const asked: GetRequest[] = [];
  const client: Client = {
    async get(request, decode) {
      const answer = answers[Math.min(asked.length, answers.length - 1)];
      asked.push(request);
      if (answer instanceof Error) throw answer;
      const body = Buffer.from(typeof answer === 'string' ? answer : JSON.stringify(answer));
      const broken = (cause: unknown) =>
        new ApiError({ reason: 'malformed', api: request.api, path: request.path, detail: String(cause) });
      try {
        return { value: await decode(body), bytes: body.length, startedAt: 0, endedAt: 0 };
      } catch (error) {
        throw broken(error);
      }
    },
  };
  return { client, asked };
}

const page = (ids: readonly string[], more: object = {}) => ({
  object: 'list',
  data: ids.map((id) => ({ id, name: `name of ${id}` })),
  has_more: false,
  last_id: ids.at(-1) ?? null,
  ...more,
});

const read = <T>(client: Client, list: List<T>, projectId: string | null = null) =>
  readList(client, clock, list, projectId);

describe('pages', () => {
  test('follow one another by the last id', async () => {
    const { client, asked } = answering(page(['a', 'b'], { has_more: true }), page(['c']));
    const { items, failure } = await read(client, lists.users);
    expect(items.map(({ id }) => id)).toEqual(['a', 'b', 'c']);
    expect(failure).toBeUndefined();
    expect(asked.map(({ query }) => query)).toEqual([
      [['limit', '100']],
      [
        ['limit', '100'],
        ['after', 'b'],
      ],
    ]);
    expect(asked[0]).toMatchObject({ api: 'users', path: '/organization/users', priority: 'names' });
  });

  test('of projects have the archived ones, too', async () => {
    const { client, asked } = answering(page([]));
    await read(client, lists.projects);
    expect(asked[0]?.query).toEqual([
      ['include_archived', 'true'],
      ['limit', '100'],
    ]);
  });

  test('of a project have its id in the path, whatever it is', async () => {
    const { client, asked } = answering(page([]));
    await read(client, lists.apiKeys, 'a/b?c');
    expect(asked[0]?.path).toBe('/organization/projects/a%2Fb%3Fc/api_keys');
  });

  test.each([
    [
      'a cursor comes twice',
      [page(['a', 'b'], { has_more: true })],
      'a cursor was handed out twice',
      ['a', 'b', 'a', 'b'],
    ],
    ['there is no cursor', [page(['a'], { has_more: true, last_id: null })], 'has_more without last_id', ['a']],
    ['the cursor is empty', [page(['a'], { has_more: true, last_id: '' })], 'has_more without last_id', ['a']],
    ['the cursor is no text', [page(['a'], { has_more: true, last_id: 7 })], 'has_more without last_id', ['a']],
    [
      'a page is empty',
      [page(['a'], { has_more: true }), page([], { has_more: true, last_id: 'z' })],
      'an empty page says has_more',
      ['a'],
    ],
  ])('end when %s, and what was read stands', async (_, answers, detail, ids) => {
    const { items, failure } = await read(answering(...answers).client, lists.users);
    expect(failure).toMatchObject({ reason: 'malformed', detail });
    expect(items.map(({ id }) => id)).toEqual(ids);
  });

  test.each([undefined, null, 'true', 1])('has_more %j says that there is no more', async (more) => {
    const { client, asked } = answering(page(['a'], { has_more: more }));
    expect(await read(client, lists.users)).toMatchObject({ failure: undefined });
    expect(asked).toHaveLength(1);
  });

  test('without end are given up', async () => {
    let next = 0;
    const client: Client = {
      async get(_, decode) {
        next++;
        const body = Buffer.from(JSON.stringify(page([`id${next}`], { has_more: true })));
        return { value: await decode(body), bytes: body.length, startedAt: 0, endedAt: 0 };
      },
    };
    const { items, failure } = await read(client, lists.users);
    expect(failure).toMatchObject({ reason: 'too_large' });
    expect(items).toHaveLength(1_000);
  });

  test('that fail later leave what was read', async () => {
    const error = new ApiError({
      reason: 'server',
      api: 'users',
      path: '/organization/users',
      detail: 'x',
      status: 500,
    });
    const { items, failure } = await read(answering(page(['a'], { has_more: true }), error).client, lists.users);
    expect(items).toHaveLength(1);
    expect(failure).toBe(error);
  });

  test('that fail are asked for again, and those before them are not', async () => {
    const error = new ApiError({ reason: 'server', api: 'users', path: '/organization/users', detail: 'x' });
    const { client, asked } = answering(page(['a', 'b'], { has_more: true }), error, page(['c']));
    const reading = createListRead(client, clock, lists.users, null);
    expect(reading.underWay).toBe(false);
    expect((await reading.next()).last).toBe(false);
    await expect(reading.next()).rejects.toBe(error);
    expect(reading.underWay).toBe(true);
    expect(await reading.next()).toMatchObject({ items: [{ id: 'c' }], last: true });
    expect(reading.underWay).toBe(false);
    expect(asked.map(({ query }) => query.find(([name]) => name === 'after')?.[1])).toEqual([undefined, 'b', 'b']);
  });

  test('whose cursor is refused begin anew', async () => {
    const details = { reason: 'rejected', api: 'users', path: '/organization/users' } as const;
    const error = new ApiError({ ...details, detail: "Invalid 'after'", status: 400 });
    const { client, asked } = answering(page(['a', 'b'], { has_more: true }), error, page(['a', 'c']));
    const reading = createListRead(client, clock, lists.users, null);
    await reading.next();
    await expect(reading.next()).rejects.toBe(error);
    expect(reading.underWay).toBe(false);
    expect(await reading.next()).toMatchObject({ items: [{ id: 'a' }, { id: 'c' }], last: true });
    expect(asked[2]?.query).toEqual([['limit', '100']]);
  });

  test.each([
    ['<html>', /JSON/],
    ['null', 'the page is not an object'],
    ['[]', 'the page is not an object'],
    ['"x"', 'the page is not an object'],
    ['{}', 'data is not an array'],
    ['{"data":null}', 'data is not an array'],
    ['{"data":{}}', 'data is not an array'],
    [`{"data":[${'0,'.repeat(10_000)}0]}`, 'more than 10000 items in one page'],
  ])('%.20s is no page', async (body, detail) => {
    const { items, malformed, failure } = await read(answering(body).client, lists.users);
    expect(failure?.reason).toBe('malformed');
    expect(failure?.detail).toMatch(detail);
    expect({ items, malformed }).toEqual({ items: [], malformed: 0 });
  });

  test('what is not of the API is thrown on', async () => {
    await expect(read(answering(new Error('stopped')).client, lists.users)).rejects.toThrow('stopped');
  });
});

const cases: readonly [string, List<unknown>, unknown, unknown][] = [
  [
    'a project',
    lists.projects,
    { id: 'p', name: 'P', status: 'archived', x: [] },
    { id: 'p', name: 'P', status: 'archived', residency: null },
  ],
  [
    'a project with a residency',
    lists.projects,
    { id: 'p', name: 'P', status: 'active', residency: 'eu' },
    { id: 'p', name: 'P', status: 'active', residency: 'eu' },
  ],
  [
    'a project without a name',
    lists.projects,
    { id: 'p', name: null },
    { id: 'p', name: null, status: null, residency: null },
  ],
  ['an id that is none', lists.projects, { id: '', name: 'P' }, undefined],
  ['an id with a space', lists.projects, { id: 'a b' }, undefined],
  ['an id that leads elsewhere', lists.projects, { id: '..' }, undefined],
  ['an id of 257 characters', lists.projects, { id: 'i'.repeat(257) }, undefined],
  ['a name that is a number', lists.users, { id: 'u', name: 7 }, undefined],
  ['null', lists.users, null, undefined],
  ['an array', lists.users, [], undefined],
  [
    'a key of a user',
    lists.apiKeys,
    { id: 'k', name: 'K', owner: { type: 'user', user: { id: 'u', name: null } } },
    { id: 'k', name: 'K', expiresAt: null, ownerType: 'user', ownerId: 'u' },
  ],
  [
    'a key of a service account',
    lists.apiKeys,
    { id: 'k', name: null, owner: { type: 'service_account', service_account: { id: 's' }, user: null } },
    { id: 'k', name: null, expiresAt: null, ownerType: 'service_account', ownerId: 's' },
  ],
  [
    'a key whose owner has no id',
    lists.apiKeys,
    { id: 'k', name: 'K', owner: { type: 'user', user: { name: 'Ada' } } },
    { id: 'k', name: 'K', expiresAt: null, ownerType: 'user', ownerId: null },
  ],
  [
    'a key that expires',
    lists.apiKeys,
    { id: 'k', name: 'K', expires_at: 1_800_000_000 },
    { id: 'k', name: 'K', expiresAt: 1_800_000_000, ownerType: null, ownerId: null },
  ],
  [
    'a key for ever',
    lists.apiKeys,
    { id: 'k', name: 'K', expires_at: null },
    { id: 'k', name: 'K', expiresAt: null, ownerType: null, ownerId: null },
  ],
  [
    'a key without an owner',
    lists.apiKeys,
    { id: 'k', owner: null },
    { id: 'k', name: null, expiresAt: null, ownerType: null, ownerId: null },
  ],
  [
    'rate limits',
    lists.rateLimits,
    {
      id: 'rl',
      model: 'm',
      max_requests_per_1_minute: 0,
      max_tokens_per_1_minute: 2_147_483_647,
      max_images_per_1_minute: null,
      max_videos_per_1_day: 7,
      created_at: 5,
      Odd: 1,
    },
    {
      model: 'm',
      limits: expect.toSatisfy(
        (limits: [string, number][]) =>
          JSON.stringify([...limits].sort()) ===
          JSON.stringify([
            ['max_requests_per_1_minute', 0],
            ['max_tokens_per_1_minute', 2_147_483_647],
            ['max_videos_per_1_day', 7],
          ]),
      ),
    },
  ],
  ['a rate limit in words', lists.rateLimits, { model: 'm', max_requests_per_1_minute: 'many' }, undefined],
  ['a rate limit below 0', lists.rateLimits, { model: 'm', max_requests_per_1_minute: -1 }, undefined],
  ['a rate limit of no model', lists.rateLimits, { max_requests_per_1_minute: 1 }, undefined],
  [
    'an alert',
    lists.spendAlerts,
    { id: 'a', threshold_amount: 12_345, currency: 'USD', notification_channel: {} },
    { id: 'a', cents: '12345', currency: 'usd' },
  ],
  ...['NaN', '1e999', '', 'x', null, undefined, -5, '-5', {}].map((amount): (typeof cases)[number] => [
    `an alert at ${JSON.stringify(amount)}`,
    lists.spendAlerts,
    { id: 'a', threshold_amount: amount, currency: 'USD' },
    undefined,
  ]),
  ['an alert in no currency', lists.spendAlerts, { id: 'a', threshold_amount: 1, currency: '' }, undefined],
  [
    'an admin key',
    lists.adminKeys,
    { id: 'k', name: 'K', expires_at: 1_800_000_000 },
    { id: 'k', name: 'K', expiresAt: 1_800_000_000 },
  ],
  [
    'an admin key for ever',
    lists.adminKeys,
    { id: 'k', name: null, expires_at: null },
    { id: 'k', name: null, expiresAt: null },
  ],
];

test.each(cases)('%s', async (_, list, item, expected) => {
  const good = { id: 'good', model: 'good', name: 'good', threshold_amount: 1, currency: 'usd' };
  const { items, malformed, failure } = await read(answering({ data: [good, item, good] }).client, list);
  expect(failure).toBeUndefined();
  // The items beside it stand, whatever it is.
  expect(malformed).toBe(expected === undefined ? 1 : 0);
  expect(items).toHaveLength(expected === undefined ? 2 : 3);
  if (expected !== undefined) expect(items[1]).toEqual(expected);
});

const key = { id: 'k', name: 'K', expiresAt: null, ownerType: null, ownerId: null };
const lackingCases: readonly [string, List<unknown>, unknown, unknown][] = [
  [
    'a project with a residency that is none',
    lists.projects,
    { id: 'k', name: 'K', status: 'active', residency: { region: 'eu' } },
    { id: 'k', name: 'K', status: 'active', residency: null },
  ],
  ['a key whose expiry is no instant', lists.apiKeys, { id: 'k', name: 'K', expires_at: 'soon' }, key],
  [
    'a key whose owner has an odd type',
    lists.apiKeys,
    { id: 'k', name: 'K', owner: { type: 5, user: { id: 'u' } } },
    { ...key, ownerId: 'u' },
  ],
  ['a key whose owner is none', lists.apiKeys, { id: 'k', name: 'K', owner: 'Ada' }, key],
  [
    'a key whose owner has an odd id',
    lists.apiKeys,
    { id: 'k', name: 'K', owner: { type: 'user', user: { id: 5 } } },
    { ...key, ownerType: 'user' },
  ],
];

test.each(lackingCases)('%s is taken without it, and counted', async (_, list, item, expected) => {
  const { items, malformed, failure } = await read(answering({ data: [item] }).client, list);
  expect(failure).toBeUndefined();
  expect(items).toEqual([expected]);
  expect(malformed).toBe(1);
});

describe('a spend limit', () => {
  const limit = {
    threshold_amount: 1_500_050,
    currency: 'USD',
    interval: 'month',
    enforcement: { status: 'inactive' },
  };

  test('is one object', async () => {
    const { client, asked } = answering(limit);
    expect((await read(client, lists.spendLimits, 'p')).items).toEqual([
      { cents: '1500050', currency: 'usd', enforcement: 'inactive' },
    ]);
    expect(asked[0]).toMatchObject({ path: '/organization/projects/p/spend_limit', query: [] });
  });

  test('that is not set is none, and no failure', async () => {
    const error = new ApiError({ reason: 'rejected', api: 'spend_limits', path: '/x', detail: 'none', status: 404 });
    expect(await read(answering(error).client, lists.spendLimits)).toEqual({
      items: [],
      malformed: 0,
      failure: undefined,
    });
  });

  test('elsewhere 404 is a failure', async () => {
    const error = new ApiError({ reason: 'rejected', api: 'users', path: '/x', detail: 'none', status: 404 });
    expect((await read(answering(error).client, lists.users)).failure).toBe(error);
  });

  test.each(['[]', 'null', '7'])('%s is none', async (body) => {
    expect((await read(answering(body).client, lists.spendLimits)).failure?.reason).toBe('malformed');
  });

  test('with an amount that is none is refused', async () => {
    const { client } = answering({ ...limit, threshold_amount: 'NaN' });
    expect(await read(client, lists.spendLimits)).toMatchObject({ items: [], malformed: 1 });
  });
});

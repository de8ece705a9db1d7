import { Agent, type Dispatcher, request } from 'undici';
import { afterEach, describe, expect, test } from 'vitest';
import { type Clock, scaledClock, systemClock } from '../../src/clock.ts';
import { simulatedKey } from '../../src/simulation/api.ts';
import { createOrganization } from '../../src/simulation/organization.ts';
import { startServer } from '../../src/simulation/simulated-server.ts';
import type { Fault, FaultRule } from '../helpers/faults.ts';
import { startFaultyServer } from '../helpers/faulty-server.ts';
import { SimulatedDispatcher } from '../helpers/simulated-dispatcher.ts';
import { createVirtualClock } from '../helpers/virtual-clock.ts';
import { createdAt, day, now, today } from './ask.ts';

const organization = createOrganization({ seed: 1, createdAt });
const closers: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

interface Wire {
  get(
    path: string,
    options?: Partial<Dispatcher.RequestOptions>,
  ): Promise<{ status: number; headers: object; text: string }>;
  readonly requests: readonly { readonly path: string; readonly receivedAt: number; readonly headers: object }[];
  readonly counts: ReadonlyMap<string, number>;
}

function getter(origin: string, dispatcher: Dispatcher): Wire['get'] {
  return async (path, options = {}) => {
    const { statusCode, headers, body } = await request(`${origin}/v1/organization/${path}`, {
      dispatcher,
      headers: { authorization: `Bearer ${simulatedKey}` },
      ...options,
    });
    return { status: statusCode, headers, text: await body.text() };
  };
}

/** Both transports, with the same faults: whatever is said below holds for either. */
const transports: readonly (readonly [string, (faults: readonly FaultRule[]) => Promise<Wire>])[] = [
  [
    'server',
    async (faults) => {
      const clock: Clock = scaledClock(systemClock, 1_000, now);
      const server = await startFaultyServer({ organization, clock, faults });
      const agent = new Agent();
      closers.push(
        () => server.close(),
        () => agent.destroy(),
      );
      return { get: getter(server.url.replace('/v1', ''), agent), requests: server.requests, counts: server.counts };
    },
  ],
  [
    'dispatcher',
    async (faults) => {
      const clock: Clock = scaledClock(systemClock, 1_000, now);
      const dispatcher = new SimulatedDispatcher({ organization, clock, faults });
      return { get: getter('http://simulated', dispatcher), requests: dispatcher.requests, counts: dispatcher.counts };
    },
  ],
];

const usage = `usage/completions?start_time=${today - 20 * day}&end_time=${today}&limit=5`;

describe.each(transports)('the simulated organization behind a %s', (_, start) => {
  const faulty = async (fault: Fault, path = usage) => (await start([{ fault }])).get(path);

  test('answers, and logs what it was asked but never the key', async () => {
    const wire = await start([]);
    const { status, headers, text } = await wire.get(usage);
    expect(status).toBe(200);
    expect(headers).toMatchObject({ 'content-type': 'application/json' });
    expect(headers).toHaveProperty('x-request-id');
    expect(JSON.parse(text).data).toHaveLength(5);
    expect((await wire.get('projects')).status).toBe(200);
    expect((await wire.get('nowhere')).status).toBe(404);
    expect(wire.requests.map((each) => each.path)).toEqual([
      '/organization/usage/completions',
      '/organization/projects',
      '/organization/nowhere',
    ]);
    expect(wire.requests[0]?.receivedAt).toBeGreaterThanOrEqual(now);
    expect(JSON.stringify(wire.requests)).not.toContain(simulatedKey);
    expect([...wire.counts]).toEqual([
      ['completions', 1],
      ['projects', 1],
      ['', 1],
    ]);
  });

  test('refuses with any status, headers and body', async () => {
    const limited = await faulty({ kind: 'status', status: 429, headers: { 'retry-after': '20' } });
    expect(limited).toMatchObject({ status: 429, headers: { 'retry-after': '20' } });
    expect(JSON.parse(limited.text).error.message).toBe('Rate limit reached');
    const gateway = await faulty({
      kind: 'status',
      status: 503,
      headers: { 'content-type': 'text/html' },
      body: '<html>',
    });
    expect(gateway).toMatchObject({ status: 503, text: '<html>', headers: { 'content-type': 'text/html' } });
    expect(JSON.parse((await faulty({ kind: 'status', status: 403 })).text).error.message).toContain('Missing scopes');
    expect((await faulty({ kind: 'status', status: 500, body: { odd: 1 } })).text).toBe('{"odd":1}');
  });

  test('breaks connections: before the answer, and in its middle', async () => {
    await expect(faulty({ kind: 'reset' })).rejects.toMatchObject({ code: 'ECONNRESET' });
    await expect(faulty({ kind: 'cut', share: 0.5 })).rejects.toMatchObject({ code: 'UND_ERR_SOCKET' });
  });

  test('hangs until the client gives up', async () => {
    const wire = await start([{ fault: { kind: 'hang' } }]);
    const reason = new Error('enough');
    const controller = new AbortController();
    const answer = wire.get(usage, { signal: controller.signal });
    setImmediate(() => controller.abort(reason));
    await expect(answer).rejects.toBe(reason);
  });

  test('delays and drips without losing a byte', async () => {
    const { text } = await (await start([])).get(usage);
    expect((await faulty({ kind: 'delay', ms: 2_000 })).text).toBe(text);
    expect((await faulty({ kind: 'drip', bytes: 1_000, everyMs: 100 })).text).toBe(text);
  });

  test.each<[Fault, (page: { data: unknown; has_more: unknown; next_page: unknown }) => void]>([
    [{ kind: 'null-data' }, (page) => expect(page.data).toBeNull()],
    [
      { kind: 'wrong-types', where: 'rows' },
      (page) => expect(page).toHaveProperty('data[0].results[0].input_tokens', 'many'),
    ],
    [
      { kind: 'wrong-types', where: 'times' },
      (page) => expect(page).toHaveProperty('data[0].start_time', String(today - 20 * day)),
    ],
    [{ kind: 'wrong-types', where: 'results' }, (page) => expect(page).toHaveProperty('data[0].results.object')],
    [{ kind: 'more-without-cursor' }, (page) => expect(page).toMatchObject({ has_more: true, next_page: null })],
    [{ kind: 'json', body: '[1,2]' }, (page) => expect(page).toEqual([1, 2])],
  ])('spoils pages: %o', async (fault, check) => {
    const { status, text } = await faulty(fault);
    expect(status).toBe(200);
    check(JSON.parse(text));
  });

  test('answers with a web page, and with very much white space', async () => {
    expect((await faulty({ kind: 'html' })).text).toMatch(/^<!doctype html>/);
    const { text } = await faulty({ kind: 'huge', bytes: 3_000_000 });
    expect(text.length).toBe(3_000_000);
    expect(JSON.parse(text).data).toHaveLength(5);
  });

  test('hands out cursors without end: new ones, the same one, and one past the end', async () => {
    const follow = async (fault: Fault, path: string) => {
      const wire = await start([{ fault }]);
      const first = JSON.parse((await wire.get(path)).text);
      const second = JSON.parse((await wire.get(`${path}&page=${first.next_page}`)).text);
      expect([first.has_more, second.has_more]).toEqual([true, true]);
      return [first, second];
    };
    const [a, b] = await follow({ kind: 'endless-cursor' }, usage);
    expect(b.data).toEqual(a.data);
    expect(b.next_page).not.toBe(a.next_page);
    const [c, d] = await follow({ kind: 'repeated-cursor' }, usage);
    expect(d.next_page).toBe(c.next_page);
    const [, past] = await follow({ kind: 'past-the-end' }, `costs?start_time=${today - 3 * day}&end_time=${today}`);
    expect(past.data).toEqual([]);
  });

  test('does so when it should: by api, time, page, count', async () => {
    const teapot = { kind: 'status', status: 418 } as const;
    const tried = async (rule: FaultRule, paths: readonly string[]) => {
      const wire = await start([rule]);
      const got: number[] = [];
      for (const path of paths) got.push((await wire.get(path)).status);
      return got;
    };
    const four = [usage, usage, usage, usage];
    expect(await tried({ when: { nth: 2 }, fault: teapot }, four)).toEqual([200, 418, 200, 200]);
    expect(await tried({ when: { every: 2 }, fault: teapot }, four)).toEqual([200, 418, 200, 418]);
    expect(await tried({ when: { first: 3 }, fault: teapot }, four)).toEqual([418, 418, 418, 200]);
    expect(await tried({ when: { chance: 0 }, fault: teapot }, four)).toEqual([200, 200, 200, 200]);
    expect(await tried({ when: { chance: 1 }, fault: teapot }, four)).toEqual([418, 418, 418, 418]);
    expect(await tried({ when: { api: ['images', 'projects'] }, fault: teapot }, [usage, 'projects'])).toEqual([
      200, 418,
    ]);
    expect(await tried({ when: { width: '1h' }, fault: teapot }, [usage, `${usage}&bucket_width=1h`])).toEqual([
      200, 418,
    ]);
    expect(await tried({ when: { paged: false }, fault: teapot }, [usage, `${usage}&page=page_x`])).toEqual([418, 400]);
    expect(await tried({ when: { to: now }, fault: teapot }, [usage])).toEqual([200]);
    expect(await tried({ when: { from: now, to: now + day * 1_000 }, fault: teapot }, [usage])).toEqual([418]);
  });
});

describe('the server', () => {
  test('compresses when asked to', async () => {
    const server = await startServer({ organization, clock: scaledClock(systemClock, 1, now) });
    closers.push(() => server.close());
    const { headers } = await request(`${server.url}/organization/${usage}`, {
      headers: { authorization: `Bearer ${simulatedKey}`, 'accept-encoding': 'gzip, br' },
    }).then(async ({ headers: got, body }) => {
      expect((await body.bytes()).subarray(0, 2)).toEqual(new Uint8Array([0x1f, 0x8b]));
      return { headers: got };
    });
    expect(headers['content-encoding']).toBe('gzip');
  });

  test('says so when its port is taken, and closes with requests hanging', async () => {
    const clock = scaledClock(systemClock, 1, now);
    const server = await startFaultyServer({ organization, clock, faults: [{ fault: { kind: 'hang' } }] });
    await expect(startServer({ organization, clock, port: server.port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
    const hanging = request(`${server.url}/organization/projects`).catch((error: unknown) => error);
    await expect.poll(() => server.requests.length).toBe(1);
    await server.close();
    expect(await hanging).toBeInstanceOf(Error);
  });
});

describe('the dispatcher', () => {
  const authorized = {
    headers: ['Authorization', `Bearer ${simulatedKey}`],
    method: 'GET',
    origin: 'http://simulated',
  } as const;

  test('keeps time by its clock alone: latency, timeouts of headers and bodies', async () => {
    const clock = createVirtualClock({ start: now });
    const faults: FaultRule[] = [];
    const dispatcher = new SimulatedDispatcher({ organization, clock, faults, latency: 250 });
    const ask = async (more: Partial<Dispatcher.RequestOptions> = {}) => {
      const options = { ...authorized, headers: [...authorized.headers], path: `/v1/organization/${usage}`, ...more };
      const { body } = await dispatcher.request(options);
      await body.text();
      return clock.now() - now;
    };
    expect(await clock.settle(ask())).toBe(250);
    faults.push({ fault: { kind: 'hang' } });
    const hanging = clock.settle(ask({ headersTimeout: 5_000 }));
    await expect(hanging).rejects.toMatchObject({ code: 'UND_ERR_HEADERS_TIMEOUT' });
    expect(clock.now() - now).toBe(5_250);
    faults[0] = { fault: { kind: 'drip', bytes: 10, everyMs: 60_000 } };
    const dripping = clock.settle(ask({ bodyTimeout: 30_000 }));
    await expect(dripping).rejects.toMatchObject({ code: 'UND_ERR_BODY_TIMEOUT' });
    expect(dispatcher.inFlight).toBe(0);
    expect(clock.sleepers).toBe(0);
  });

  test('counts what is in flight, and stops it when destroyed', async () => {
    const clock = createVirtualClock({ start: now });
    const dispatcher = new SimulatedDispatcher({ organization, clock, faults: [{ fault: { kind: 'hang' } }] });
    const options = { ...authorized, headers: [...authorized.headers], path: '/organization/projects' };
    const hanging = dispatcher.request(options).catch((error: unknown) => error);
    await clock.drain();
    expect(dispatcher.inFlight).toBe(1);
    await dispatcher.destroy();
    expect(await hanging).toMatchObject({ code: 'UND_ERR_DESTROYED' });
    expect(dispatcher.inFlight).toBe(0);
    await expect(dispatcher.request(options)).rejects.toMatchObject({ code: 'UND_ERR_CLOSED' });
  });

  test('takes a query object, and a signal that is already aborted', async () => {
    const clock = createVirtualClock({ start: now });
    const dispatcher = new SimulatedDispatcher({ organization, clock });
    const path = '/v1/organization/usage/images';
    const query = { start_time: today, 'group_by[]': ['model', 'size'] };
    const headers = { Authorization: `Bearer ${simulatedKey}` };
    const { statusCode, body } = await dispatcher.request({
      origin: 'http://simulated',
      method: 'GET',
      path,
      query,
      headers,
    });
    expect([statusCode, typeof (await body.json())]).toEqual([200, 'object']);
    expect(dispatcher.requests[0]?.query.getAll('group_by[]')).toEqual(['model', 'size']);
    const signal = AbortSignal.abort(new Error('too late'));
    const refused = dispatcher.request({ origin: 'http://simulated', method: 'GET', path, query, headers, signal });
    await expect(refused).rejects.toThrow('too late');
    expect(dispatcher.requests).toHaveLength(1);
  });
});

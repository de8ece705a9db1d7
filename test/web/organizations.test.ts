/** The routes of several organizations: their pages, the list of all, discovery, the reload; and who may ask. */
import { afterEach, describe, expect, test } from 'vitest';
import { compressPiece } from '../../src/metrics/gzip.ts';
import { ownText } from '../../src/metrics/own-text.ts';
import { emptyPage, type Page } from '../../src/metrics/page.ts';
import type { OrganizationLine, OrganizationsStatus, Status } from '../../src/status.ts';
import { StatusUnavailable } from '../../src/status.ts';
import type { Site, Sites } from '../../src/web/app.ts';
import { organizationsPage } from '../../src/web/organizations-page.ts';
import type { WebOptions, WebServer } from '../../src/web/server.ts';
import { statusPage } from '../../src/web/status-page.ts';
import { startWebServer } from '../helpers/web-server.ts';

const running: WebServer[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.stop(0)));
});

function line(name: string, more: Partial<OrganizationLine> = {}): OrganizationLine {
  return { name, path: `/organizations/${name}/`, up: true, summary: null, ...more };
}

function listOf(...organizations: readonly OrganizationLine[]): OrganizationsStatus {
  return {
    version: '1.2.3',
    revision: 'abc',
    startedAt: '2026-01-01T00:00:00.000Z',
    now: '2026-01-01T01:00:00.000Z',
    simulated: false,
    reloadTrouble: null,
    organizations,
  };
}

function pageOf(text: string): Page {
  const plain = Buffer.from(text);
  const { bytes, crc } = compressPiece(plain);
  const page: Page = {
    ...{ plain: [plain], gzip: [bytes], plainBytes: plain.length, gzipBytes: bytes.length, crc },
    only: () => page,
  };
  return page;
}

function siteOf(name: string): Site {
  return {
    page: { current: () => pageOf(`usage_of_${name} 1\n`) },
    own: async () => [ownText(`own_of_${name} 1\n`)],
    status() {
      throw new StatusUnavailable(`the thread of ${name} is busy`);
    },
  };
}

async function start(names: readonly string[], sites: Partial<Sites> = {}, more: Partial<WebOptions> = {}) {
  const known = new Map(names.map((name) => [name, siteOf(name)]));
  const { server, port } = await startWebServer({
    page: { current: () => emptyPage },
    own: async () => [ownText('own 1\n')],
    status: () => listOf(...names.map((name) => line(name))),
    sites: {
      names: () => known.keys(),
      site: (name) => known.get(name),
      externalUrl: undefined,
      secure: false,
      ...sites,
    },
    ...more,
  });
  running.push(server);
  const ask = async (path: string, init: RequestInit = {}) => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { redirect: 'manual', ...init });
    return { status: answer.status, headers: answer.headers, text: await answer.text() };
  };
  return { port, known, ask };
}

describe('each organization', () => {
  test('has its page of metrics, and nothing of the others', async () => {
    const { ask } = await start(['a', 'b']);
    expect((await ask('/organizations/a/metrics')).text).toBe('usage_of_a 1\nown_of_a 1\n');
    expect((await ask('/organizations/b/metrics')).text).toBe('usage_of_b 1\nown_of_b 1\n');
    expect((await ask('/metrics')).text).toBe('own 1\n');
  });

  test('has a status of its own, and none where its thread does not answer', async () => {
    const { ask } = await start(['a']);
    for (const path of ['/organizations/a/', '/organizations/a/api/status']) {
      const { status, text } = await ask(path);
      expect([status, text]).toEqual([503, expect.stringContaining('the thread of a is busy')]);
    }
    expect((await ask('/')).status).toBe(200);
  });

  test('is led to the page from the path without a slash', async () => {
    const { ask } = await start(['a']);
    const { status, headers } = await ask('/organizations/a');
    expect([status, headers.get('location')]).toEqual([308, './a/']);
  });

  test('names itself on its status page, whose links lead to the others', () => {
    const status = {
      ...{
        version: '1',
        revision: 'a',
        simulated: false,
        startedAt: '2026-01-01T00:00:00Z',
        now: '2026-01-01T01:00:00Z',
      },
      ...{ apis: [], lists: [], tooSlow: null, stateFileTrouble: null },
      counters: { anchor: null, state: 'unavailable', message: null },
      usage: { apis: [], hours: [], models: null, projects: null },
      spend: { month: '2026-01', polled: false, filtered: false, missing: [], currencies: [], unpriced: [] },
      limits: { nearest: [], compared: 0, unknown: [] },
    } satisfies Status;
    const text = statusPage(status, { telemetryPath: '/metrics', root: '../..', name: 'europe' });
    expect(text).toContain('<h1>openai-usage-exporter: europe</h1>');
    expect(text).toContain('<title>europe · openai-usage-exporter</title>');
    expect(text).toContain('href="../../">All organizations</a>');
    expect(text).toContain('href="../../status.css"');
  });

  test('that is removed while it is scraped is read to the end', async () => {
    const { ask, known } = await start(['a']);
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let asked = false;
    known.set('a', {
      ...siteOf('a'),
      async own() {
        asked = true;
        await held;
        return [ownText('own_of_a 1\n')];
      },
    });
    const scrape = ask('/organizations/a/metrics');
    while (!asked) await new Promise(setImmediate);
    known.delete('a');
    expect((await ask('/organizations/a/metrics')).status).toBe(404);
    release();
    expect(await scrape).toMatchObject({ status: 200, text: 'usage_of_a 1\nown_of_a 1\n' });
  });

  test('that does not exist, any more, is not found', async () => {
    const { ask, known } = await start(['a']);
    known.delete('a');
    for (const path of [
      '/organizations/a/metrics',
      '/organizations/A/',
      '/organizations/%61',
      '/organizations/',
      '/organizations/..%2f',
    ]) {
      expect((await ask(path)).status).toBe(404);
    }
  });

  test('answers GET and HEAD alone', async () => {
    const { ask } = await start(['a']);
    expect((await ask('/organizations/a/metrics', { method: 'POST' })).status).toBe(405);
    expect((await ask('/organizations/a/metrics', { method: 'HEAD' })).status).toBe(200);
  });

  test('has scrapes of its own: those of another do not take its places', async () => {
    const { ask, known } = await start(['a', 'b'], {}, { maxRequests: 1 });
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    known.set('a', { ...siteOf('a'), own: () => held.then(() => []) });
    const slow = ask('/organizations/a/metrics');
    while ((await ask('/organizations/a/metrics')).status !== 503) await new Promise(setImmediate);
    expect((await ask('/organizations/b/metrics')).status).toBe(200);
    release();
    expect((await slow).status).toBe(200);
  });
});

test('live usage is taken for each organization that takes it, by its own token', async () => {
  const reports: string[] = [];
  const live: NonNullable<Site['live']> = {
    isAllowed: (authorization) => (authorization === 'Bearer right' ? 'allowed' : 'unauthorized'),
    report: async ({ body }) => {
      reports.push(Buffer.concat(body).toString());
      return { status: 200, body: '{}' };
    },
  };
  const { ask, known } = await start(['a', 'b'], {}, { authorize: () => false });
  known.set('a', { ...siteOf('a'), live });
  const report = (name: string, token: string) =>
    ask(`/organizations/${name}/api/live`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: '{"model":"m"}',
    });
  expect((await report('a', 'wrong')).status).toBe(401);
  expect((await report('a', 'right')).status).toBe(200);
  expect((await report('%61', 'right')).status).toBe(200);
  expect((await report('%6', 'right')).status).toBe(400);
  // Nobody who may not ask is told which names there are, and which of them take it.
  expect((await report('b', 'right')).status).toBe(401);
  expect((await report('none', 'right')).status).toBe(401);
  expect(reports).toEqual(['{"model":"m"}', '{"model":"m"}']);
});

test('a password is needed for all that tells of organizations', async () => {
  const { ask } = await start(['a'], { reload: async () => undefined }, { authorize: () => false });
  for (const path of [
    '/',
    '/metrics',
    '/api/status',
    '/sd',
    '/organizations/a',
    '/organizations/a/metrics',
    '/organizations/none/',
  ]) {
    expect([path, (await ask(path)).status]).toEqual([path, 401]);
  }
  expect((await ask('/-/reload', { method: 'POST' })).status).toBe(401);
  expect((await ask('/-/healthy')).status).toBe(200);
});

describe('discovery', () => {
  const targets = async (ask: Awaited<ReturnType<typeof start>>['ask']) => JSON.parse((await ask('/sd')).text);

  test('names each by the address that was asked, with its path and its job', async () => {
    const { ask, port } = await start(['a', 'b']);
    const { headers } = await ask('/sd');
    expect(headers.get('content-type')).toBe('application/json');
    expect(await targets(ask)).toEqual(
      ['a', 'b'].map((name) => ({
        targets: [`127.0.0.1:${port}`],
        labels: {
          __metrics_path__: `/organizations/${name}/metrics`,
          job: `openai-${name}`,
          organization: name,
        },
      })),
    );
  });

  test.each([
    ['https://exporter.example.org/openai', 'https', 'exporter.example.org:443', '/openai'],
    ['http://10.0.0.7:9185', 'http', '10.0.0.7:9185', ''],
    ['http://[::1]:9185', 'http', '[::1]:9185', ''],
  ])('says %s where that is the address', async (externalUrl, scheme, host, path) => {
    const { ask } = await start(['a'], { externalUrl }, { telemetryPath: '/m' });
    expect(await targets(ask)).toEqual([
      {
        targets: [host],
        labels: {
          __scheme__: scheme,
          __metrics_path__: `${path}/organizations/a/m`,
          job: 'openai-a',
          organization: 'a',
        },
      },
    ]);
  });

  test('says https where the exporter speaks it, and has an empty list where there is nothing', async () => {
    const { ask } = await start(['a'], { secure: true });
    expect((await targets(ask))[0].labels.__scheme__).toBe('https');
    expect(await targets((await start([])).ask)).toEqual([]);
  });
});

describe('the reload', () => {
  test('is asked for by POST, and says what is wrong', async () => {
    let trouble: string | undefined;
    const { ask } = await start(['a'], { reload: async () => trouble });
    expect((await ask('/-/reload', { method: 'POST' })).status).toBe(200);
    trouble = 'organizations[0]: needs key_file or key_env';
    const { status, text } = await ask('/-/reload', { method: 'POST' });
    expect([status, text]).toEqual([500, expect.stringContaining(trouble)]);
    const wrong = await ask('/-/reload');
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'POST']);
  });

  test('is not there where nothing can be reloaded', async () => {
    expect((await (await start(['a'])).ask('/-/reload', { method: 'POST' })).status).toBe(404);
  });
});

describe('the list', () => {
  const summary = {
    ...{ now: '2026-01-01T00:59:55.000Z', apis: 13, failing: [], message: null, whatToDo: null },
    ...{ tokens: 1_500_000, requests: 20, spend: [], nearest: null },
  };
  const near = {
    ...({ kind: 'budget', projectId: 'proj_a', projectName: 'Search', model: null, unit: 'usd' } as const),
    ...{ used: 9, limit: 10, share: 0.9 },
  };
  const all = listOf(
    line('busy', { summary: { ...summary, spend: [{ currency: 'usd', total: 90, budget: 100 }] } }),
    line('down', {
      up: false,
      summary: {
        ...summary,
        failing: ['costs'],
        message: '<b>GET</b> /costs',
        whatToDo: 'Make a new key.',
        tokens: null,
      },
    }),
    line('failing', { summary: { ...summary, failing: ['images'], tokens: 2_000_000, nearest: near } }),
    line('new', { up: null }),
  );
  const page = (order: string) => organizationsPage(all, { telemetryPath: '/metrics', root: '.' }, order);
  const namesIn = (text: string) =>
    [...text.matchAll(/<a href="\.\/organizations\/([^"/]+)\/">/g)].map(([, name]) => name);

  test.each([
    ['name', ['busy', 'down', 'failing', 'new']],
    ['health', ['down', 'failing', 'new', 'busy']],
    ['tokens', ['failing', 'busy', 'down', 'new']],
    ['spend', ['busy', 'down', 'failing', 'new']],
    ['limit', ['failing', 'busy', 'down', 'new']],
  ])('is sorted by %s', (order, names) => expect(namesIn(page(order))).toEqual(names));

  test('says what each uses, spends and comes near to, and what to do', () => {
    const text = page('name');
    expect(text).toContain('1 of 4 organizations is down.');
    expect(text).toContain('$90.00 of $100.00');
    expect(text).toContain('budget of Search');
    expect(text).toContain('&lt;b&gt;GET&lt;/b&gt; /costs Make a new key.');
    expect(text).toContain('images fails');
  });

  test('is in the order that the query asks for, or else by name', async () => {
    const { ask } = await start([], {}, { status: () => all });
    expect(namesIn((await ask('/?sort=health')).text)[0]).toBe('down');
    expect(namesIn((await ask('/?sort=__proto__')).text)[0]).toBe('busy');
    expect(JSON.parse((await ask('/api/status')).text)).toEqual(all);
  });

  test('says why the file cannot be used', () => {
    const text = organizationsPage(
      { ...all, reloadTrouble: 'is empty' },
      { telemetryPath: '/metrics', root: '.' },
      'name',
    );
    expect(text).toContain('so what it said before stays in use.</strong> is empty');
  });
});

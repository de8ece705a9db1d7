/** Whatever a stranger sends, the server answers or hangs up, repeats nothing of it, and goes on serving. */
import { connect } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ownText } from '../../src/metrics/own-text.ts';
import { statusOf } from '../../src/reader/make-status.ts';
import { createBasicAuth } from '../../src/web/basic-auth.ts';
import type { WebServer } from '../../src/web/server.ts';
import { parseExposition } from '../helpers/exposition-parser.ts';
import { recordingLog } from '../helpers/recording-log.ts';
import { rowsClient } from '../helpers/rows-client.ts';
import { type RunningExporter, runExporter } from '../helpers/running-exporter.ts';
import { startWebServer } from '../helpers/web-server.ts';
import { fuzzRuns, fuzzTimeout } from './runs.ts';

const log = recordingLog();
let server: WebServer;
let port = 0;
let running: RunningExporter;

beforeAll(async () => {
  const client = rowsClient(() => [{ project_id: 'p', input_tokens: 7 }]);
  running = runExporter({ start: '2026-11-20T09:27:03Z', client });
  await running.minutes(3);
  const { exporter, clock } = running;
  const check = createBasicAuth(() => new Map([['ali', 'hash']]), {
    compare: async (password) => password === 'open sesame',
  });
  ({ server, port } = await startWebServer({
    page: running.shown,
    own: async () => [ownText(await exporter.self.text())],
    status: () => statusOf({ exporter, version: '1', revision: '2', simulated: false, startedAt: 0, now: clock.now() }),
    ready: exporter.ready,
    log,
    // Both ways in: with a password where one is sent, and without.
    authorize: ({ headers }, client) => headers.authorization === undefined || check(headers.authorization, client),
  }));
});

afterAll(async () => {
  await server.stop(0);
  await running.end();
});

/** Sends these bytes, then no more, and gives all that comes back until the other side hangs up. */
function send(bytes: Buffer): Promise<string> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const socket = connect(port, '127.0.0.1', () => socket.end(bytes));
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    // A reset is a way to hang up, too.
    socket.on('error', () => {});
    socket.on('close', () => resolve(Buffer.concat(chunks).toString('latin1')));
  });
}

/** Nothing that a page of ours would have by itself. */
const marker = 'zq<b>x&"\'';

const piece = fc.oneof(
  fc.constantFrom('/', '//', '..', '%2e', '%', '%00', '%ff', '?', '#', '*', '\\', ';', '@', ':', 'metrics', '-', 'api'),
  fc.constantFrom('healthy', 'ready', 'status', '__proto__', 'constructor', 'name[]=openai_up', 'x'.repeat(9_000)),
  fc.constant(encodeURIComponent(marker)),
  fc.constant(marker),
  fc.string({ maxLength: 12 }),
);
const target = fc.oneof(
  fc.constantFrom('/', '/metrics', '/metrics?name[]=openai_up', '/api/status', '/-/ready', '/-/healthy'),
  fc.array(piece, { maxLength: 6 }).map((pieces) => `/${pieces.join('')}`),
  fc.array(piece, { maxLength: 3 }).map((pieces) => pieces.join('')),
);
const name = fc.oneof(
  fc.constantFrom('Host', 'Authorization', 'Accept-Encoding', 'Content-Length', 'Transfer-Encoding', 'Connection'),
  fc.constantFrom('Expect', 'Upgrade', 'Cookie', 'Range', 'If-None-Match', 'X-Forwarded-For', '__proto__', 'Te'),
  fc.string({ maxLength: 10 }),
);
const value = fc.oneof(
  fc.constantFrom('gzip', 'gzip;q=0', '*', 'chunked', 'close', 'keep-alive', '100-continue', 'websocket', 'h2c'),
  fc.constantFrom('0', '5', '-1', '99999999999999999999', `Basic ${Buffer.from('ali:open sesame').toString('base64')}`),
  fc.constantFrom('Basic ', 'Basic ////', `Basic ${Buffer.from('ali:no').toString('base64')}`, 'bytes=0-1', marker),
  fc.string({ maxLength: 30 }),
  fc.constant('y'.repeat(20_000)),
);
const wrongPassword = ['Authorization', `Basic ${Buffer.from('ali:no').toString('base64')}`] as const;
const header = fc.oneof({ arbitrary: fc.tuple(name, value), weight: 12 }, fc.constant(wrongPassword));
const method = fc.oneof(
  { arbitrary: fc.constantFrom('GET', 'HEAD'), weight: 4 },
  fc.constantFrom('POST', 'PUT', 'TRACE', 'CONNECT', 'OPTIONS', 'PRI', 'get', 'X', ''),
);
const request = fc
  .tuple(
    method,
    target,
    fc.constantFrom('HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0', 'HTTP/2.0', 'HTTP/0.9', ''),
    fc.array(header, { maxLength: 6 }),
    fc.constantFrom('\r\n', '\r\n', '\r\n', '\n', '\r'),
    fc.oneof(fc.constant(''), fc.string({ maxLength: 40 }), fc.constant('5\r\nabcde\r\n0\r\n\r\n')),
    fc.boolean(),
  )
  .map(([method, target, version, headers, end, body, host]) =>
    Buffer.from(
      [
        `${method} ${target} ${version}`,
        ...(host ? ['Host: a'] : []),
        ...headers.map((pair) => pair.join(': ')),
        '',
        body,
      ].join(end),
      'latin1',
    ),
  );
const bytes = fc.oneof(
  { arbitrary: request, weight: 8 },
  fc.array(request, { minLength: 2, maxLength: 4 }).map((all) => Buffer.concat(all)),
  fc.uint8Array({ maxLength: 300 }).map((raw) => Buffer.from(raw)),
);

test('it answers as it should, or hangs up', { timeout: fuzzTimeout }, async () => {
  let count = 0;
  const statuses = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(bytes, async (sent) => {
      const answer = await send(sent);
      const status = /^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1] ?? 'none';
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      if (answer !== '') expect(answer).toMatch(/^HTTP\/1\.1 (?:200|400|401|404|405|408|413|417|431|503|100) /);
      expect(answer).not.toContain('zq<b>');
      expect(answer).not.toMatch(/^(?:server|x-powered-by|etag|access-control-[a-z-]+):/im);
      count += 1;
      if (count % 50 === 0) parseExposition(await scrape());
    }),
    { numRuns: fuzzRuns(5_000) },
  );
  // Each kind of answer was seen, so these requests are not all nonsense.
  for (const status of ['200', '400', '401', '404', '405']) expect(statuses.get(status) ?? 0).toBeGreaterThan(0);
  expect(log.of('error')).toEqual([]);
  parseExposition(await scrape());
});

async function scrape(): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${port}/metrics`);
  expect(answer.status).toBe(200);
  return await answer.text();
}

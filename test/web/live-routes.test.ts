/** The routes of live usage: who may report, in which form and how much; and one report harms no other, and no scrape. */
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import type { ReportAnswer } from '../../src/live/report.ts';
import { createReporterCheck } from '../../src/web/bearer-token.ts';
import { liveTestLabels, patience, startLiveServer } from '../helpers/live-server.ts';
import { silentLogger } from '../helpers/silent-logger.ts';

type Body = NonNullable<RequestInit['body']>;

const json = { 'content-type': 'application/json' };
const record = (id: string, tokens = 10) => ({
  id,
  object: 'chat.completion',
  model: 'gpt-5',
  choices: [{ message: { content: 'CANARY' } }],
  usage: { prompt_tokens: tokens, completion_tokens: 1 },
});
const total = 'openai_live_completions_input_tokens_total';
const labels = { ...liveTestLabels, model: 'gpt-5' };

function post(url: string, body: Body, headers: Record<string, string> = json): Promise<Response> {
  return fetch(`${url}/api/live`, { method: 'POST', headers, body });
}

test.each<[string, Body, Record<string, string>, number]>([
  ['a body of another type', '{}', { 'content-type': 'text/plain' }, 415],
  ['a sequence of JSON texts', '\x1e{}\n', { 'content-type': 'application/json-seq' }, 415],
  ['a body in another encoding', '{}', { ...json, 'content-encoding': 'br' }, 415],
  ['a body that is not gzip', '{}', { ...json, 'content-encoding': 'gzip' }, 400],
  ['a gzip bomb', gzipSync(Buffer.alloc(9 * 2 ** 20)), { ...json, 'content-encoding': 'gzip' }, 413],
  ['8 MiB and a byte', Buffer.alloc(8 * 2 ** 20 + 1, ' '), json, 413],
  ['10,001 records', `[${'{},'.repeat(10_000)}{}]`, json, 413],
  ['10,001 lines', '{}\n'.repeat(10_001), { 'content-type': 'application/x-ndjson' }, 413],
  ['nothing', '', json, 400],
  ['deep JSON', '['.repeat(100_000), json, 400],
  ['half a record', '{"usage": {"prompt_tokens": 1', json, 400],
])('%s is refused', async (_, body, headers, status) => {
  const { url, exposition } = await startLiveServer();
  const response = await post(url, body, headers);
  expect(response.status).toBe(status);
  await response.json();
  expect([...exposition().families.keys()].filter((name) => name.startsWith('openai_live_'))).toEqual([]);
});

test('8 MiB are taken, as they are and in gzip', async () => {
  const { url } = await startLiveServer();
  const body = Buffer.from(JSON.stringify(record('a')).padEnd(8 * 2 ** 20));
  expect(await (await post(url, body)).json()).toMatchObject({ counted: 1 });
  const headers = { ...json, 'content-encoding': 'gzip' };
  expect(await (await post(url, gzipSync(body), headers)).json()).toMatchObject({ duplicates: 1 });
});

test('a body of which the length is not said is taken, up to the bound', async () => {
  const { url } = await startLiveServer();
  const stream = (bytes: number) =>
    new ReadableStream<Uint8Array>({
      start(controller) {
        for (let left = bytes; left > 0; left -= 65_536) controller.enqueue(new Uint8Array(65_536).fill(32));
        controller.enqueue(Buffer.from(JSON.stringify(record('a'))));
        controller.close();
      },
    });
  const send = async (bytes: number) => {
    const options = { method: 'POST', headers: json, body: stream(bytes), duplex: 'half' } as const;
    return (await fetch(`${url}/api/live`, options)).status;
  };
  expect(await send(2 ** 20)).toBe(200);
  // The connection ends when there is too much, perhaps before the client looks at the answer.
  expect(await send(9 * 2 ** 20).catch(() => 413)).toBe(413);
});

test('an id counts once, also where it is reported a thousand times at once', async () => {
  const { url, exposition } = await startLiveServer();
  const body = JSON.stringify(Array.from({ length: 50 }, () => record('chatcmpl-1')));
  await Promise.all(Array.from({ length: 20 }, () => post(url, body).then((response) => response.json())));
  expect(exposition().value(total, labels)).toBe(10);
});

test('without a token, reports are taken from this machine alone', () => {
  const check = createReporterCheck({ tokenFile: undefined, clock: systemClock, log: silentLogger });
  for (const address of ['127.0.0.1', '127.8.9.1', '::1', '::ffff:127.0.0.1']) {
    expect(check(undefined, address)).toBe('allowed');
  }
  for (const address of ['10.0.0.1', '::ffff:10.0.0.1', 'fe80::1', '2001:db8::1', undefined]) {
    expect(check('Bearer anything', address)).toBe('not local');
  }
});

test('with a token, only who has it may report; a new token in the file is found', () => {
  let now = 0;
  let token = 'a-token-of-some-length';
  const clock = { monotonic: () => now };
  const check = createReporterCheck({ tokenFile: 'token', clock, log: silentLogger, read: () => token });
  expect(check('Bearer a-token-of-some-length', '10.0.0.1')).toBe('allowed');
  expect(check('bearer a-token-of-some-length', undefined)).toBe('allowed');
  for (const wrong of [undefined, '', 'Bearer', 'Bearer a-token', 'Basic a-token-of-some-length', 'Bearer é']) {
    expect(check(wrong, '127.0.0.1')).toBe('unauthorized');
  }
  token = 'another-token-of-some-length';
  now = 2_000;
  expect(check('Bearer another-token-of-some-length', '10.0.0.1')).toBe('allowed');
  expect(check('Bearer a-token-of-some-length', '10.0.0.1')).toBe('unauthorized');
});

test.each([
  ['unauthorized', 401, 'WWW-Authenticate'],
  ['not local', 403, undefined],
] as const)('who may not report gets %s', async (verdict, status, header) => {
  const { url } = await startLiveServer({ isAllowed: () => verdict });
  const response = await post(url, '{}');
  expect(response.status).toBe(status);
  if (header !== undefined) expect(response.headers.get(header)).toBe('Bearer');
});

test('there is nothing but POST', async () => {
  const { url } = await startLiveServer();
  const response = await fetch(`${url}/api/live`);
  expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST']);
});

test('too many reports at once get 429, and a scrape is answered beside them', async () => {
  let answerAll = () => {};
  const wait = new Promise<void>((resolve) => {
    answerAll = resolve;
  });
  const answer: ReportAnswer = { status: 200, body: '{}' };
  const { url, port } = await startLiveServer({ report: () => wait.then(() => answer) });
  // Reports that never end: their bodies are not whole.
  const slow = Array.from({ length: 250 }, () => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(
      'POST /api/live HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"CANARY',
    );
    return socket;
  });
  onTestFinished(() => {
    for (const socket of slow) socket.destroy();
  });
  await expect
    .poll(async () => {
      const controller = new AbortController();
      const response = await fetch(`${url}/api/live`, {
        method: 'POST',
        headers: json,
        body: '{}',
        signal: AbortSignal.any([controller.signal, AbortSignal.timeout(200)]),
      }).catch(() => undefined);
      await response?.text();
      return [response?.status, response?.headers.get('retry-after')];
    }, patience)
    .toEqual([429, '1']);
  const scrape = await fetch(`${url}/metrics`);
  expect(scrape.status).toBe(200);
  expect(await scrape.text()).not.toContain('CANARY');
  answerAll();
});

test('while nobody takes reports, they get 503 and are to come again', async () => {
  const { url } = await startLiveServer({ report: () => Promise.reject(new Error('nobody takes it')) });
  const response = await post(url, '{}');
  expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1']);
});

test('a report to a whole address is taken, as a client sends it to a proxy; its query counts, too', async () => {
  const { port, exposition } = await startLiveServer();
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => {
    socket.destroy();
  });
  const body = JSON.stringify(record('a'));
  socket.write(
    `POST http://exporter:9185/api/live?project_id=proj_1 HTTP/1.1\r\nHost: exporter:9185\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  let text = '';
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  await expect.poll(() => text, patience).toContain('"counted":1');
  expect(text).toContain('Cache-Control: no-store');
  expect(exposition().value(total, { ...labels, project_id: 'proj_1' })).toBe(10);
});

test('a connection is kept, and what comes behind a body is the next request', async () => {
  const { port, exposition } = await startLiveServer();
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => {
    socket.destroy();
  });
  const requests = ['a', 'b', 'c'].map((id) => {
    // Longer than the pieces in which a connection is read.
    const body = JSON.stringify({ ...record(id), more: 'x'.repeat(3_000) });
    return `POST /api/live HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  });
  let text = '';
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  socket.write(requests.join(''));
  await expect.poll(() => text.match(/"counted":1/g)?.length, patience).toBe(3);
  expect(exposition().value(total, labels)).toBe(30);
});

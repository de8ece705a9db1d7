/** Tests what a scrape can ask for, and how it can misbehave. */
import { randomBytes } from 'node:crypto';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { createChanges } from '../../src/metrics/changes.ts';
import { ownText } from '../../src/metrics/own-text.ts';
import type { Page, PageSource } from '../../src/metrics/page.ts';
import { createPublisher } from '../../src/metrics/publisher.ts';
import type { Rendered } from '../../src/metrics/section.ts';
import { createShownPage } from '../../src/metrics/shown-page.ts';
import type { WebOptions, WebServer } from '../../src/web/server.ts';
import { recordingLog } from '../helpers/recording-log.ts';
import { renderedOf, textOf } from '../helpers/rendered.ts';
import { startWebServer } from '../helpers/web-server.ts';

const running: WebServer[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.stop(0)));
});

const own = `# HELP own_total Of itself.
# TYPE own_total counter
own_total 1
# HELP own_seconds Of itself.
# TYPE own_seconds histogram
own_seconds_bucket{le="+Inf"} 1
own_seconds_sum 1
own_seconds_count 1
`;

function family(name: string, ...values: readonly number[]): readonly Rendered[] {
  const header = `# HELP ${name} HELP own_total\n# TYPE ${name} gauge\n`;
  return values.map((value, index) =>
    renderedOf(`${index === 0 ? header : ''}${name}{part="${index}"} ${value}\n`, { family: name }),
  );
}

const textOfAll = (parts: readonly Rendered[]) => parts.map(textOf).join('');
/** Adds a label of this value, which makes a part large. */
const widened = (part: Rendered, value: string) =>
  renderedOf(textOf(part).replace('part="', `wide="${value}",part="`), { family: part.family ?? '' });

function* rendering(parts: readonly Rendered[]): Generator<Rendered, undefined> {
  yield* parts;
  return undefined;
}

async function publish(...parts: readonly (readonly Rendered[])[]): Promise<PageSource> {
  const shown = createShownPage();
  const publisher = createPublisher({
    changes: createChanges(),
    sections: [
      { name: 'all', render: () => rendering(parts.flat()) },
      { name: 'none', render: () => rendering([]) },
    ],
    clock: systemClock,
    show: shown.show,
  });
  await publisher.publish();
  return shown;
}

async function serve(page: PageSource, options: Partial<WebOptions> = {}) {
  const { server, port } = await startWebServer({ page, own: async () => [ownText(own)], maxRequests: 4, ...options });
  running.push(server);
  const ask = (path: string, headers: Record<string, string> = {}) =>
    new Promise<{ readonly response: IncomingMessage; readonly body: Buffer }>((resolve, reject) => {
      httpRequest({ port, host: '127.0.0.1', path, headers }, (response) => {
        const chunks: Buffer[] = [];
        response.on('error', reject).on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => resolve({ response, body: Buffer.concat(chunks) }));
      })
        .on('error', reject)
        .end();
    });
  return { port, ask };
}

describe('name[]', () => {
  const [a, b, c] = [family('a', 1, 2, 3), family('b', 4), family('c_total', 5, 6)];
  const ownTotal = own.slice(0, own.indexOf('# HELP own_seconds'));
  const ownSeconds = own.slice(ownTotal.length);

  test.each([
    ['', textOfAll([...a, ...b, ...c]) + own],
    ['?', textOfAll([...a, ...b, ...c]) + own],
    ['?other=a', textOfAll([...a, ...b, ...c]) + own],
    ['?name=a', textOfAll([...a, ...b, ...c]) + own],
    ['?name[]=a', textOfAll(a)],
    ['?name%5B%5D=a', textOfAll(a)],
    ['?name[]=c_total&x=1&name[]=a&name[]=a', textOfAll([...a, ...c])],
    ['?name[]=own_total', ownTotal],
    ['?name[]=own_seconds&name[]=b', textOfAll(b) + ownSeconds],
    ['?name[]=own_seconds_bucket', ''],
    ['?name[]=c', ''],
    ['?name[]=', ''],
    ['?name[]=A&name[]=*&name[]=%', ''],
  ])('%s', async (query, expected) => {
    const { ask } = await serve(await publish(a, b, c));
    const plain = await ask(`/metrics${query}`);
    expect(plain.response.statusCode).toBe(200);
    expect(plain.body.toString()).toBe(expected);
    const compressed = await ask(`/metrics${query}`, { 'accept-encoding': 'gzip' });
    expect(compressed.response.headers['content-encoding']).toBe('gzip');
    expect(gunzipSync(compressed.body).toString()).toBe(expected);
  });
});

describe('when its own metrics fail', () => {
  const own = async () => {
    throw new Error('broken');
  };

  test('a small page is not sent, and the answer is 500', async () => {
    const log = recordingLog();
    const { ask } = await serve(await publish(family('a', 1)), { own, log });
    for (const coding of ['gzip', 'identity']) {
      const answer = await ask('/metrics', { 'accept-encoding': coding });
      expect([answer.response.statusCode, answer.body.toString()]).toEqual([
        500,
        expect.stringContaining('Internal error'),
      ]);
    }
    expect(log.of('error')).toHaveLength(2);
  });

  test('what was sent of a large page does not look whole', async () => {
    const log = recordingLog();
    const incompressible = family('a', 1).map((part) => widened(part, randomBytes(2_000_000).toString('base64')));
    const { ask } = await serve(await publish(incompressible), { own, log });
    for (const coding of ['gzip', 'identity']) {
      await expect(ask('/metrics', { 'accept-encoding': coding })).rejects.toThrow();
    }
    expect(log.of('error')).toHaveLength(2);
  });
});

describe('a scraper', () => {
  /** Larger than what sockets hold. */
  const big = (value: number) =>
    family('big', ...Array.from({ length: 300 }, () => value)).map((part) => widened(part, 'x'.repeat(100_000)));

  test('that reads a byte at a time gets the page that it began with, and keeps nobody waiting', async () => {
    const [before, after] = [await publish(big(1)), await publish(big(2))];
    let page: Page = before.current();
    const { port, ask } = await serve({ current: () => page });
    const socket = connect(port, '127.0.0.1');
    const read: Buffer[] = [];
    await new Promise<void>((resolve) => {
      socket.once('readable', resolve);
      // Of version 1.0, so that the body comes as it is, without chunks.
      socket.write('GET /metrics HTTP/1.0\r\n\r\n');
    });
    for (let bytes = 0; bytes < 1_000; bytes++) {
      const byte: unknown = socket.read(1);
      if (byte instanceof Buffer) read.push(byte);
    }
    page = after.current();
    for (let other = 0; other < 8; other++) {
      expect((await ask('/metrics')).body.includes(`part="299"} 2\n`)).toBe(true);
    }
    await new Promise((resolve) => {
      socket.on('data', (chunk: Buffer) => read.push(chunk)).on('end', resolve);
    });
    const answer = Buffer.concat(read);
    const body = answer.subarray(answer.indexOf('\r\n\r\n') + 4);
    expect(body.toString() === textOfAll(big(1)) + own).toBe(true);
  });

  test('that hangs up, at any byte, leaves nothing behind', async () => {
    const { port, ask } = await serve(await publish(big(1)));
    for (const patience of [0, 1, 200, 70_000, 1_000_000, 20_000_000]) {
      await new Promise<void>((resolve) => {
        let bytes = 0;
        const socket = connect(port, '127.0.0.1', () => {
          socket.write('GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n');
          if (patience === 0) socket.destroy();
        });
        socket
          .on('close', () => resolve())
          .on('data', (chunk: Buffer) => {
            bytes += chunk.length;
            if (bytes >= patience) socket.resetAndDestroy();
          });
      });
    }
    // More have hung up than may be in flight.
    expect((await ask('/metrics')).response.statusCode).toBe(200);
  });

  test.each([
    ',',
    ';',
    'gzip;q=',
    'gzip;q=x',
    'gzip;q=-1',
    'gzip;q=2',
    'gzip;q=0.0000001',
    ';q=1',
    'gz\u00efp',
    'q=1;gzip',
    'gzip'.repeat(2_000),
    `${'deflate,'.repeat(1_500)}gzip`,
  ])('with a malformed Accept-Encoding gets plain text: %j', async (header) => {
    const parts = family('a', 1);
    const { ask } = await serve(await publish(parts));
    const { response, body } = await ask('/metrics', { 'accept-encoding': header });
    expect(response.statusCode).toBe(200);
    expect(response.headers['content-encoding']).toBeUndefined();
    expect(body.toString()).toBe(textOfAll(parts) + own);
  });
});

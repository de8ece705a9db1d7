/**
 * A process that serves a page that it is given in a file, in the way named by the first argument:
 * `prom-client` renders its series at each scrape, `buffer` sends finished bytes, and takes in reports to do nothing with
 * them. Sends its URL.
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { gzipSync } from 'node:zlib';
import { Counter, Gauge, Registry } from 'prom-client';

const [, , way, file = ''] = process.argv;
const page = readFileSync(file);

function registryOf(text: Buffer): Registry {
  const registry = new Registry();
  const types = new Map<string, string>();
  const families = new Map<string, Gauge | Counter>();
  let begin = 0;
  while (begin < text.length) {
    const end = text.indexOf(0x0a, begin);
    const line = text.toString('utf8', begin, end);
    begin = end + 1;
    const type = /^# TYPE (\S+) (\S+)$/.exec(line);
    if (type !== null) types.set(type[1] ?? '', type[2] ?? '');
    const sample = /^([a-z_]+)\{(.*)\} (\S+)$/.exec(line);
    if (sample === null) continue;
    const [, name = '', labels = '', value = ''] = sample;
    const pairs = [...labels.matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g)].map(([, key = '', text = '']) => [key, text]);
    let family = families.get(name);
    if (family === undefined) {
      const options = { name, help: name, labelNames: pairs.map(([key = '']) => key), registers: [registry] };
      family = types.get(name) === 'counter' ? new Counter(options) : new Gauge(options);
      families.set(name, family);
    }
    family.inc(Object.fromEntries(pairs), Number(value));
  }
  return registry;
}

const registry = way === 'prom-client' ? registryOf(page) : undefined;
const compressed = registry === undefined ? gzipSync(page) : undefined;

const server = createServer(async (request, response) => {
  if (request.method === 'POST') {
    request.resume().once('end', () => response.setHeader('Content-Length', 3).end('{}\n'));
    return;
  }
  response.setHeader('Content-Type', 'text/plain; version=0.0.4; charset=utf-8');
  if (registry !== undefined) {
    response.end(await registry.metrics());
  } else if (request.headers['accept-encoding'] === 'gzip' && compressed !== undefined) {
    response.setHeader('Content-Encoding', 'gzip');
    response.setHeader('Content-Length', compressed.length);
    response.end(compressed);
  } else {
    response.setHeader('Content-Length', page.length);
    response.end(page);
  }
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  process.send?.({ url: `http://127.0.0.1:${port}/` });
});

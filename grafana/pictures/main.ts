/**
 * `npm run pictures`: draws every board from a running Prometheus (that of `npm run stack`, unless another address is
 * given) to docs/img/board-*.png. Grafana's components and what they need are 600 MB and no part of the project; they are
 * installed in a temporary folder, which PICTURES_PACKAGES can keep.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { chromium } from 'playwright-core';
import { findProgram } from '../../deploy/stack/programs.ts';
import { dashboardFiles } from '../boards.ts';

const packages = [
  '@grafana/ui@11.6.0',
  '@grafana/data@11.6.0',
  '@grafana/schema@11.6.0',
  'react@18.3.1',
  'react-dom@18.3.1',
  'rxjs@7.8.2',
  'esbuild@0.25.10',
  'sharp@0.34.4',
];

/** Boards whose first range has little to show of what has just begun to run. */
const shorter: Readonly<Record<string, string>> = {
  'openai-exporter': 'now-15m',
  'openai-live': 'now-15m',
  'openai-organizations': 'now-15m',
};

/** The folder in which npm runs this. */
const root = process.cwd();
const prometheus = process.argv[2] ?? 'http://127.0.0.1:9090';
const folder = process.env['PICTURES_PACKAGES'] ?? join(tmpdir(), 'openai-usage-exporter-pictures');
const only = process.argv.slice(3);

function install(): void {
  if (existsSync(join(folder, 'node_modules/sharp'))) return;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  const flags = ['--legacy-peer-deps', '--ignore-scripts', '--no-audit', '--no-fund'];
  execFileSync('npm', ['install', ...flags, ...packages], { cwd: folder, stdio: 'inherit' });
}

/** Stands for Grafana's icons, which are not in its packages. */
const icon = '<svg xmlns="http://www.w3.org/2000/svg" />';

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of request.setEncoding('utf8')) body += String(chunk);
  return body;
}

/** Serves the page and the boards, and hands queries on. */
function createSite(script: string) {
  const boards = dashboardFiles();
  const html = '<!doctype html><meta charset="utf-8"><body style="margin:0"><div id="board"></div>';
  return createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const send = (type: string, body: string) => response.writeHead(200, { 'content-type': type }).end(body);
    const board = boards.get(pathname.replace('/boards/', ''));
    if (board !== undefined) send('application/json', board);
    else if (pathname === '/page.js') send('text/javascript', readFileSync(script, 'utf8'));
    else if (pathname === '/') send('text/html', `${html}<script type="module" src="/page.js"></script>`);
    else if (pathname.startsWith('/api/')) {
      bodyOf(request)
        .then((body) => fetch(`${prometheus}${pathname}`, { method: 'POST', body: new URLSearchParams(body) }))
        .then(async (answer) => send('application/json', await answer.text()))
        .catch((error: unknown) => response.writeHead(502).end(String(error)));
    } else send('image/svg+xml', icon);
  });
}

/** Few colours are enough for flat pictures, and make them a third as large. */
async function shrink(png: Buffer): Promise<Buffer> {
  const sharp: (input: Buffer) => { png(options: object): { toBuffer(): Promise<Buffer> } } = createRequire(
    join(folder, 'package.json'),
  )('sharp');
  for (const colours of [256, 160, 96]) {
    const options = { palette: true, colours, dither: 0, effort: 10, compressionLevel: 9 };
    const small = await sharp(png).png(options).toBuffer();
    if (small.length < 400_000) return small;
  }
  return await sharp(png).png({ palette: true, colours: 32, dither: 0 }).toBuffer();
}

install();
const script = join(folder, 'page.js');
const own = resolve(root, 'grafana/pictures');
execFileSync(process.execPath, [join(own, 'bundle.mjs'), join(own, 'page.jsx'), script], {
  cwd: folder,
  stdio: 'inherit',
});
const site = createSite(script);
await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
const address = site.address();
if (address === null || typeof address === 'string') throw new Error('the page has no port');
const browser = await chromium.launch({
  executablePath: findProgram(['chromium'], 'chromium'),
  args: ['--no-sandbox', '--disable-gpu'],
});
for (const uid of [...dashboardFiles().keys()].map((file) => file.replace('.json', ''))) {
  if (only.length > 0 && !only.includes(uid)) continue;
  const page = await browser.newPage({ viewport: { width: 1_600, height: 1_000 } });
  page.on('console', (message) => {
    if (message.type() === 'error') process.stderr.write(`${uid}: ${message.text()}\n`);
  });
  page.on('pageerror', (error) => process.stderr.write(`${uid}: ${error}\n`));
  const from = shorter[uid];
  const query = new URLSearchParams({ board: uid, ...(from === undefined ? {} : { from }) });
  await page.goto(`http://127.0.0.1:${address.port}/?${query}`);
  await page.waitForSelector('body[data-drawn]', { timeout: 120_000 });
  const file = `docs/img/board-${uid.replace('openai-', '')}.png`;
  writeFileSync(join(root, file), await shrink(await page.screenshot({ fullPage: true })));
  await page.close();
  process.stdout.write(`${file}\n`);
}
await browser.close();
site.close();
site.closeAllConnections();

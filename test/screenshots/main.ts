/** `npm run screenshots`: the pictures in docs/img, of simulated organizations in a real browser. */
import { fileURLToPath } from 'node:url';
import { launchBrowser } from '../helpers/browser.ts';
import { failingSite, healthySite, type Site } from '../helpers/status-sites.ts';
import { findTool } from '../helpers/tools.ts';

/** The repository's top, from .build/test/screenshots. */
const directory = new URL('../../../docs/img/', import.meta.url);

interface Picture {
  readonly file: string;
  readonly site: () => Promise<Site>;
  readonly theme: 'light' | 'dark';
  readonly width: number;
  readonly height: number;
  /** Physical pixels for each of the page. */
  readonly scale: number;
  /** The heading that the picture begins with, if not the top. */
  readonly from?: string;
}

const pictures: readonly Picture[] = [
  { file: 'status-light.png', site: healthySite, theme: 'light', width: 1_160, height: 860, scale: 1 },
  { file: 'status-dark.png', site: healthySite, theme: 'dark', width: 1_160, height: 860, scale: 1 },
  { file: 'status-spend.png', site: healthySite, theme: 'light', width: 1_160, height: 1_120, scale: 1, from: 'spend' },
  { file: 'status-failing.png', site: failingSite, theme: 'light', width: 1_160, height: 640, scale: 1 },
  { file: 'status-phone.png', site: healthySite, theme: 'dark', width: 390, height: 844, scale: 2 },
];

const chromium = findTool('chromium', 'chromium');
if (chromium === undefined) throw new Error('there are no pictures without chromium');
const browser = await launchBrowser(chromium);
const sites = new Map<Picture['site'], Site>();
for (const { file, site: make, theme, width, height, scale, from } of pictures) {
  const site = sites.get(make) ?? (await make());
  sites.set(make, site);
  const viewport = { width, height };
  const page = await browser.newPage({ viewport, colorScheme: theme, deviceScaleFactor: scale });
  await page.goto(site.url);
  if (from !== undefined) await page.evaluate(`document.getElementById('${from}').parentElement.scrollIntoView()`);
  await page.screenshot({ path: fileURLToPath(new URL(file, directory)) });
  await page.close();
  process.stdout.write(`docs/img/${file}\n`);
}
await browser.close();
for (const site of sites.values()) await site.end();

/** The status page in a real browser: four organizations, both themes, a phone, the keyboard, and without script. */
import axe from 'axe-core';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { launchBrowser } from '../helpers/browser.ts';
import { emptySite, failingSite, healthySite, hugeSite, type Site } from '../helpers/status-sites.ts';
import { findTool } from '../helpers/tools.ts';

const chromium = findTool('chromium', 'chromium');

const sites = { healthy: healthySite, empty: emptySite, failing: failingSite, huge: hugeSite } as const;
type SiteName = keyof typeof sites;
const names: readonly SiteName[] = ['healthy', 'empty', 'failing', 'huge'];

describe.skipIf(chromium === undefined)('the status page', () => {
  let browser: Browser;
  const running = new Map<SiteName, Site>();
  /** Returns what went wrong in the page that is open, in the browser's words. */
  let troubles: string[] = [];

  beforeAll(async () => {
    browser = await launchBrowser(chromium ?? '');
    for (const name of names) running.set(name, await sites[name]());
  });
  afterAll(async () => {
    await browser?.close();
    for (const site of running.values()) await site.end();
  });
  afterEach(async () => {
    for (const context of browser.contexts()) await context.close();
    expect(troubles).toEqual([]);
  });

  function siteOf(name: SiteName): Site {
    const site = running.get(name);
    if (site === undefined) throw new Error(`there is no site ${name}`);
    return site;
  }

  async function newPage(url: string, options: BrowserContextOptions = {}): Promise<Page> {
    troubles = [];
    const page = await (await browser.newContext(options)).newPage();
    page.on('console', (message) => troubles.push(`console: ${message.text()}`));
    page.on('pageerror', (error) => troubles.push(`error: ${error.message}`));
    page.on('request', (request) => {
      if (!request.url().startsWith(url) && !request.url().startsWith('data:')) troubles.push(request.url());
    });
    return page;
  }

  async function open(name: SiteName, options?: BrowserContextOptions): Promise<Page> {
    const { url } = siteOf(name);
    const page = await newPage(url, options);
    await page.goto(url);
    return page;
  }

  describe.each(names)('of the %s organization', (name) => {
    test.each(['light', 'dark'] as const)('has nothing that axe objects to, %s', async (colorScheme) => {
      const page = await open(name, { colorScheme, viewport: { width: 1_200, height: 900 } });
      for (const summary of await page.locator('summary').all()) {
        if ((await summary.locator('..').getAttribute('open')) === null) await summary.click();
      }
      await page.mouse.move(0, 0);
      await page.evaluate(axe.source);
      const found: unknown = await page.evaluate(
        `axe.run().then(({ violations, passes }) => ({
          violations: violations.map(({ id, nodes }) => [id, nodes.slice(0, 3).map(({ html, failureSummary }) => [html, failureSummary])]),
          contrast: passes.some(({ id }) => id === 'color-contrast'),
        }))`,
      );
      expect(found).toEqual({ violations: [], contrast: true });
    });

    test.each(['light', 'dark'] as const)('fits a phone, %s', async (colorScheme) => {
      const page = await open(name, { colorScheme, viewport: { width: 360, height: 740 } });
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(360);
      expect(await page.locator('.verdict').isVisible()).toBe(true);
    });
  });

  test('the themes differ', async () => {
    const colours = new Set<unknown>();
    for (const colorScheme of ['light', 'dark'] as const) {
      const page = await open('healthy', { colorScheme });
      colours.add(await page.evaluate('getComputedStyle(document.body).backgroundColor'));
    }
    expect(colours.size).toBe(2);
  });

  test('says what matters, in words, for each organization', async () => {
    const healthy = await open('healthy');
    expect(await healthy.locator('.verdict').innerText()).toBe('Healthy: all 13 apis answer.');
    expect(await healthy.locator('main').innerText()).toContain('every number is simulated');
    expect(await healthy.getByRole('region', { name: 'Table of limits' }).getByRole('row').count()).toBe(11);
    expect(await healthy.getByText('Document pipeline').count()).toBeGreaterThan(0);

    const empty = await open('empty');
    expect(await empty.locator('.verdict').innerText()).toContain('Healthy');
    expect(await empty.locator('main').innerText()).toContain('No usage in the hours that are known.');

    const failing = await open('failing');
    // Costs fail twice: as they are, and by user.
    expect(await failing.locator('.verdict').innerText()).toBe('Partly failing: 4 of 13 apis fail.');
    const failures = await failing.locator('.failures').first().innerText();
    expect(failures).toContain('embeddings: OpenAI cannot be reached (network). Check DNS');
    expect(failures).toContain('next try');
    expect(failures.match(/Check DNS/g)).toHaveLength(1);
    const lists = await failing.locator('.failures').last().innerText();
    expect(lists).toContain('users: not readable with this key. Give the key the scope api.management.read');
    expect(lists).toContain('admin_api_keys: OpenAI cannot be reached (network). Check DNS');

    const huge = await open('huge');
    expect(await huge.locator('main').innerText()).toContain('1,990 others');
    expect(await huge.locator('section[aria-labelledby=usage] .pair').last().locator('tbody tr').count()).toBe(22);
  });

  test('can be used by the keyboard alone', async () => {
    const page = await open('healthy');
    const focused = () =>
      page.evaluate('document.activeElement === document.body ? "" : document.activeElement.innerText.split("\\n")[0]');
    await page.keyboard.press('Tab');
    expect(await focused()).toBe('To the content');
    const places = await page.locator('a, summary, details[open] .scroll, .scroll:not(details .scroll)').count();
    const visited = new Set<unknown>();
    for (let place = 1; place < places; place++) {
      await page.keyboard.press('Tab');
      const seen = await page.evaluate(
        'document.activeElement.matches(":focus-visible") && getComputedStyle(document.activeElement).outlineStyle',
      );
      expect(seen).toBe('solid');
      visited.add(await page.evaluate('document.activeElement.outerHTML.slice(0, 200)'));
    }
    expect(visited.size).toBe(places - 1);
    await page.keyboard.press('Tab');
    const summary = page.getByText('Tokens by hour, as a table');
    await summary.focus();
    await page.keyboard.press('Enter');
    expect(await page.locator('#table-tokens table').isVisible()).toBe(true);
  });

  test('has a table behind each chart, with every number of it', async () => {
    const page = await open('healthy');
    for (const id of ['table-tokens', 'table-requests']) {
      await page.locator(`#${id} summary`).click();
      expect(await page.locator(`#${id} tbody tr`).count()).toBe(24);
    }
    await page.locator('#table-spend-usd summary').click();
    expect(await page.locator('#table-spend-usd tbody tr').count()).toBe(20);
    expect(await page.locator('figure svg[role=img]').count()).toBe(3);
  });

  test('is whole without script, and loads itself again', async () => {
    const page = await open('healthy', { javaScriptEnabled: false });
    expect(await page.locator('.verdict').isVisible()).toBe(true);
    expect(await page.locator('figure svg .bar').count()).toBe(24 + 24 + 30);
    expect(await page.content()).toContain('<meta http-equiv="refresh" content="60">');
  });

  test('brings itself up to date and leaves the reader at the same place', async () => {
    const site = await healthySite();
    try {
      const page = await newPage(site.url, { viewport: { width: 360, height: 740 } });
      await page.clock.install();
      await page.goto(site.url);
      await page.locator('#table-requests summary').click();
      await page.locator('#table-tokens summary').focus();
      await page.locator('#limits').scrollIntoViewIfNeeded();
      const where = () =>
        page.evaluate(
          '[scrollY, document.activeElement.parentElement.id, document.querySelector("#table-requests").open]',
        );
      const before = await where();
      expect(before).toEqual([expect.any(Number), 'table-tokens', true]);
      const footer = await page.locator('footer').innerText();

      await site.minutes(3);
      const answered = page.waitForResponse(site.url);
      await page.clock.fastForward(15_000);
      await answered;
      await page.waitForFunction(`document.querySelector('footer').innerText !== ${JSON.stringify(footer)}`);
      expect(await where()).toEqual(before);

      await site.stop();
      const failed = page.waitForEvent('requestfailed');
      await page.clock.fastForward(15_000);
      await failed;
      await page.getByText('The exporter does not answer').waitFor();
      expect(await where()).toEqual([expect.any(Number), 'table-tokens', true]);
      // The browser itself notes the connection that failed.
      troubles = troubles.filter((trouble) => !trouble.includes('ERR_CONNECTION_REFUSED'));
    } finally {
      await site.end();
    }
  });
});

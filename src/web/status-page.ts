/**
 * The page at /: what a person on call wants to see in five seconds. Whole without script; nothing on it comes from
 * elsewhere.
 */
import type { Status } from '../status.ts';
import { type Html, html } from './html.ts';
import { healthSection } from './status-health.ts';
import { limitsSection } from './status-limits.ts';
import { liveSection } from './status-live.ts';
import { spendSection } from './status-spend.ts';
import { usageSection } from './status-usage.ts';

/** Allows this exporter's style sheet and script and nothing else. */
export const statusPolicy =
  "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** Paths of what the page needs. */
export const assetPaths = { style: '/status.css', script: '/status.js' } as const;

/** The place of the page among the exporter's routes. */
export interface Place {
  readonly telemetryPath: string;
  /** The way from the page to the exporter's own root, without a slash at its end. */
  readonly root: string;
  /** The name of the organization, where it is one of several. */
  readonly name?: string | undefined;
}

export function statusPage(status: Status, { telemetryPath, root, name }: Place): string {
  const { simulated } = status;
  const demonstration = simulated
    ? html`<p class="simulated"><strong>Demonstration.</strong> This organization does not exist: every number is simulated.</p>`
    : html``;
  return pageFrame(status, {
    title: `${name === undefined ? '' : `${name} · `}${titleOf(status)}`,
    heading: name === undefined ? program : `${program}: ${name}`,
    root,
    links: html`${name === undefined ? html`` : html`<a href="${root}/">All organizations</a>`}<a href=".${telemetryPath}">Metrics</a>`,
    notes: demonstration,
    sections: html`${section('health', 'Health', healthSection(status))}
${section('usage', 'Usage of the last 24 hours', usageSection(status.usage))}
${status.live === undefined ? html`` : section('live', 'Live usage of the last minutes', liveSection(status.live))}
${section('spend', `Spend of ${status.spend.month}`, spendSection(status.spend))}
${section('limits', 'Near a limit', limitsSection(status.limits))}`,
  });
}

/** The name of the program, as all pages have it. */
export const program = 'openai-usage-exporter';

/** The content of the frame that all pages have. */
export interface Framed {
  readonly title: string;
  readonly heading: string;
  readonly root: string;
  /** Links to other pages; those that every page has follow them. */
  readonly links: Html;
  readonly notes: Html;
  readonly sections: Html;
}

/** Returns the whole page: head, navigation, footer, and what is framed. */
export function pageFrame(
  { now, version, revision, startedAt }: Pick<Status, 'now' | 'version' | 'revision' | 'startedAt'>,
  { title, heading, root, links, notes, sections }: Framed,
): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${root}${assetPaths.style}">
<script src="${root}${assetPaths.script}" defer></script>
<noscript><meta http-equiv="refresh" content="60"></noscript>
</head>
<body>
<header>
<a class="skip" href="#main">To the content</a>
<h1>${heading}</h1>
<nav aria-label="Pages">${links}<a href="./api/status">Status as JSON</a><a href="${root}/-/healthy">Healthy?</a><a href="${root}/-/ready">Ready?</a></nav>
</header>
<main id="main">
${notes}
<p class="stale" role="status" id="refreshed"></p>
${sections}
</main>
<footer data-part="footer">
<p>Page of ${now.slice(0, 10)} ${now.slice(11, 19)} UTC. All times are UTC. Running since ${startedAt.slice(0, 10)} ${startedAt.slice(11, 19)}.</p>
<p>Version ${version}, revision ${revision}. Its documentation is README.md and docs/ of that version; what OpenAI says of these numbers is in its <a href="https://platform.openai.com/docs/api-reference/usage">API reference</a>.</p>
</footer>
</body>
</html>
`.html;
}

export function section(name: string, title: string, content: Html): Html {
  return html`<section aria-labelledby="${name}"><h2 id="${name}"${name === 'health' ? html` class="hidden"` : html``}>${title}</h2><div data-part="${name}">
${content}
</div></section>`;
}

/** A tab tells what is wrong, too. */
function titleOf({ apis, simulated }: Status): string {
  const down = apis.filter(({ up }) => up === false).length;
  const what = `${simulated ? 'Demo · ' : ''}${program}`;
  return down === 0 ? what : `${down} failing · ${what}`;
}

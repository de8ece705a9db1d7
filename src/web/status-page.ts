/**
 * The page at /: what a person on call wants to see in five seconds. Whole without script; nothing on it comes from
 * elsewhere.
 */
import type { Status } from '../status.ts';
import { type Html, html } from './html.ts';
import { healthSection } from './status-health.ts';
import { limitsSection } from './status-limits.ts';
import { spendSection } from './status-spend.ts';
import { usageSection } from './status-usage.ts';

/** Allows this exporter's style sheet and script and nothing else. */
export const statusPolicy =
  "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** Paths of what the page needs. */
export const assetPaths = { style: '/status.css', script: '/status.js' } as const;

export function statusPage(status: Status, telemetryPath: string): string {
  const { now, simulated, version, revision, startedAt } = status;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${titleOf(status)}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href=".${assetPaths.style}">
<script src=".${assetPaths.script}" defer></script>
<noscript><meta http-equiv="refresh" content="60"></noscript>
</head>
<body>
<header>
<a class="skip" href="#main">To the content</a>
<h1>openai-usage-exporter</h1>
<nav aria-label="Pages"><a href=".${telemetryPath}">Metrics</a><a href="./api/status">Status as JSON</a><a href="./-/healthy">Healthy?</a><a href="./-/ready">Ready?</a></nav>
</header>
<main id="main">
${simulated ? html`<p class="simulated"><strong>Demonstration.</strong> This organization does not exist: every number is simulated.</p>` : html``}
<p class="stale" role="status" id="refreshed"></p>
${section('health', 'Health', healthSection(status))}
${section('usage', 'Usage of the last 24 hours', usageSection(status.usage))}
${section('spend', `Spend of ${status.spend.month}`, spendSection(status.spend))}
${section('limits', 'Near a limit', limitsSection(status.limits))}
</main>
<footer data-part="footer">
<p>Page of ${now.slice(0, 10)} ${now.slice(11, 19)} UTC. All times are UTC. Running since ${startedAt.slice(0, 10)} ${startedAt.slice(11, 19)}.</p>
<p>Version ${version}, revision ${revision}. Its documentation is README.md and docs/ of that version; what OpenAI says of these numbers is in its <a href="https://platform.openai.com/docs/api-reference/usage">API reference</a>.</p>
</footer>
</body>
</html>
`.html;
}

function section(name: string, title: string, content: Html): Html {
  return html`<section aria-labelledby="${name}"><h2 id="${name}"${name === 'health' ? html` class="hidden"` : html``}>${title}</h2><div data-part="${name}">
${content}
</div></section>`;
}

/** A tab tells what is wrong, too. */
function titleOf({ apis, simulated }: Status): string {
  const down = apis.filter(({ up }) => up === false).length;
  const what = `${simulated ? 'Demo · ' : ''}openai-usage-exporter`;
  return down === 0 ? what : `${down} failing · ${what}`;
}

/** The page at /: how each api is doing, and where to go from here. No script, no picture, nothing from elsewhere. */
import { createHash } from 'node:crypto';
import { type Html, html } from './html.ts';
import type { ApiStatus, Status } from './status.ts';

const style = `
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: #1c2330; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3rem .7rem .3rem 0; border-bottom: 1px solid #d8dce3; vertical-align: top; }
.up { color: #14703a; } .down { color: #b3261e; font-weight: 600; } .untried { color: #5c6675; }
.simulated { background: #fff3cd; padding: .6rem 1rem; border: 1px solid #e0c46c; }
footer { margin-top: 2rem; color: #5c6675; }
`;

/** Allows this page's own style sheet and nothing else. */
export const landingPolicy = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

export function landingPage(status: Status, telemetryPath: string): string {
  const { counters } = status;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>openai-usage-exporter</title>
<style>${{ html: style }}</style>
</head>
<body>
<h1>openai-usage-exporter</h1>
${status.simulated ? [html`<p class="simulated">This is a demonstration: every number is simulated.</p>\n`] : []}<p><a href="${telemetryPath}">Metrics</a> · <a href="/api/status">Status as JSON</a> · <a href="/-/healthy">Healthy?</a> · <a href="/-/ready">Ready?</a></p>
<h2>Apis</h2>
<table>
<thead><tr><th>api</th><th>state</th><th>last success</th><th>next poll</th><th>data through</th><th>series</th></tr></thead>
<tbody>
${status.apis.map(rowOf)}</tbody>
</table>
<h2>Counters</h2>
<p>${counterWords(counters.state)}${counters.anchor === null ? '' : `; counting since ${counters.anchor}`}.${counters.message === null ? '' : ` ${counters.message}`}</p>
<footer>Version ${status.version}, revision ${status.revision}. Started ${status.startedAt}; this page is of ${status.now}.</footer>
</body>
</html>
`.html;
}

function rowOf(api: ApiStatus): Html {
  const [name, word] = api.up === null ? ['untried', 'not tried yet'] : api.up ? ['up', 'up'] : ['down', 'down'];
  const why = [api.reason, api.message, api.whatToDo].filter((text) => text !== null).join(' – ');
  const through = Object.entries(api.dataThrough).map(([width, time]) => html`${width}: ${time}<br>`);
  return html`<tr><td>${api.api}</td><td><span class="${name}">${word}</span>${why === '' ? [] : [html`<br>${why}`]}</td><td>${api.lastSuccess ?? '–'}</td><td>${api.nextPoll ?? '–'}</td><td>${through}</td><td>${api.series}</td></tr>\n`;
}

function counterWords(state: Status['counters']['state']): string {
  switch (state) {
    case 'replaying':
      return 'History is being read; they appear when it is complete';
    case 'shown':
      return 'Shown';
    case 'rollover':
      return 'Passing over to the new period';
    case 'unavailable':
      return 'Not shown';
  }
}

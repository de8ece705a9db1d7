/** Health on the status page: the verdict, the figures, what fails and what to do, every api and every list. */
import type { ApiStatus, CountersStatus, ListStatus, Status } from '../status.ts';
import { type Html, html } from './html.ts';
import { ago, money, reasonWords, share, shortly, span, until } from './words.ts';

export function healthSection(status: Status): Html {
  const { apis, lists, counters, now } = status;
  const failing = apis.filter(isDown);
  return html`${verdict(apis)}
${failing.length === 0 ? html`` : html`<ul class="failures">${failing.map((api) => failure(api, now))}</ul>`}
<dl class="tiles">${tiles(status)}</dl>
<ul class="apis" aria-label="Apis and their last success">${apis.map((api) => chip(api, now))}</ul>
<details id="apis"${failing.length > 0 || lists.some(isDown) ? html` open` : html``}><summary>Every api and list in full, and the counters</summary>
<div class="scroll" tabindex="0" role="region" aria-label="Every api"><table>
<thead><tr><th scope="col">Api</th><th scope="col">State</th><th scope="col">Last success</th><th scope="col">Settled data until</th><th scope="col">Next poll</th><th scope="col" class="number">Series</th></tr></thead>
<tbody>${apis.map((api) => row(api, now))}</tbody>
</table></div>
<p class="soft">${counterWords(counters)}</p>${listsTable(lists, now)}</details>`;
}

function isDown({ up }: ApiStatus | ListStatus): boolean {
  return up === false;
}

function chip({ api, up, lastSuccess }: ApiStatus, now: string): Html {
  const [look, word] = lookOf(up);
  return html`<li>${api} <strong class="${look}">${word}</strong> <span class="soft">${ago(lastSuccess, now, 'never')}</span></li>`;
}

function lookOf(up: boolean | null): readonly [look: string, word: string] {
  if (up === null) return ['soft', 'not asked yet'];
  return up ? ['good', 'up'] : ['bad', 'down'];
}

function verdict(apis: readonly ApiStatus[]): Html {
  const count = (wanted: boolean | null) => apis.filter(({ up }) => up === wanted).length;
  const [down, untried] = [count(false), count(null)];
  const of = `${apis.length} ${apis.length === 1 ? 'api' : 'apis'}`;
  if (apis.length === 0) return html`<p class="verdict warn">No api is polled.</p>`;
  if (down > 0)
    return html`<p class="verdict bad">${down === apis.length ? 'Failing' : 'Partly failing'}: ${down} of ${of} ${down === 1 ? 'fails' : 'fail'}.</p>`;
  if (untried === apis.length) return html`<p class="verdict warn">Starting: no api has been asked yet.</p>`;
  if (untried > 0)
    return html`<p class="verdict warn">Starting: ${untried} of ${of} ${untried === 1 ? 'has' : 'have'} not been asked yet.</p>`;
  return html`<p class="verdict good">Healthy: ${apis.length === 1 ? 'the api answers' : `all ${of} answer`}.</p>`;
}

function failure(api: ApiStatus, now: string): Html {
  const { reason, message, whatToDo } = api;
  const since =
    api.lastSuccess === null ? 'It has not succeeded yet' : html`Last success ${ago(api.lastSuccess, now, '')}`;
  return html`<li><strong>${api.api}: ${reason === null ? 'the last poll failed' : `${reasonWords(reason)} (${reason})`}.</strong> ${whatToDo ?? ''}<br><span class="soft">${since}; next try ${until(api.nextPoll, now, 'not known')}.${message === null ? '' : ` ${message}`}</span></li>`;
}

function tiles({ apis, usage, spend, limits, now }: Status): readonly Html[] {
  const known = usage.hours.filter(({ state }) => state !== 'unknown');
  const partial =
    usage.hours.length - usage.hours.filter(({ state }) => state !== 'unknown' && state !== 'partial').length;
  const sumOf = (amount: 'tokens' | 'requests') =>
    known.some((hour) => hour[amount] !== null)
      ? shortly(known.reduce((sum, hour) => sum + (hour[amount] ?? 0), 0))
      : 'not known';
  const note =
    usage.apis.length === 0
      ? 'none of these apis is polled'
      : partial === 0
        ? 'last 24 hours'
        : `last 24 hours, ${partial} of them not wholly known`;
  const nearest = limits.nearest[0];
  const settled = newestSettled(apis);
  return [
    tile('Tokens', sumOf('tokens'), note),
    tile('Requests', sumOf('requests'), note),
    ...(spend.currencies.length === 0
      ? [tile('Spend this month', 'not known', spend.polled ? 'no day has been read yet' : 'costs are not polled')]
      : spend.currencies
          .slice(0, 2)
          .map(({ currency, total, budget }) =>
            tile(
              'Spend this month',
              money(total, currency),
              `${budget === null ? 'no budget is set' : `${share(total / budget)} of ${money(budget, currency)}`}${spend.missing.length === 0 ? '' : `; ${spend.missing.length} days not known`}`,
            ),
          )),
    tile(
      'Nearest limit',
      nearest === undefined ? 'not known' : share(nearest.share),
      nearest === undefined
        ? 'nothing to compare'
        : [nearest.projectName ?? nearest.projectId ?? 'the organization', nearest.model]
            .filter((text) => text !== null)
            .join(', '),
    ),
    tile(
      'Age of usage',
      settled === undefined ? 'not known' : span(Date.parse(now) - settled),
      'settled, of the slowest api',
    ),
  ];
}

function tile(name: string, figure: string, note: string): Html {
  return html`<div><dt>${name}</dt><dd class="figure">${figure}</dd><dd class="small">${note}</dd></div>`;
}

/** The end of settled minutes of the api that is furthest behind; undefined if one has none. Days are not compared. */
function newestSettled(apis: readonly ApiStatus[]): number | undefined {
  const ends = apis.filter(({ api }) => api !== 'costs').map(({ dataThrough }) => dataThrough['1m']);
  const known = ends.flatMap((end) => (end === undefined ? [] : [Date.parse(end)]));
  return known.length === 0 || known.length < ends.length ? undefined : Math.min(...known);
}

function row(api: ApiStatus, now: string): Html {
  const [look, word] = lookOf(api.up);
  const through = Object.entries(api.dataThrough);
  const newest = through.sort(([, a], [, b]) => (a < b ? 1 : -1))[0];
  return html`<tr><th scope="row">${api.api}</th><td class="${look}">${word}${api.reason === null ? '' : `: ${reasonWords(api.reason)}`}</td><td>${ago(api.lastSuccess, now, 'never')}</td><td>${newest === undefined ? 'not known' : ago(newest[1], now, '')}</td><td>${until(api.nextPoll, now, 'not known')}</td><td class="number">${api.series}</td></tr>\n`;
}

/** Names and limits: usage and spend are whole without them, so they have no say in the verdict. */
function listsTable(lists: readonly ListStatus[], now: string): Html {
  if (lists.length === 0) return html``;
  return html`
<h3>Names and limits</h3>
<div class="scroll" tabindex="0" role="region" aria-label="Lists of names and limits"><table>
<thead><tr><th scope="col">List</th><th scope="col">State</th><th scope="col">Last success</th></tr></thead>
<tbody>${lists.map((list) => listRow(list, now))}</tbody>
</table></div>
${listFailures(lists)}`;
}

function listRow(list: ListStatus, now: string): Html {
  const [look, word] = isUnreadable(list) ? ['warn', unreadable] : lookOf(list.up);
  const why = isDown(list) && list.reason !== null ? `: ${reasonWords(list.reason)}` : '';
  return html`<tr><th scope="row">${list.api}</th><td class="${look}">${word}${why}</td><td>${ago(list.lastSuccess, now, 'never')}</td></tr>\n`;
}

/** What to do, once for all lists that lack the same: mostly it is the scope, and then they all do. */
function listFailures(lists: readonly ListStatus[]): Html {
  const alike = new Map<string, { readonly words: string; readonly first: ListStatus; readonly names: string[] }>();
  for (const list of lists) {
    if (list.reason === null) continue;
    const words = isUnreadable(list) ? unreadable : `${reasonWords(list.reason)} (${list.reason})`;
    const key = `${words} ${list.whatToDo}`;
    const group = alike.get(key) ?? { words, first: list, names: [] };
    group.names.push(list.api);
    alike.set(key, group);
  }
  if (alike.size === 0) return html``;
  return html`<ul class="failures">${[...alike.values()].map(
    ({ words, first, names }) =>
      html`<li${isUnreadable(first) ? html` class="note"` : html``}><strong>${names.join(', ')}: ${words}.</strong> ${first.whatToDo ?? ''}<br><span class="soft">${first.message ?? ''}</span></li>`,
  )}</ul>`;
}

const unreadable = 'not readable with this key';

/** Without the scope a list is neither up nor down: it was left out on purpose, maybe. */
function isUnreadable({ up, reason }: ListStatus): boolean {
  return up === null && reason === 'permission';
}

function counterWords({ state, anchor, message }: CountersStatus): string {
  const since = anchor === null ? '' : ` since ${anchor.slice(0, 10)}`;
  const words = {
    replaying: `Counters${since} are being read and appear when they are complete.`,
    shown: `Counters count${since}.`,
    rollover: 'Counters are passing over to the new period.',
    unavailable: 'Counters are not shown.',
  } as const;
  return message === null ? words[state] : `${words[state]} ${message}`;
}

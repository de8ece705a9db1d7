/** Health on the status page: the verdict, the figures, what fails and what to do, every api and every list. */
import { endpointOf } from '../openai/catalogue.ts';
import type {
  Amounts,
  ApiStatus,
  CountersStatus,
  LimitsStatus,
  ListStatus,
  SpendStatus,
  Status,
  UsageStatus,
} from '../status.ts';
import { numberCell, numberColumn, scrollTable } from './cells.ts';
import { type Html, html } from './html.ts';
import { ago, money, reasonWords, share, shortly, span, until } from './words.ts';

export function healthSection(status: Status): Html {
  const { apis, lists, counters, now } = status;
  const failing = apis.filter(isDown);
  return html`${verdict(apis)}
${failing.length === 0 ? html`` : html`<ul class="failures">${failing.map((api) => failure(api, now))}</ul>`}
${note('Numbers come late.', status.tooSlow)}${note('The state file needs a look.', status.stateFileTrouble)}
${leftOutList([...apis, ...lists], now)}${refusedDimensions(apis)}<dl class="tiles">${tiles(status)}</dl>
<ul class="apis" aria-label="Apis and their last success">${apis.map((api) => chip(api, now))}</ul>
<details id="apis"${failing.length > 0 || lists.some(isDown) ? html` open` : html``}><summary>Every api and list in full, and the counters</summary>
${apisTable(apis, now)}
<p class="soft">${counterWords(counters)}</p>${listsTable(lists, now)}</details>`;
}

/** Trouble that is no api's. */
function note(title: string, trouble: string | null): Html {
  if (trouble === null) return html``;
  return html`<ul class="failures"><li class="note"><strong>${title}</strong> ${trouble}</li></ul>
`;
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
  const why = reason === null ? 'the last poll failed' : `${reasonWords(reason)} (${reason})`;
  const since =
    api.lastSuccess === null ? 'It has not succeeded yet' : html`Last success ${ago(api.lastSuccess, now, '')}`;
  const next = html`${since}; next try ${until(api.nextPoll, now, 'not known')}.${message === null ? '' : ` ${message}`}`;
  return html`<li><strong>${api.api}: ${why}.</strong> ${whatToDo ?? ''}<br><span class="soft">${next}</span></li>`;
}

/** The part of the last day's answers that could not be taken: not a failure, but not to be overlooked. */
function leftOutList(all: readonly (ApiStatus | ListStatus)[], now: string): Html {
  const recent = all.filter(({ leftOut }) => leftOut !== null && Date.parse(now) - Date.parse(leftOut.at) < aDay);
  if (recent.length === 0) return html``;
  return html`<ul class="failures">${recent.map((each) => leftOutItem(each, now))}</ul>
`;
}

function leftOutItem({ api, leftOut }: ApiStatus | ListStatus, now: string): Html {
  if (leftOut === null) return html``;
  const rows = leftOut.count === 1 ? '1 row or item was' : `${leftOut.count} rows or items were`;
  const messages = leftOut.messages.map((message) => html`<br><span class="soft">${message}</span>`);
  return html`<li class="note"><strong>${api}: ${rows} not taken whole, the last ${ago(leftOut.at, now, '')}.</strong>${messages}</li>`;
}

const aDay = 86_400_000;

/** Dimensions that OpenAI does not grant, each reason once. */
function refusedDimensions(apis: readonly ApiStatus[]): Html {
  const refused = apis.filter(({ dimensionsRefused }) => dimensionsRefused.length > 0);
  if (refused.length === 0) return html``;
  return html`<ul class="failures">${refused.map(({ api, dimensionsRefused }) => {
    const names = dimensionsRefused.map(({ dimension }) => dimension).join(', ');
    const reasons = [...new Set(dimensionsRefused.map(({ reason }) => reason))].join(' ');
    return html`<li class="note"><strong>${api}: OpenAI does not grant grouping by ${names}.</strong> Its numbers come without ${dimensionsRefused.length === 1 ? 'that label' : 'those labels'}; it is tried again each day.<br><span class="soft">${reasons}</span></li>`;
  })}</ul>
`;
}

function tiles({ apis, usage, spend, limits, now }: Status): readonly Html[] {
  const note = usageNote(usage);
  return [
    tile('Tokens', usedIn(usage, 'tokens'), note),
    tile('Requests', usedIn(usage, 'requests'), note),
    ...spendTiles(spend),
    limitTile(limits),
    ageTile(apis, now),
  ];
}

function usedIn({ hours }: UsageStatus, amount: keyof Amounts): string {
  const known = hours.filter(({ state }) => state !== 'unknown');
  if (known.every((hour) => hour[amount] === null)) return 'not known';
  return shortly(known.reduce((sum, hour) => sum + (hour[amount] ?? 0), 0));
}

function usageNote({ apis, hours }: UsageStatus): string {
  if (apis.length === 0) return 'none of these apis is polled';
  const partial = hours.filter(({ state }) => state === 'unknown' || state === 'partial').length;
  return partial === 0 ? 'last 24 hours' : `last 24 hours, ${partial} of them not wholly known`;
}

function spendTiles({ polled, missing, currencies }: SpendStatus): readonly Html[] {
  const name = 'Spend this month';
  if (currencies.length === 0) {
    return [tile(name, 'not known', polled ? 'no day has been read yet' : 'costs are not polled')];
  }
  const unknown = missing.length === 0 ? '' : `; ${missing.length} ${missing.length === 1 ? 'day' : 'days'} not known`;
  return currencies.slice(0, 2).map(({ currency, total, budget }) => {
    const used = budget === null ? 'no budget is set' : `${share(total / budget)} of ${money(budget, currency)}`;
    return tile(name, money(total, currency), `${used}${unknown}`);
  });
}

function limitTile({ nearest: [nearest] }: LimitsStatus): Html {
  const name = 'Nearest limit';
  if (nearest === undefined) return tile(name, 'not known', 'nothing to compare');
  const owner = nearest.projectName ?? nearest.projectId ?? 'the organization';
  const { model } = nearest;
  return tile(name, share(nearest.share), model === null ? owner : `${owner}, ${model}`);
}

function ageTile(apis: readonly ApiStatus[], now: string): Html {
  const settled = newestSettled(apis);
  const age = settled === undefined ? 'not known' : span(Date.parse(now) - settled);
  return tile('Age of usage', age, 'settled, of the slowest api');
}

function tile(name: string, figure: string, note: string): Html {
  return html`<div><dt>${name}</dt><dd class="figure">${figure}</dd><dd class="small">${note}</dd></div>`;
}

/** The end of settled minutes of the api that is furthest behind; undefined if one has none. Days are not compared. */
function newestSettled(apis: readonly ApiStatus[]): number | undefined {
  const usage = apis.filter(({ api }) => endpointOf(api)?.kind === 'usage');
  const ends = usage.map(({ dataThrough }) => dataThrough['1m']);
  const known = ends.flatMap((end) => (end === undefined ? [] : [Date.parse(end)]));
  return known.length === 0 || known.length < ends.length ? undefined : Math.min(...known);
}

function apisTable(apis: readonly ApiStatus[], now: string): Html {
  return scrollTable({
    label: 'Every api',
    head: ['Api', 'State', 'Last success', 'Settled data until', 'Next poll', numberColumn('Series')],
    rows: apis.map((api) => apiRow(api, now)),
  });
}

function apiRow(api: ApiStatus, now: string): Html {
  const [look, word] = lookOf(api.up);
  const why = api.reason === null ? '' : `: ${reasonWords(api.reason)}`;
  const newest = Object.values(api.dataThrough).sort().at(-1);
  const cells = [
    html`<td class="${look}">${word}${why}</td>`,
    html`<td>${ago(api.lastSuccess, now, 'never')}</td>`,
    html`<td>${ago(newest ?? null, now, 'not known')}</td>`,
    html`<td>${until(api.nextPoll, now, 'not known')}</td>`,
    numberCell(String(api.series)),
  ];
  return html`<tr><th scope="row">${api.api}</th>${cells}</tr>\n`;
}

/** Names and limits: usage and spend are whole without them, so they have no say in the verdict. */
function listsTable(lists: readonly ListStatus[], now: string): Html {
  if (lists.length === 0) return html``;
  return html`
<h3>Names and limits</h3>
${scrollTable({
  label: 'Lists of names and limits',
  head: ['List', 'State', 'Last success'],
  rows: lists.map((list) => listRow(list, now)),
})}
${listFailures(lists)}`;
}

function listRow(list: ListStatus, now: string): Html {
  const [look, word] = isUnreadable(list) ? ['warn', unreadable] : lookOf(list.up);
  const why = isDown(list) && list.reason !== null ? `: ${reasonWords(list.reason)}` : '';
  return html`<tr><th scope="row">${list.api}</th><td class="${look}">${word}${why}</td><td>${ago(list.lastSuccess, now, 'never')}</td></tr>\n`;
}

/** Lists that lack the same. */
interface Alike {
  readonly words: string;
  readonly first: ListStatus;
  readonly names: string[];
}

/** Returns what to do, once for all lists that lack the same: mostly it is the scope, and then they all do. */
function listFailures(lists: readonly ListStatus[]): Html {
  const alike = new Map<string, Alike>();
  for (const list of lists) {
    if (list.reason === null) continue;
    const words = isUnreadable(list) ? unreadable : `${reasonWords(list.reason)} (${list.reason})`;
    const key = `${words} ${list.whatToDo}`;
    const group = alike.get(key) ?? { words, first: list, names: [] };
    group.names.push(list.api);
    alike.set(key, group);
  }
  if (alike.size === 0) return html``;
  return html`<ul class="failures">${[...alike.values()].map(alikeFailure)}</ul>`;
}

function alikeFailure({ words, first, names }: Alike): Html {
  const look = isUnreadable(first) ? html` class="note"` : html``;
  const message = html`<span class="soft">${first.message ?? ''}</span>`;
  return html`<li${look}><strong>${names.join(', ')}: ${words}.</strong> ${first.whatToDo ?? ''}<br>${message}</li>`;
}

const unreadable = 'not readable with this key';

/** A list that lacks the scope is neither up nor down: it was left out on purpose, maybe. */
function isUnreadable({ up, reason }: ListStatus): boolean {
  return up === null && reason === 'permission';
}

function counterWords({ state, anchor, message }: CountersStatus): string {
  const since = anchor === null ? '' : ` since ${anchor.slice(0, 10)}`;
  const words: Readonly<Record<CountersStatus['state'], string>> = {
    replaying: `Counters${since} are being read and appear when they are complete.`,
    shown: `Counters count${since}.`,
    unavailable: 'Counters are not shown.',
  };
  return message === null ? words[state] : `${words[state]} ${message}`;
}

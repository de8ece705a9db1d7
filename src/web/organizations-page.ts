/** The page at / where there are several organizations: one line each, in the order that is asked for. */
import type { NearLimit, OrganizationLine, OrganizationsStatus } from '../status.ts';
import { levelOf, scrollTable, usedCell } from './cells.ts';
import { meter } from './charts.ts';
import { type Html, html } from './html.ts';
import { type Place, pageFrame, program, section } from './status-page.ts';
import { exactly, money, share, shortly } from './words.ts';

type Column = {
  readonly title: string;
  readonly look?: 'number';
  /** Puts first what is worth a look. */
  readonly compare: (a: OrganizationLine, b: OrganizationLine) => number;
};

/** Columns by the word that the query has for their order; that of the first is the usual one. */
const columns: ReadonlyMap<string, Column> = new Map<string, Column>([
  ['name', { title: 'Organization', compare: byName }],
  ['health', { title: 'Health', compare: (a, b) => troubleOf(b) - troubleOf(a) }],
  ['tokens', { title: 'Tokens, 24 h', look: 'number', compare: most(({ summary }) => summary?.tokens) }],
  ['requests', { title: 'Requests, 24 h', look: 'number', compare: most(({ summary }) => summary?.requests) }],
  ['spend', { title: 'Spend of the month', look: 'number', compare: most((line) => spendOf(line)?.total) }],
  ['budget', { title: 'Part of the budget', compare: most(budgetShare) }],
  ['limit', { title: 'Nearest limit', compare: most(({ summary }) => summary?.nearest?.share) }],
]);

/** Returns the order that a URL asks for: one of few. */
export function orderIn(url: string): string {
  const at = url.indexOf('?');
  const asked = at < 0 ? null : new URLSearchParams(url.slice(at)).get('sort');
  return asked !== null && columns.has(asked) ? asked : 'name';
}

export function organizationsPage(status: OrganizationsStatus, { telemetryPath, root }: Place, order: string): string {
  const { organizations, reloadTrouble, simulated } = status;
  const down = organizations.filter(({ up }) => up === false).length;
  const compare = columns.get(order)?.compare ?? byName;
  const lines = [...organizations].sort((a, b) => compare(a, b) || byName(a, b));
  return pageFrame(status, {
    title: `${down === 0 ? '' : `${down} down · `}${program}`,
    heading: program,
    root,
    links: html`<a href=".${telemetryPath}">Metrics of the exporter</a><a href="./sd">Targets</a>`,
    notes: simulated
      ? html`<p class="simulated"><strong>Demonstration.</strong> These organizations do not exist: every number is simulated.</p>`
      : html``,
    sections: section(
      'organizations',
      'Organizations',
      html`${verdict(organizations)}${
        reloadTrouble === null
          ? html``
          : html`<ul class="failures"><li class="note"><strong>The file of organizations cannot be used, so what it said before stays in use.</strong> ${reloadTrouble}</li></ul>`
      }
${scrollTable({
  label: 'Table of organizations',
  head: [...columns].map(([word, { title, look }]) => ({
    name: html`<a href="?sort=${word}"${word === order ? html` aria-current="true"` : html``}>${title}</a>`,
    look: look ?? 'plain',
  })),
  rows: lines.map((line) => row(line, telemetryPath)),
})}`,
    ),
  });
}

function verdict(all: readonly OrganizationLine[]): Html {
  const count = (wanted: boolean | null) => all.filter(({ up }) => up === wanted).length;
  const [down, starting] = [count(false), count(null)];
  const of = `${exactly(all.length)} ${all.length === 1 ? 'organization' : 'organizations'}`;
  if (all.length === 0) return html`<p class="verdict warn">No organization is served here.</p>`;
  if (down > 0) return html`<p class="verdict bad">${exactly(down)} of ${of} ${down === 1 ? 'is' : 'are'} down.</p>`;
  if (starting > 0)
    return html`<p class="verdict warn">${exactly(starting)} of ${of} ${starting === 1 ? 'is' : 'are'} starting.</p>`;
  return html`<p class="verdict good">${all.length === 1 ? 'The organization is up.' : `All ${of} are up.`}</p>`;
}

function row(line: OrganizationLine, telemetryPath: string): Html {
  const { name, path, summary } = line;
  const number = (value: number | null | undefined) =>
    html`<td class="number">${value == null ? '–' : shortly(value)}</td>`;
  const spend = (summary?.spend ?? []).map(
    ({ currency, total, budget }) =>
      `${money(total, currency)}${budget === null ? '' : ` of ${money(budget, currency)}`}`,
  );
  const part = budgetShare(line);
  return html`<tr><th scope="row" class="id"><a href=".${path}">${name}</a> <a class="soft" href=".${path.slice(0, -1)}${telemetryPath}">metrics</a></th>${healthCell(line)}${number(summary?.tokens)}${number(summary?.requests)}<td class="number">${spend.length === 0 ? '–' : spend.join(', ')}</td>${part === undefined ? html`<td class="share">–</td>` : usedCell(part)}${limitCell(summary?.nearest ?? null)}</tr>
`;
}

function healthCell({ up, summary }: OrganizationLine): Html {
  const failing = summary?.failing ?? [];
  const [look, words] = up === null ? ['soft', 'starting'] : up ? ['good', 'up'] : ['bad', 'down'];
  if (failing.length === 0) return html`<td class="${look}">${words}</td>`;
  const what = up
    ? html`<span class="warn">${failing.join(', ')} ${failing.length === 1 ? 'fails' : 'fail'}</span>`
    : html`<strong class="${look}">${words}</strong>`;
  return html`<td>${what} <span class="soft">${summary?.message ?? ''} ${summary?.whatToDo ?? ''}</span></td>`;
}

const limitWords: Readonly<Record<NearLimit['kind'], string>> = {
  budget: 'budget',
  spend_limit: 'spend limit',
  spend_alert: 'spend alert',
  tokens_per_minute: 'tokens per minute',
  requests_per_minute: 'requests per minute',
};

function limitCell(near: NearLimit | null): Html {
  if (near === null) return html`<td>–</td>`;
  const of = [near.projectName ?? near.projectId, near.model].filter((each) => each !== null).join(', ');
  const level = levelOf(near.share);
  return html`<td>${meter(near.share, level)} ${share(near.share)} <span class="soft">${limitWords[near.kind]}${of === '' ? '' : ` of ${of}`}</span></td>`;
}

/** The currency with a budget, or else the first. */
function spendOf({ summary }: OrganizationLine) {
  const spend = summary?.spend ?? [];
  return spend.find(({ budget }) => budget !== null) ?? spend[0];
}

function budgetShare(line: OrganizationLine): number | undefined {
  const spend = spendOf(line);
  return spend?.budget == null ? undefined : spend.total / spend.budget;
}

/** 2 while it is down, 1 while something fails, 0.5 before that is known. */
function troubleOf({ up, summary }: OrganizationLine): number {
  if (up === false) return 2;
  if (up === null) return 0.5;
  return (summary?.failing.length ?? 0) > 0 ? 1 : 0;
}

function byName(a: OrganizationLine, b: OrganizationLine): number {
  return a.name < b.name ? -1 : Number(a.name > b.name);
}

/** Puts the greatest first, and what is not known last. */
function most(value: (line: OrganizationLine) => number | null | undefined): Column['compare'] {
  const of = (line: OrganizationLine) => value(line) ?? Number.NEGATIVE_INFINITY;
  return (a, b) => (of(a) === of(b) ? 0 : of(b) - of(a));
}

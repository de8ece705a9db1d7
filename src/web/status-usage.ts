/** Usage on the status page: tokens and requests by hour, and by model and project. */
import { label, partCell } from './cells.ts';
import { type Bar, barChart, looks } from './charts.ts';
import { type Html, html } from './html.ts';
import type { Amounts, HourStatus, Ranking, UsageStatus } from './status.ts';
import { clockTime, dayOf, exactly, shortly } from './words.ts';

type Amount = keyof Amounts;

/** One line of a chart's legend and one column of its table. */
interface Part {
  readonly name: string;
  readonly values: readonly (number | null)[];
}

export function usageSection(usage: UsageStatus): Html {
  if (usage.apis.length === 0) return html`<p>None of the apis that count tokens or requests is polled.</p>`;
  const { hours } = usage;
  const unknown = hours.filter(({ state }) => state === 'unknown').length;
  if (unknown === hours.length) return html`<p>Not known yet: no hour has been read.</p>`;
  const partial = hours.filter(({ state }) => state === 'partial');
  const tokens = hours.some((hour) => hour.tokens !== null);
  return html`<p class="soft">${usage.apis.join(', ')}; in UTC, the running hour included.${unknown === 0 ? '' : ` ${unknown} ${unknown === 1 ? 'hour is' : 'hours are'} not known: from before this process read them.`}${partial.length === 0 ? '' : ` ${partial.length} ${partial.length === 1 ? 'hour lacks' : 'hours lack'} some apis: ${[...new Set(partial.flatMap(({ missing }) => missing))].join(', ')}.`}</p>
<div class="pair">
${tokens ? byHour(usage, 'tokens', 'Tokens by hour') : html``}
${byHour(usage, 'requests', 'Requests by hour')}
</div>
<div class="pair">
${ranking('model', 'Models', usage.models)}
${ranking('project', 'Projects', usage.projects)}
</div>`;
}

function byHour({ hours, models }: UsageStatus, amount: Amount, title: string): Html {
  const parts = partsOf(hours, models, amount);
  const bars = hours.map((hour, index): Bar => {
    const value = hour[amount];
    const when = `${dayOf(hour.start)} ${clockTime(hour.start)}`;
    if (value === null) return { title: `${when}: not known`, parts: null };
    return {
      title: `${when}: ${exactly(value)} ${amount}${stateNote(hour.state)}`,
      parts: parts.map(({ values }) => values[index] ?? 0),
      provisional: hour.state !== 'settled',
    };
  });
  const marks = new Map(
    hours.flatMap(({ start }, index) =>
      Number(start.slice(11, 13)) % 6 === 0 && index < hours.length - 2 ? [[index, clockTime(start)]] : [],
    ),
  );
  return html`<div><h3>${title}</h3>
${barChart({ label: `${title}, as bars; the table below has the numbers`, bars, text: shortly, marks, names: parts.map(({ name }) => name) })}
<details id="table-${amount}"><summary>${title}, as a table</summary><div class="scroll" tabindex="0" role="region" aria-label="${title}"><table>
<thead><tr><th scope="col">Hour</th><th scope="col" class="number">All</th>${parts.length < 2 ? [] : parts.map(({ name }) => html`<th scope="col" class="number">${name}</th>`)}<th scope="col">State</th></tr></thead>
<tbody>${hours.map((hour, index) => html`<tr><th scope="row">${dayOf(hour.start)} ${clockTime(hour.start)}</th><td class="number">${cell(hour[amount])}</td>${parts.length < 2 ? [] : parts.map(({ values }) => html`<td class="number">${cell(values[index] ?? null)}</td>`)}<td>${hour.state}</td></tr>\n`)}</tbody>
</table></div></details></div>`;
}

/** The first models by themselves, the others and what has no model together; everything together without models. */
function partsOf(hours: readonly HourStatus[], models: Ranking | null, amount: Amount): readonly Part[] {
  const all = hours.map((hour) => hour[amount]);
  if (models === null) return [{ name: 'all', values: all }];
  const named = models.top
    .filter((one) => one[amount] > 0)
    .slice(0, looks - 1)
    .map(({ id, byHour }) => ({ name: id, values: byHour.map((hour) => hour[amount]) }));
  const others = all.map((value, index) =>
    value === null ? null : named.reduce((left, { values }) => left - (values[index] ?? 0), value),
  );
  if (!others.some((value) => value !== null && value > 0))
    return named.length === 0 ? [{ name: 'all', values: all }] : named;
  return [...named, { name: 'all others', values: others }];
}

function stateNote(state: HourStatus['state']): string {
  if (state === 'open') return ' so far';
  if (state === 'partial') return ', not of all apis';
  return state === 'settling' ? ', may still change' : '';
}

function ranking(word: string, title: string, ranking: Ranking | null): Html {
  if (ranking === null) return html`<div><h3>${title}</h3><p class="soft">Usage is not grouped by ${word}.</p></div>`;
  const { top, rest } = ranking;
  if (top.length === 0)
    return html`<div><h3>${title}</h3><p class="soft">No usage in the hours that are known.</p></div>`;
  const rows = [
    ...top.map(({ id, name, tokens, requests }) => ({ label: label(id, name, word), tokens, requests })),
    ...(rest === null
      ? []
      : [{ label: html`<em>${exactly(rest.count)} others</em>`, tokens: rest.tokens, requests: rest.requests }]),
  ];
  const tokens = rows.reduce((sum, row) => sum + row.tokens, 0);
  const requests = rows.reduce((sum, row) => sum + row.requests, 0);
  const shareOf = (row: Amounts) =>
    tokens > 0 ? (row.tokens ?? 0) / tokens : requests > 0 ? (row.requests ?? 0) / requests : 0;
  return html`<div><h3>${title}</h3><div class="scroll" tabindex="0" role="region" aria-label="${title}"><table>
<thead><tr><th scope="col">${title.slice(0, -1)}</th><th scope="col" class="number">Tokens</th><th scope="col" class="number">Requests</th><th scope="col" class="share">Share of ${tokens > 0 ? 'tokens' : 'requests'}</th></tr></thead>
<tbody>${rows.map((row) => html`<tr><th scope="row" class="id">${row.label}</th><td class="number" title="${exactly(row.tokens)}">${shortly(row.tokens)}</td><td class="number" title="${exactly(row.requests)}">${shortly(row.requests)}</td>${partCell(shareOf(row))}</tr>\n`)}</tbody>
</table></div></div>`;
}

function cell(value: number | null): string {
  return value === null ? 'not known' : exactly(value);
}

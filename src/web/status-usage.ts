/** Usage on the status page: tokens and requests by hour, and by model and project. */
import type { Amounts, HourStatus, Ranking, UsageStatus } from '../status.ts';
import { label, numberCell, numberColumn, partCell, scrollTable, shareColumn } from './cells.ts';
import { type Bar, barChart, looks } from './charts.ts';
import { type Html, html } from './html.ts';
import { clockTime, dayOf, exactly, otherCount, shortly } from './words.ts';

type Amount = keyof Amounts;

/** One line of a chart's legend and one column of its table. */
interface Part {
  readonly name: string;
  readonly values: readonly (number | null)[];
}

export function usageSection(usage: UsageStatus): Html {
  if (usage.apis.length === 0) return html`<p>None of the apis that count tokens or requests is polled.</p>`;
  const { hours } = usage;
  if (hours.every(({ state }) => state === 'unknown')) return html`<p>Not known yet: no hour has been read.</p>`;
  const tokens = hours.some((hour) => hour.tokens !== null);
  return html`<p class="soft">${coverageNote(usage)}</p>
<div class="pair">
${tokens ? byHour(usage, 'tokens', 'Tokens by hour') : html``}
${byHour(usage, 'requests', 'Requests by hour')}
</div>
<div class="pair">
${ranking('model', 'Models', usage.models)}
${ranking('project', 'Projects', usage.projects)}
</div>`;
}

/** Says what the numbers are of, and which hours they are not, or not wholly, of. */
function coverageNote({ apis, hours }: UsageStatus): string {
  const notes = [`Usage of ${apis.join(', ')}, by hour of UTC. The running hour is included.`];
  const unknown = hours.filter(({ state }) => state === 'unknown').length;
  if (unknown > 0) {
    notes.push(`${unknown} ${unknown === 1 ? 'hour is' : 'hours are'} not known: this process has not read them.`);
  }
  const partial = hours.filter(({ state }) => state === 'partial');
  if (partial.length > 0) {
    const lacking = new Set(partial.flatMap(({ missing }) => missing));
    const lack = partial.length === 1 ? 'hour lacks' : 'hours lack';
    notes.push(`${partial.length} ${lack} some apis: ${[...lacking].join(', ')}.`);
  }
  return notes.join(' ');
}

function byHour({ hours, models }: UsageStatus, amount: Amount, title: string): Html {
  const parts = partsOf(hours, models, amount);
  const chart = barChart({
    label: `${title}, as bars; the table below has the numbers`,
    bars: hours.map((hour, index) => hourBar(hour, amount, valuesAt(parts, index))),
    text: shortly,
    marks: hourMarks(hours),
    names: parts.map(({ name }) => name),
  });
  const table = hourTable(hours, parts.length < 2 ? [] : parts, amount, title);
  return html`<div><h3>${title}</h3>
${chart}
<details id="table-${amount}"><summary>${title}, as a table</summary>${table}</details></div>`;
}

function valuesAt(parts: readonly Part[], index: number): readonly (number | null)[] {
  return parts.map(({ values }) => values[index] ?? null);
}

function hourBar(hour: HourStatus, amount: Amount, parts: readonly (number | null)[]): Bar {
  const value = hour[amount];
  if (value === null) return { title: `${hourOf(hour)}: not known`, parts: null };
  return {
    title: `${hourOf(hour)}: ${exactly(value)} ${amount}${stateNote(hour.state)}`,
    parts: parts.map((part) => part ?? 0),
    provisional: hour.state !== 'settled',
  };
}

function hourOf({ start }: HourStatus): string {
  return `${dayOf(start)} ${clockTime(start)}`;
}

/** Every sixth hour of the day; none so near to the end that it would stand out of the drawing. */
function hourMarks(hours: readonly HourStatus[]): ReadonlyMap<number, string> {
  const marks = new Map<number, string>();
  for (const [index, { start }] of hours.slice(0, -2).entries()) {
    if (Number(start.slice(11, 13)) % 6 === 0) marks.set(index, clockTime(start));
  }
  return marks;
}

/** @param parts columns beside that of everything */
function hourTable(hours: readonly HourStatus[], parts: readonly Part[], amount: Amount, title: string): Html {
  return scrollTable({
    label: title,
    head: ['Hour', numberColumn('All'), ...parts.map(({ name }) => numberColumn(name)), 'State'],
    rows: hours.map((hour, index) => hourRow(hour, [hour[amount], ...valuesAt(parts, index)])),
  });
}

function hourRow(hour: HourStatus, values: readonly (number | null)[]): Html {
  const cells = values.map((value) => numberCell(value === null ? 'not known' : exactly(value)));
  return html`<tr><th scope="row">${hourOf(hour)}</th>${cells}<td>${hour.state}</td></tr>\n`;
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

interface Row {
  readonly label: Html;
  readonly tokens: number;
  readonly requests: number;
}

function ranking(word: string, title: string, ranking: Ranking | null): Html {
  if (ranking === null) return html`<div><h3>${title}</h3><p class="soft">Usage is not grouped by ${word}.</p></div>`;
  if (ranking.top.length === 0)
    return html`<div><h3>${title}</h3><p class="soft">No usage in the hours that are known.</p></div>`;
  const rows = rowsOf(ranking, word);
  // Where nothing has tokens, requests are what can be compared.
  const compared = sumOf(rows, 'tokens') > 0 ? 'tokens' : 'requests';
  const total = sumOf(rows, compared);
  const table = scrollTable({
    label: title,
    head: [title.slice(0, -1), numberColumn('Tokens'), numberColumn('Requests'), shareColumn(`Share of ${compared}`)],
    rows: rows.map((row) => rankingRow(row, total > 0 ? row[compared] / total : 0)),
  });
  return html`<div><h3>${title}</h3>${table}</div>`;
}

function rowsOf({ top, rest }: Ranking, word: string): readonly Row[] {
  const rows: Row[] = top.map((one) => ({ ...one, label: label(one.id, one.name, word) }));
  if (rest !== null) rows.push({ ...rest, label: html`<em>${otherCount(rest.count)}</em>` });
  return rows;
}

function sumOf(rows: readonly Row[], amount: Amount): number {
  return rows.reduce((sum, row) => sum + row[amount], 0);
}

function rankingRow({ label, tokens, requests }: Row, part: number): Html {
  const cells = [shortCell(tokens), shortCell(requests), partCell(part)];
  return html`<tr><th scope="row" class="id">${label}</th>${cells}</tr>\n`;
}

/** A large number in short, with all its digits for who points at it. */
function shortCell(value: number): Html {
  return html`<td class="number" title="${exactly(value)}">${shortly(value)}</td>`;
}

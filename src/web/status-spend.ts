/** Spend on the status page: the running month by day, against the budget, by project and by user. */
import type { CurrencySpend, DaySpend, SpendRanking, SpendStatus, UserSpend } from '../status.ts';
import { label, levelOf, numberCell, numberColumn, partCell, scrollTable, shareColumn } from './cells.ts';
import { type Bar, type BarChart, barChart, meter } from './charts.ts';
import { type Html, html } from './html.ts';
import { dayOf, money, otherCount, share, shortly, shortMoney } from './words.ts';

export function spendSection(spend: SpendStatus): Html {
  if (!spend.polled) return html`<p>Not known: costs are not polled.</p>`;
  if (spend.currencies.length === 0) return html`<p>Not known yet: no day of this month has been read.</p>`;
  const notes = [
    'Costs are those that OpenAI reports, by day of UTC. They come hours late, and the last two days still change.',
    ...(spend.missing.length === 0
      ? []
      : [`Days that are not known, and in no sum: ${spend.missing.map(dayOf).join(', ')}.`]),
    ...(spend.filtered ? ['Filters are set: only what they let through is counted.'] : []),
  ];
  return html`<p class="soft">${notes.join(' ')}</p>${spend.currencies.map((one) => ofCurrency(one, spend))}${unpricedLine(spend)}`;
}

/** Models that no estimate counts. */
function unpricedLine({ unpriced }: SpendStatus): Html {
  if (unpriced.length === 0) return html``;
  const models = unpriced.map(({ model, tokens }) => `${model} (${shortly(tokens)} tokens)`).join(', ');
  return html`<p class="soft">Models without a price yet, which no estimate of today counts: ${models}.</p>`;
}

function ofCurrency(spend: CurrencySpend, { currencies }: SpendStatus): Html {
  const { currency, days } = spend;
  const title = `Spend by day${currencies.length > 1 ? `, ${currency}` : ''}`;
  return html`${budgetLine(spend)}
${nowLine(spend)}
<div class="pair"><div><h3>${title}</h3>
${dayChart(spend, title)}
<details id="table-spend-${currency}"><summary>${title}, as a table</summary>${dayTable(days, currency, title)}</details></div>
${byProject(spend)}</div>
${spend.users === null ? '' : byUser(spend.users, spend)}`;
}

/** The sum that was spent, and how much of the budget that is on which day. */
function budgetLine({ currency, total, budget, days }: CurrencySpend): Html {
  const spent = html`<strong>${money(total, currency)}</strong>`;
  if (budget === null) {
    // The flag is about this currency only.
    return html`<p>${spent} so far. No budget is set${currency === 'usd' ? ' (--budget.monthly)' : ''}.</p>`;
  }
  const begun = begunDays(days).length;
  const used = total / budget;
  const day = `on day ${begun} of ${days.length} (${share(begun / days.length)} of the month)`;
  const words = html`<p>${spent} of ${money(budget, currency)}: ${share(used)} of the budget, ${day}.</p>`;
  return html`<div class="budget">${words}${meter(used, levelOf(used))}</div>`;
}

/** The spend that usage shows, beside the costs that are reported of today: those come hours late. */
function nowLine({ currency, now, days }: CurrencySpend): Html {
  if (now === null) return html``;
  const reported = days.find(({ state }) => state === 'open')?.amount ?? null;
  const words = [
    `Spend today: ${reported === null ? 'nothing' : money(reported, currency)} reported, about ${money(now.today, currency)} by usage; about ${money(now.hour, currency)} in the last hour.`,
    ...(now.error === null ? [] : [errorWords(now.error)]),
  ];
  return html`<p>${words.join(' ')}</p>`;
}

function errorWords(error: number): string {
  const how = error < 0 ? 'less' : 'more';
  return `On the newest final day the estimate was ${share(Math.abs(error))} ${how} than the costs.`;
}

function begunDays(days: readonly DaySpend[]): readonly DaySpend[] {
  return days.filter(({ state }) => state !== 'future');
}

function dayChart({ currency, budget, days }: CurrencySpend, title: string): Html {
  return barChart({
    label: `${title}, as bars; the table below has the numbers`,
    bars: days.map((day) => dayBar(day, currency)),
    text: (value) => shortMoney(value, currency),
    marks: dayMarks(days),
    names: [],
    ...(budget === null ? {} : { aim: evenShare(budget / days.length, currency) }),
  });
}

function dayBar({ day, state, amount }: DaySpend, currency: string): Bar {
  if (amount === null) {
    const empty = state === 'future';
    return { title: `${dayOf(day)}: ${empty ? 'to come' : 'not known'}`, parts: null, empty };
  }
  return {
    title: `${dayOf(day)}: ${money(amount, currency)}${stateNote(state)}`,
    parts: [amount],
    provisional: state !== 'settled',
  };
}

function stateNote(state: DaySpend['state']): string {
  if (state === 'open') return ' so far';
  return state === 'settling' ? ', may still change' : '';
}

/** The first day of each week of the month; none so near to the end that it would stand out of the drawing. */
function dayMarks(days: readonly DaySpend[]): ReadonlyMap<number, string> {
  const marks = new Map<number, string>();
  for (const [index, { day }] of days.slice(0, -2).entries()) {
    if (index % 7 === 0) marks.set(index, dayOf(day));
  }
  return marks;
}

function evenShare(value: number, currency: string): NonNullable<BarChart['aim']> {
  return { value, name: `an even share of the budget, ${money(value, currency)} a day` };
}

function dayTable(days: readonly DaySpend[], currency: string, title: string): Html {
  return scrollTable({
    label: title,
    head: ['Day', numberColumn('Amount'), 'State'],
    rows: begunDays(days).map((day) => dayRow(day, currency)),
  });
}

function dayRow({ day, amount, state }: DaySpend, currency: string): Html {
  const text = amount === null ? 'not known' : money(amount, currency);
  return html`<tr><th scope="row">${dayOf(day)}</th>${numberCell(text)}<td>${state}</td></tr>\n`;
}

function byProject({ projects, total, currency }: CurrencySpend): Html {
  const title = 'Spend by project';
  if (projects === null) return html`<div><h3>${title}</h3><p class="soft">Costs are not grouped by project.</p></div>`;
  const { top, rest } = projects;
  if (top.length === 0)
    return html`<div><h3>${title}</h3><p class="soft">No costs on the days that are known.</p></div>`;
  const shareOf = (amount: number) => (total > 0 ? amount / total : 0);
  const table = scrollTable({
    label: `${title}, ${currency}`,
    head: ['Project', numberColumn('Amount'), shareColumn('Share'), numberColumn('Budget')],
    rows: [
      ...top.map((project) => projectRow(project, shareOf(project.amount), currency)),
      ...(rest === null ? [] : [restRow(rest, shareOf(rest.amount), currency)]),
    ],
  });
  return html`<div><h3>${title}</h3>${table}</div>`;
}

/** The same money by user; where the sums differ, that is said. */
function byUser({ top, rest, difference }: UserSpend, { total, currency }: CurrencySpend): Html {
  if (top.length === 0) return html``;
  const title = 'Spend by user';
  const shareOf = (amount: number) => (total > 0 ? amount / total : 0);
  const rowOf = (head: Html, amount: number) =>
    html`<tr>${head}${numberCell(money(amount, currency))}${partCell(shareOf(amount))}</tr>\n`;
  const table = scrollTable({
    label: `${title}, ${currency}`,
    head: ['User', numberColumn('Amount'), shareColumn('Share')],
    rows: [
      ...top.map(({ id, name, amount }) =>
        rowOf(html`<th scope="row" class="id">${label(id, name, 'user')}</th>`, amount),
      ),
      ...(rest === null ? [] : [rowOf(html`<th scope="row"><em>${otherCount(rest.count)}</em></th>`, rest.amount)]),
    ],
  });
  const more = difference > 0 ? 'more' : 'less';
  const differs = `On the days that are final, OpenAI reports ${money(Math.abs(difference), currency)} ${more} by user than by project.`;
  return html`<h3>${title}</h3>${difference === 0 ? '' : html`<p>${differs}</p>`}${table}`;
}

function projectRow(project: SpendRanking['top'][number], part: number, currency: string): Html {
  const { id, name, amount, budget } = project;
  const ofBudget = budget === null ? '–' : `${share(amount / budget)} of ${money(budget, currency)}`;
  const cells = [numberCell(money(amount, currency)), partCell(part), numberCell(ofBudget)];
  return html`<tr><th scope="row" class="id">${label(id, name, 'project')}</th>${cells}</tr>\n`;
}

function restRow({ count, amount }: NonNullable<SpendRanking['rest']>, part: number, currency: string): Html {
  const cells = [numberCell(money(amount, currency)), partCell(part), numberCell('–')];
  return html`<tr><th scope="row"><em>${otherCount(count)}</em></th>${cells}</tr>`;
}

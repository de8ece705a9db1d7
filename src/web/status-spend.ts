/** Spend on the status page: the running month by day, against the budget, and by project. */
import { label, levelOf, partCell } from './cells.ts';
import { type Bar, barChart, meter } from './charts.ts';
import { type Html, html } from './html.ts';
import type { CurrencySpend, SpendRanking, SpendStatus } from './status.ts';
import { dayOf, money, share, shortMoney } from './words.ts';

export function spendSection(spend: SpendStatus): Html {
  if (!spend.polled) return html`<p>Not known: costs are not polled.</p>`;
  if (spend.currencies.length === 0) return html`<p>Not known yet: no day of this month has been read.</p>`;
  const notes = [
    'Costs as OpenAI reports them, in UTC days; they come hours late, and the last two days still change.',
    ...(spend.missing.length === 0 ? [] : [`Not known, and in no sum: ${spend.missing.map(dayOf).join(', ')}.`]),
    ...(spend.filtered ? ['Filters are set: only what they let through is counted.'] : []),
  ];
  return html`<p class="soft">${notes.join(' ')}</p>${spend.currencies.map((one) => ofCurrency(one, spend))}`;
}

function ofCurrency(spend: CurrencySpend, { currencies }: SpendStatus): Html {
  const { currency, total, budget, days, projects } = spend;
  const passed = days.filter(({ state }) => state !== 'future').length / days.length;
  const many = currencies.length > 1;
  const bars = days.map(({ day, state, amount }): Bar => {
    if (amount === null)
      return {
        title: `${dayOf(day)}: ${state === 'future' ? 'to come' : 'not known'}`,
        parts: null,
        empty: state === 'future',
      };
    return {
      title: `${dayOf(day)}: ${money(amount, currency)}${state === 'open' ? ' so far' : state === 'settling' ? ', may still change' : ''}`,
      parts: [amount],
      provisional: state !== 'settled',
    };
  });
  const marks = new Map(
    days.flatMap(({ day }, index) => (index % 7 === 0 && index < days.length - 2 ? [[index, dayOf(day)]] : [])),
  );
  const title = `Spend by day${many ? `, ${currency}` : ''}`;
  return html`${budget === null ? html`<p><strong>${money(total, currency)}</strong> so far. No budget is set${currency === 'usd' ? ' (--budget.monthly)' : ''}.</p>` : html`<div class="budget"><p><strong>${money(total, currency)}</strong> of ${money(budget, currency)}: ${share(total / budget)} of the budget, on day ${days.filter(({ state }) => state !== 'future').length} of ${days.length} (${share(passed)} of the month).</p>${meter(total / budget, levelOf(total / budget))}</div>`}
<div class="pair"><div><h3>${title}</h3>
${barChart({ label: `${title}, as bars; the table below has the numbers`, bars, text: (value) => shortMoney(value, currency), marks, names: [], ...(budget === null ? {} : { aim: { value: budget / days.length, name: `an even share of the budget, ${money(budget / days.length, currency)} a day` } }) })}
<details id="table-spend-${currency}"><summary>${title}, as a table</summary><div class="scroll" tabindex="0" role="region" aria-label="${title}"><table>
<thead><tr><th scope="col">Day</th><th scope="col" class="number">Amount</th><th scope="col">State</th></tr></thead>
<tbody>${days.filter(({ state }) => state !== 'future').map(({ day, amount, state }) => html`<tr><th scope="row">${dayOf(day)}</th><td class="number">${amount === null ? 'not known' : money(amount, currency)}</td><td>${state}</td></tr>\n`)}</tbody>
</table></div></details></div>
${byProject(projects, total, currency)}</div>`;
}

function byProject(ranking: SpendRanking | null, total: number, currency: string): Html {
  const title = 'Spend by project';
  if (ranking === null) return html`<div><h3>${title}</h3><p class="soft">Costs are not grouped by project.</p></div>`;
  const { top, rest } = ranking;
  if (top.length === 0)
    return html`<div><h3>${title}</h3><p class="soft">No costs on the days that are known.</p></div>`;
  const shareOf = (amount: number) => (total > 0 ? amount / total : 0);
  return html`<div><h3>${title}</h3><div class="scroll" tabindex="0" role="region" aria-label="${title}, ${currency}"><table>
<thead><tr><th scope="col">Project</th><th scope="col" class="number">Amount</th><th scope="col" class="share">Share</th><th scope="col" class="number">Budget</th></tr></thead>
<tbody>${top.map(({ id, name, amount, budget }) => html`<tr><th scope="row" class="id">${label(id, name, 'project')}</th><td class="number">${money(amount, currency)}</td>${partCell(shareOf(amount))}<td class="number">${budget === null ? '–' : html`${share(amount / budget)} of ${money(budget, currency)}`}</td></tr>\n`)}${rest === null ? html`` : html`<tr><th scope="row"><em>${rest.count} others</em></th><td class="number">${money(rest.amount, currency)}</td>${partCell(shareOf(rest.amount))}<td class="number">–</td></tr>`}</tbody>
</table></div></div>`;
}

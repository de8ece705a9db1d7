/** Limits on the status page: those that what is used comes nearest to. */
import type { LimitsStatus, NearLimit } from '../status.ts';
import { label, numberCell, numberColumn, scrollTable, shareColumn, usedCell } from './cells.ts';
import { type Html, html } from './html.ts';
import { exactly, money } from './words.ts';

const words: Readonly<Record<NearLimit['kind'], string>> = {
  budget: 'Budget of the month',
  spend_limit: 'Spend limit of the month',
  spend_alert: 'Spend alert of the month',
  tokens_per_minute: 'Tokens per minute',
  requests_per_minute: 'Requests per minute',
};

export function limitsSection({ nearest, compared, unknown }: LimitsStatus): Html {
  return html`${unknown.map((sentence) => html`<p class="soft">${sentence}</p>`)}
${nearestTable(nearest, compared)}`;
}

function nearestTable(nearest: readonly NearLimit[], compared: number): Html {
  if (nearest.length === 0) return html`<p>There is no limit to compare usage or spend with.</p>`;
  return scrollTable({
    label: 'Table of limits',
    caption: caption(nearest, compared),
    head: ['Limit', 'Of', 'Model', numberColumn('Used'), numberColumn('Limit'), shareColumn('Share')],
    rows: nearest.map(row),
  });
}

const ratesNote =
  'A rate is that of the busiest settled minute of the last hour, without batches. OpenAI also counts what it holds back for a request, so the real share can be higher.';

function caption(nearest: readonly NearLimit[], compared: number): string {
  const rates = nearest.some(({ kind }) => kind.endsWith('_per_minute'));
  return `${howMany(nearest.length, compared)}${rates ? ` ${ratesNote}` : ''}`;
}

function howMany(shown: number, compared: number): string {
  if (compared > shown) return `The nearest ${shown} of ${compared}.`;
  return compared === 1 ? 'The one limit that can be compared.' : `All ${compared} limits that can be compared.`;
}

function row(near: NearLimit): Html {
  const { kind, projectId, projectName, model, unit, used, limit } = near;
  const amount = (value: number) => numberCell(model === null ? money(value, unit) : exactly(value));
  const owner = projectId === null ? 'the organization' : label(projectId, projectName, 'project');
  const names = html`<th scope="row">${words[kind]}</th><td class="id">${owner}</td><td class="id">${model ?? '–'}</td>`;
  return html`<tr>${names}${amount(used)}${amount(limit)}${usedCell(near.share)}</tr>\n`;
}

/** Limits on the status page: those that what is used comes nearest to. */
import { label, usedCell } from './cells.ts';
import { type Html, html } from './html.ts';
import type { LimitsStatus, NearLimit } from './status.ts';
import { exactly, money } from './words.ts';

const words: Readonly<Record<NearLimit['kind'], string>> = {
  budget: 'Budget of the month',
  spend_limit: 'Spend limit of the month',
  spend_alert: 'Spend alert of the month',
  tokens_per_minute: 'Tokens per minute',
  requests_per_minute: 'Requests per minute',
};

export function limitsSection({ nearest, compared, unknown }: LimitsStatus): Html {
  const rates = nearest.some(({ kind }) => kind.endsWith('_per_minute'));
  return html`${unknown.map((sentence) => html`<p class="soft">${sentence}</p>`)}
${
  nearest.length === 0
    ? html`<p>There is no limit that what is used could be compared with.</p>`
    : html`<div class="scroll" tabindex="0" role="region" aria-label="Table of limits"><table>
<caption>${compared > nearest.length ? `The nearest ${nearest.length} of ${compared}.` : `${compared === 1 ? 'The one limit' : `All ${compared} limits`} that can be compared.`}${rates ? ' Rates are those of the busiest settled minute of the last hour, batches left out; OpenAI also counts what it holds back for a request, so the real share can be higher.' : ''}</caption>
<thead><tr><th scope="col">Limit</th><th scope="col">Of</th><th scope="col">Model</th><th scope="col" class="number">Used</th><th scope="col" class="number">Limit</th><th scope="col" class="share">Share</th></tr></thead>
<tbody>${nearest.map(row)}</tbody>
</table></div>`
}`;
}

function row(near: NearLimit): Html {
  const { kind, projectId, projectName, model, unit, used, limit } = near;
  const amount = (value: number) => (model === null ? money(value, unit) : exactly(value));
  return html`<tr><th scope="row">${words[kind]}</th><td class="id">${projectId === null ? 'the organization' : label(projectId, projectName, 'project')}</td><td class="id">${model ?? '–'}</td><td class="number">${amount(used)}</td><td class="number">${amount(limit)}</td>${usedCell(near.share)}</tr>\n`;
}

/** Tables of the status page, and the cells that they have in common. */
import { meter } from './charts.ts';
import { type Html, html } from './html.ts';
import { share } from './words.ts';

type Level = 'plain' | 'near' | 'over';

/** A column of words by its name alone. */
type Column = string | { readonly name: string | Html; readonly look: 'number' | 'share' | 'plain' };

export interface ScrollTable {
  /** The words for a reader who does not see it. */
  readonly label: string;
  readonly caption?: string;
  readonly head: readonly Column[];
  /** The rows, each a whole `<tr>`. */
  readonly rows: readonly Html[];
}

/** A table that scrolls by itself where the page is too narrow, with the keyboard too. */
export function scrollTable({ label, caption, head, rows }: ScrollTable): Html {
  const title = caption === undefined ? html`` : html`<caption>${caption}</caption>\n`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${label}"><table>
${title}<thead><tr>${head.map(headCell)}</tr></thead>
<tbody>${rows}</tbody>
</table></div>`;
}

function headCell(column: Column): Html {
  if (typeof column === 'string') return html`<th scope="col">${column}</th>`;
  return html`<th scope="col" class="${column.look}">${column.name}</th>`;
}

export function numberColumn(name: string): Column {
  return { name, look: 'number' };
}

export function shareColumn(name: string): Column {
  return { name, look: 'share' };
}

export function numberCell(text: string): Html {
  return html`<td class="number">${text}</td>`;
}

/** A share is near its limit from four fifths on, and over it from the whole on. */
export function levelOf(part: number): Level {
  if (part >= 1) return 'over';
  return part >= 0.8 ? 'near' : 'plain';
}

/** A part of a whole: a bar, and the number beside it. What is below 0 is no part of anything. */
export function partCell(part: number): Html {
  if (part < 0) return html`<td class="share">–</td>`;
  return html`<td class="share"><div class="part">${meter(part)}<span class="soft">${share(part)}</span></div></td>`;
}

const levels: Readonly<Record<Level, { readonly look: string; readonly note: string }>> = {
  plain: { look: 'soft', note: '' },
  near: { look: 'warn', note: ', near' },
  over: { look: 'bad', note: ', past it' },
};

/** Returns a cell that shows how much of a limit is used. */
export function usedCell(part: number): Html {
  const level = levelOf(part);
  const { look, note } = levels[level];
  const words = html`<span class="${look}">${share(part)}${note}</span>`;
  return html`<td class="share"><div class="part wide">${meter(part, level)}${words}</div></td>`;
}

/** The name, with the id beside it where there is one. What usage has without an id is said in words. */
export function label(id: string, name: string | null, word: string): Html {
  if (id === 'none') return html`<em>without ${word}</em>`;
  if (id === 'other') return html`<em>folded into “other”</em>`;
  return name === null ? html`${id}` : html`${name} <span class="soft">${id}</span>`;
}

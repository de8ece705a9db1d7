/** Cells that the status page's tables have in common. */
import { meter } from './charts.ts';
import { type Html, html } from './html.ts';
import { share } from './words.ts';

type Level = 'plain' | 'near' | 'over';

/** From four fifths on it is near, from the whole on over. */
export function levelOf(part: number): Level {
  return part >= 1 ? 'over' : part >= 0.8 ? 'near' : 'plain';
}

/** A part of a whole: a bar, and the number beside it. What is below 0 is no part of anything. */
export function partCell(part: number): Html {
  if (part < 0) return html`<td class="share">–</td>`;
  return html`<td class="share"><div class="part">${meter(part)}<span class="soft">${share(part)}</span></div></td>`;
}

/** How much of a limit is used. */
export function usedCell(part: number): Html {
  const level = levelOf(part);
  const look = { plain: 'soft', near: 'warn', over: 'bad' }[level];
  return html`<td class="share"><div class="part wide">${meter(part, level)}<span class="${look}">${share(part)}${{ plain: '', near: ', near', over: ', past it' }[level]}</span></div></td>`;
}

/** The name, with the id beside it where there is one. What usage has without an id is said in words. */
export function label(id: string, name: string | null, word: string): Html {
  if (id === 'none') return html`<em>without ${word}</em>`;
  if (id === 'other') return html`<em>folded into “other”</em>`;
  return name === null ? html`${id}` : html`${name} <span class="soft">${id}</span>`;
}

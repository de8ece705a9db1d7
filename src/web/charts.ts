/**
 * Bars as SVG, made on the server. The drawing is stretched to the width of the page and has no text in it: scales are
 * HTML beside it, which stays readable on a phone.
 */
import { type Html, html } from './html.ts';

export interface Bar {
  /** The words for a reader who points at it. */
  readonly title: string;
  /** The values from the bottom up; null for what is not known. */
  readonly parts: readonly number[] | null;
  /** True for a bar that still grows or may still change. */
  readonly provisional?: boolean;
  /** True for a bar of a time that is still to come. */
  readonly empty?: boolean;
}

export interface BarChart {
  /** The drawing in words, for readers who do not see it. */
  readonly label: string;
  readonly bars: readonly Bar[];
  /** The marks of the scale. */
  readonly text: (value: number) => string;
  /** The texts under bars, by the index of the bar. */
  readonly marks: ReadonlyMap<number, string>;
  /** Names of the parts, for the legend; one part needs none. */
  readonly names: readonly string[];
  /** A value to compare the bars with. */
  readonly aim?: { readonly value: number; readonly name: string };
}

/** Units of the drawing; how wide they become, the page decides. */
const step = 20;
const gap = 3;
const height = 100;

/** The number of looks for parts; the last is that of all others. */
export const looks = 6;

/** A chart with its legend, scale and marks. A bar of unknown height is drawn as such, never as 0. */
export function barChart({ label, bars, text, marks, names, aim }: BarChart): Html {
  const top = scaleTop(Math.max(aim?.value ?? 0, ...bars.map(({ parts }) => sum(parts ?? []))));
  const width = bars.length * step;
  const lines = [0.5, 1].map(
    (at) => html`<line class="grid" x1="0" x2="${width}" y1="${height * (1 - at)}" y2="${height * (1 - at)}"/>`,
  );
  const keys = [
    ...(names.length < 2 ? [] : names.map((name, index) => key(`part-${Math.min(index, looks - 1)}`, name))),
    ...(bars.some(({ provisional }) => provisional === true) ? [key('faint', 'may still change')] : []),
    ...(bars.some(({ parts, empty }) => parts === null && empty !== true) ? [key('unknown', 'not known')] : []),
    ...(aim === undefined ? [] : [aimKey(aim.name)]),
  ];
  const aimed =
    aim === undefined || top === 0
      ? html``
      : html`<line class="aim" x1="0" x2="${width}" y1="${rounded(height * (1 - aim.value / top))}" y2="${rounded(height * (1 - aim.value / top))}"/>`;
  return html`<figure class="chart">
${keys.length === 0 ? html`` : html`<figcaption class="legend">${keys}</figcaption>`}
<div class="plot"><div class="scale" aria-hidden="true"><span>${top === 0 ? '' : text(top)}</span><span>${top === 0 ? '' : text(top / 2)}</span><span>0</span></div>
<svg role="img" aria-label="${label}" viewBox="0 0 ${width} ${height}" preserveAspectRatio="none">${lines}${bars.map((bar, index) => drawn(bar, index * step, top))}<line class="base" x1="0" x2="${width}" y1="${height}" y2="${height}"/>${aimed}</svg>
<div class="marks" aria-hidden="true">${bars.map((_, index) => html`<span>${marks.get(index) ?? ''}</span>`)}</div></div>
</figure>`;
}

function drawn({ title, parts, provisional, empty }: Bar, x: number, top: number): Html {
  const inside = { x: x + gap / 2, width: step - gap };
  const pieces: Html[] = [];
  if (parts === null && empty !== true) {
    pieces.push(html`<rect class="unknown" x="${inside.x}" width="${inside.width}" y="0" height="${height}"/>`);
  }
  let below = 0;
  for (const [index, part] of (parts ?? []).entries()) {
    const tall = top === 0 ? 0 : (Math.max(0, part) / top) * height;
    if (tall > 0) {
      const y = height - below - tall;
      pieces.push(
        html`<rect class="part-${Math.min(index, looks - 1)}" x="${inside.x}" width="${inside.width}" y="${rounded(y)}" height="${rounded(tall)}"/>`,
      );
    }
    below += tall;
  }
  return html`<g class="${provisional === true ? 'bar provisional' : 'bar'}"><rect class="hit" x="${x}" width="${step}" y="0" height="${height}"/>${pieces}<title>${title}</title></g>`;
}

function key(look: string, name: string): Html {
  return html`<span><svg class="key" aria-hidden="true" viewBox="0 0 10 10"><rect class="${look}" width="10" height="10"/></svg>${name}</span>`;
}

function aimKey(name: string): Html {
  return html`<span><svg class="key" aria-hidden="true" viewBox="0 0 10 10"><line class="aim" x1="0" x2="10" y1="5" y2="5"/></svg>${name}</span>`;
}

/** A share as a bar; past the whole it is full. `level`: how near to the whole. */
export function meter(share: number, level: 'plain' | 'near' | 'over' = 'plain'): Html {
  const width = Math.min(100, Math.max(0, share * 100));
  return html`<svg class="meter" aria-hidden="true" viewBox="0 0 100 8" preserveAspectRatio="none"><rect class="track" width="100" height="8"/><rect class="${level}" width="${rounded(width)}" height="8"/></svg>`;
}

/** A round number at or above the value. */
export function scaleTop(value: number): number {
  if (!(value > 0)) return 0;
  const power = 10 ** Math.floor(Math.log10(value));
  const factor = [1, 1.5, 2, 3, 4, 5, 6, 8, 10].find((one) => one * power >= value) ?? 10;
  return factor * power;
}

function sum(parts: readonly number[]): number {
  return parts.reduce((total, part) => total + Math.max(0, part), 0);
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}

/** Numbers, times and reasons as people read them on the status page. */
import { type Html, html } from './html.ts';

/**
 * The formats, each made when it is first needed: making one takes longer than a page may, and some megabytes.
 * Currencies are few: three letters.
 */
const formats = new Map<string, Intl.NumberFormat>();

function formatOf(name: string, options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const known = formats.get(name) ?? new Intl.NumberFormat('en', options);
  formats.set(name, known);
  return known;
}

const brief = { notation: 'compact', maximumSignificantDigits: 3 } as const;

/** `1,234,567` */
export function exactly(value: number): string {
  return formatOf('whole', { maximumFractionDigits: 0 }).format(value);
}

/** `1 other`, `1,234 others` */
export function otherCount(count: number): string {
  return count === 1 ? '1 other' : `${exactly(count)} others`;
}

/** `1.23M` */
export function shortly(value: number): string {
  return formatOf('short', brief).format(value);
}

/** `64%`; what is there but less than 1% is not 0%. */
export function share(value: number): string {
  return value > 0 && value < 0.01
    ? '<1%'
    : formatOf('percent', { style: 'percent', maximumFractionDigits: 0 }).format(value);
}

/** `$1,234.50`, or `12.50 xyz` for what is no code of a currency. */
export function money(amount: number, currency: string): string {
  return isCode(currency)
    ? formatOf(`cents ${currency}`, { style: 'currency', currency, minimumFractionDigits: 2 }).format(amount)
    : `${formatOf('cents', { minimumFractionDigits: 2, maximumFractionDigits: 2 }).format(amount)} ${currency}`;
}

/** `$1.2K`: for axes. */
export function shortMoney(amount: number, currency: string): string {
  return isCode(currency)
    ? formatOf(`short ${currency}`, { ...brief, style: 'currency', currency }).format(amount)
    : formatOf('short', brief).format(amount);
}

function isCode(currency: string): boolean {
  return /^[a-z]{3}$/.test(currency);
}

/** `12 s`, `3 min`, `2 h`, `4 days` */
export function span(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1_000);
  if (seconds < 90) return `${seconds} s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`;
  if (seconds < 48 * 3_600) return `${Math.round(seconds / 3_600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}

/** Returns how long ago it was, with the instant itself for whoever points at it; `empty` for null. */
export function ago(instant: string | null, now: string, empty: string): Html {
  if (instant === null) return html`${empty}`;
  const passed = Date.parse(now) - Date.parse(instant);
  return time(instant, passed < 0 ? `in ${span(-passed)}` : `${span(passed)} ago`);
}

/** The time until then. */
export function until(instant: string | null, now: string, empty: string): Html {
  if (instant === null) return html`${empty}`;
  const left = Date.parse(instant) - Date.parse(now);
  return time(instant, left <= 0 ? 'now' : `in ${span(left)}`);
}

function time(instant: string, words: string): Html {
  return html`<time datetime="${instant}" title="${instant.slice(0, 19).replace('T', ' ')} UTC">${words}</time>`;
}

/** `09:00` of an ISO instant. */
export function clockTime(instant: string): string {
  return instant.slice(11, 16);
}

/** `20 Nov` of an ISO day or instant. */
export function dayOf(instant: string): string {
  const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
  return `${Number(instant.slice(8, 10))} ${months[Number(instant.slice(5, 7)) - 1] ?? ''}`;
}

const reasons: Readonly<Record<string, string>> = {
  auth: 'OpenAI refuses the key',
  permission: 'the key lacks a scope',
  rate_limited: 'OpenAI asks for fewer requests',
  timeout: 'no answer in time',
  server: 'OpenAI has trouble',
  rejected: 'OpenAI refuses the request',
  network: 'OpenAI cannot be reached',
  malformed: 'the answer could not be understood',
  too_large: 'the answer exceeds the size limit',
};

/** Returns in words why a poll failed; the word of the metrics where there are none. */
export function reasonWords(reason: string): string {
  return reasons[reason] ?? reason;
}

/** The start of the counters: the text of `--counters.anchor` as data. */
import * as z from 'zod';
import { type FromText, refuse } from './values.ts';

/** Month 1–12 and day as people count them; all in UTC. */
export type Anchor =
  | { readonly kind: 'month' }
  | { readonly kind: 'year' }
  | { readonly kind: 'yearly'; readonly month: number; readonly day: number };

const daysIn = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

export const anchor: FromText<Anchor> = z.string().transform((text, context): Anchor => {
  if (text === 'month' || text === 'year') return { kind: text };
  const match = /^(\d\d)-(\d\d)$/.exec(text);
  if (match === null) return refuse(context, 'must be month, year, or a date each year as MM-DD, like 04-01');
  const month = Number(match[1]);
  const day = Number(match[2]);
  if (month === 2 && day === 29) {
    return refuse(context, '02-29 does not exist in every year; take 02-28 or 03-01');
  }
  if (day < 1 || day > (daysIn[month - 1] ?? 0)) return refuse(context, `${text} is not a date (MM-DD, like 04-01)`);
  return { kind: 'yearly', month, day };
});

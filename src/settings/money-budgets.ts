/** Budgets as people write them on a command line: exact decimals, in units of the currency. */
import * as z from 'zod';
import { type FromText, refuse, shown } from './values.ts';

/** The sums of a month. */
export interface Budgets {
  /** The amount of the whole organization, as decimal text; undefined where none is set. */
  readonly monthly: string | undefined;
  /** Projects by id. */
  readonly monthlyByProject: readonly (readonly [project: string, amount: string])[];
}

/** More digits than any budget has, and no more than a label or a sum can take. */
const form = /^\d{1,15}(?:\.\d{1,15})?$/;

function isAmount(text: string): boolean {
  return form.test(text) && /[1-9]/.test(text);
}

const howToWrite = 'a decimal number above 0, like 1000 or 99.50 (usd, without sign, exponent or separators)';

export const budgetAmount: FromText<string> = z.string().refine(isAmount, `must be ${howToWrite}`);

/** `proj_a=200,proj_b=50`: every project once; its id is what the API calls it. */
export const projectBudgets: FromText<Budgets['monthlyByProject']> = z.string().transform((text, context) => {
  const items = text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
  if (items.length === 0) return refuse(context, 'names no project: give project=amount, separated by commas');
  const budgets = new Map<string, string>();
  const mistakes: string[] = [];
  for (const item of items) {
    const at = item.lastIndexOf('=');
    const project = item.slice(0, Math.max(0, at)).trim();
    const amount = item.slice(at + 1).trim();
    if (project === '' || project.length > 256) {
      mistakes.push(`${shown(item)} must be project=amount, like proj_a=200`);
    } else if (!isAmount(amount)) mistakes.push(`the amount of ${shown(project)} must be ${howToWrite}`);
    else if (budgets.has(project)) mistakes.push(`${shown(project)} has two amounts; give one`);
    else budgets.set(project, amount);
  }
  return mistakes.length > 0 ? refuse(context, mistakes.join('; ')) : [...budgets];
});

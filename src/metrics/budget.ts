/** The section of budgets, which people set: beside what is spent, one alert rule serves everybody. */
import { labelText } from '../usage/labels.ts';
import { organizationBudgetFamily, projectBudgetFamily } from './families.ts';
import { renderFamily } from './render.ts';
import type { Rendered, Section } from './section.ts';

/** Budgets of a month as decimal text. */
export interface Budgets {
  /** Of the whole organization; undefined where none is set. */
  readonly monthly: string | undefined;
  /** Of projects, by id. */
  readonly monthlyByProject: readonly (readonly [project: string, amount: string])[];
}

/** Flags name amounts in this currency. */
const currency = 'usd';

export function budgetSection(budget: Budgets): Section {
  return {
    name: 'budget',
    *prepare() {
      yield* renderBudget(budget);
      return undefined;
    },
  };
}

function* renderBudget({ monthly, monthlyByProject }: Budgets): Generator<Rendered> {
  yield* renderFamily(organizationBudgetFamily, [
    (add) => {
      if (monthly !== undefined) add('', labelText(['currency'], [currency]), Number(monthly));
    },
  ]);
  yield* renderFamily(projectBudgetFamily, [
    (add) => {
      for (const [project, amount] of monthlyByProject) {
        add('', labelText(['currency', 'project_id'], [currency, project]), Number(amount));
      }
    },
  ]);
}

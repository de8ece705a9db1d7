/** The section of budgets, which people set: beside what is spent, one alert rule serves everybody. */
import type { Budgets } from '../settings/money-budgets.ts';
import { labelText } from '../usage/labels.ts';
import { organizationBudgetFamily, projectBudgetFamily } from './families.ts';
import { renderFamily } from './render.ts';
import type { Rendered, Section } from './section.ts';

/** Flags name amounts in this currency. */
const currency = 'usd';

export function budgetSection(budget: Budgets): Section {
  return {
    name: 'budget',
    *render() {
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

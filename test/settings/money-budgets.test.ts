import { describe, expect, test } from 'vitest';
import { parseSettings } from '../../src/settings/settings.ts';

function budgetOf(argv: readonly string[], env: Record<string, string> = {}) {
  const parsed = parseSettings(['demo', ...argv], env);
  return 'settings' in parsed ? parsed.settings.budget : parsed;
}

describe('budgets', () => {
  test('none are set unless given', () => expect(budgetOf([])).toEqual({ monthly: undefined, monthlyByProject: [] }));

  test('stay the decimals that were written', () => {
    expect(budgetOf(['--budget.monthly=1000.10', '--budget.monthly-project', 'proj_a=200, proj_b=0.05'])).toEqual({
      monthly: '1000.10',
      monthlyByProject: [
        ['proj_a', '200'],
        ['proj_b', '0.05'],
      ],
    });
  });

  test('of projects add up over several flags; an id may hold =', () => {
    expect(budgetOf(['--budget.monthly-project=a=1', '--budget.monthly-project=b=c=2'])).toMatchObject({
      monthlyByProject: [
        ['a', '1'],
        ['b=c', '2'],
      ],
    });
  });

  test('come from variables too', () => {
    const env = { OPENAI_EXPORTER_BUDGET_MONTHLY: '5', OPENAI_EXPORTER_BUDGET_MONTHLY_PROJECT: 'p=1' };
    expect(budgetOf([], env)).toEqual({ monthly: '5', monthlyByProject: [['p', '1']] });
  });
});

const form = 'a decimal number above 0, like 1000 or 99.50 (usd, without sign, exponent or separators)';

test.each(['0', '0.00', '-5', '+5', '1e3', '1_000', 'abc', 'NaN', 'Infinity', '$5', '5.', '.5', '9'.repeat(16), ' 5'])(
  'a budget of %j is refused',
  (text) => expect(budgetOf([`--budget.monthly=${text}`])).toEqual({ errors: [`--budget.monthly: must be ${form}`] }),
);

test.each([
  ['a', '"a" must be project=amount, like proj_a=200'],
  ['=5', '"=5" must be project=amount, like proj_a=200'],
  ['a=', `the amount of "a" must be ${form}`],
  ['a=0', `the amount of "a" must be ${form}`],
  ['a=1,b=x', `the amount of "b" must be ${form}`],
  ['a=1,a=2', '"a" has two amounts; give one'],
  [',', 'names no project: give project=amount, separated by commas'],
  ['a,b=0', `"a" must be project=amount, like proj_a=200; the amount of "b" must be ${form}`],
  [`${'p'.repeat(257)}=1`, expect.stringMatching(/must be project=amount, like proj_a=200$/)],
])('budgets of projects %j are refused', (text, message) => {
  expect(budgetOf([`--budget.monthly-project=${text}`])).toEqual({
    errors: [typeof message === 'string' ? `--budget.monthly-project: ${message}` : message],
  });
});

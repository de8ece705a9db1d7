/** Money: by project, line item and day, against last month, budgets and limits. */
import { type Board, variables } from '../board.ts';
import { columns, lines, number, ranking } from '../panels.ts';
import { currency, deduplicated, of } from '../promql.ts';

const total = (name: string) => of(`job_project:openai_costs_${name}:sum`, ['project'], currency);
const item = (name: string) => of(`job_project_key_line_item:openai_costs_${name}:max`, ['project', 'key'], currency);
const byProject = (selector: string) => `sum by (project_name) (${selector})`;

export function costs(): Board {
  return {
    uid: 'openai-costs',
    title: 'OpenAI / Costs',
    about:
      'Costs as on the invoice, in UTC days and months; final about a day after a day has ended. They do not follow from usage, nor usage from them. In units of the chosen currency.',
    from: 'now-7d',
    variables: [variables.job(), variables.currency(), variables.project(), variables.costKey()],
    rows: [
      {
        title: 'This month',
        panels: [
          number(
            {
              title: 'Today',
              about: 'Since midnight UTC, as far as reported.',
              unit: 'currencyUSD',
              none: 'not yet known',
            },
            `sum(${total('today_amount')})`,
          ),
          number(
            {
              title: 'Newest settled day',
              about: 'The newest day that is final: yesterday or the day before.',
              unit: 'currencyUSD',
              none: 'not yet known',
            },
            `sum(${total('settled_day_amount')})`,
          ),
          number(
            {
              title: 'Month to date',
              about: 'All known days of this month, today included.',
              unit: 'currencyUSD',
              none: 'not yet known',
            },
            `sum(${total('month_to_date_amount')})`,
          ),
          number(
            {
              title: 'Forecast for the month',
              about: 'Month to date, and the rest at the pace of the settled days of the last week.',
              unit: 'currencyUSD',
              none: 'not yet known',
            },
            `sum(${total('month_forecast_amount')})`,
          ),
          number(
            {
              title: 'Previous month',
              about: 'The whole month before; absent unless every day of it is known.',
              unit: 'currencyUSD',
              none: 'not known',
            },
            `sum(${total('previous_month_amount')})`,
          ),
          number(
            {
              title: 'Forecast against previous month',
              about: 'By how much this month will differ from the one before.',
              unit: 'percentunit',
              none: 'not known',
            },
            `sum(${total('month_forecast_amount')}) / (sum(${total('previous_month_amount')}) > 0) - 1`,
          ),
        ],
      },
      {
        title: 'Where it goes',
        panels: [
          lines(
            {
              title: 'Spend per day, by project',
              about:
                'Each bar is the UTC day that ends at it. Settled days as they were settled; the last two, and days before Prometheus watched, as far as known.',
              unit: 'currencyUSD',
            },
            [
              {
                expr: `sum by (project_name) (
  ${total('settled_day_amount')} offset -42h
  or
  max_over_time(${total('today_amount')}[1d])
)`,
                legend: '{{project_name}}',
              },
            ],
            { step: '1d', stacked: true, bars: true },
          ),
          lines(
            {
              title: 'Month to date, by project',
              about: 'Grows through the month, and begins anew with the next.',
              unit: 'currencyUSD',
            },
            [{ expr: byProject(total('month_to_date_amount')), legend: '{{project_name}}' }],
            { stacked: true },
          ),
          ranking(
            {
              title: 'Month to date, by line item',
              about: 'What OpenAI bills: model and direction, or tool. The fifteen largest.',
              unit: 'currencyUSD',
              width: 12,
              height: 10,
            },
            { expr: `topk(15, sum by (line_item) (${item('month_to_date_amount')}))`, legend: '{{line_item}}' },
          ),
          ranking(
            {
              title: 'Month to date, by key',
              about: 'The fifteen largest; "none" is spend without a key.',
              unit: 'currencyUSD',
              width: 12,
              height: 10,
            },
            { expr: `topk(15, sum by (api_key_name) (${item('month_to_date_amount')}))`, legend: '{{api_key_name}}' },
          ),
          columns(
            {
              title: 'Projects: month against month',
              about: 'Today, this month, what it will be, and the month before.',
              unit: 'currencyUSD',
            },
            { project_name: 'Project' },
            [
              { heading: 'Today', expr: byProject(total('today_amount')) },
              { heading: 'Month to date', expr: byProject(total('month_to_date_amount')) },
              { heading: 'Forecast', expr: byProject(total('month_forecast_amount')) },
              { heading: 'Previous month', expr: byProject(total('previous_month_amount')) },
            ],
          ),
          columns(
            {
              title: 'Unit prices',
              about:
                'Amount by quantity on the newest settled day, for a million units. Line items without a quantity are left out.',
              unit: 'currencyUSD',
              none: 'no quantities',
            },
            { line_item: 'Line item', quantity_unit: 'Unit' },
            [
              {
                heading: 'Per million',
                expr: `1e6 * max by (line_item, quantity_unit) (${of('job_line_item:openai_costs_unit_price:ratio', [], currency)})`,
              },
            ],
          ),
        ],
      },
      {
        title: 'Budgets and limits',
        panels: [
          number(
            {
              title: 'Budget of the organization',
              about: 'As given with --budget.monthly.',
              unit: 'currencyUSD',
              none: 'no budget',
            },
            `sum(${of('job:openai_budget_amount:max', [], currency)})`,
          ),
          number(
            {
              title: 'Budget used',
              about: 'Month to date as a share of it.',
              unit: 'percentunit',
              none: 'no budget',
              thresholds: [0.8, 1],
            },
            `max(${of('job:openai_budget_used:ratio', [], currency)})`,
          ),
          number(
            {
              title: 'The money ends',
              about: "When the organization's budget is used up at this week's pace; after the month's end: it lasts.",
              unit: 'dateTimeAsIso',
              none: 'no budget left, or none',
            },
            `1000 * min(${of('job:openai_budget_ends:timestamp_seconds', [], currency)})`,
          ),
          number(
            {
              title: 'Spend limit used',
              about: 'Month to date as a share of the limit that is set at OpenAI. An enforced one stops all requests.',
              unit: 'percentunit',
              none: 'no limit',
              thresholds: [0.8, 0.9],
            },
            `max(${of('job:openai_spend_limit_used:ratio', [], currency)})`,
          ),
          columns(
            {
              title: 'Spend alerts at OpenAI',
              about: 'Amounts at which OpenAI itself sends a message, of the organization and of projects.',
              unit: 'currencyUSD',
              none: 'no alerts',
              width: 8,
              height: 4,
            },
            { alert_id: 'Alert', project_id: 'Project' },
            [
              {
                heading: 'Amount',
                expr: `max by (alert_id, project_id) (
  ${deduplicated(of('openai_organization_spend_alert_threshold_amount', [], currency), ['alert_id'])}
  or
  ${deduplicated(of('openai_project_spend_alert_threshold_amount', [], currency), ['project_id', 'alert_id'])}
)`,
              },
            ],
          ),
          columns(
            {
              title: 'Budgets of projects',
              about: 'As given with --budget.monthly-project, what is used of them, and when they end at this pace.',
              unit: 'currencyUSD',
              none: 'no budgets',
            },
            { project_name: 'Project' },
            [
              { heading: 'Budget', expr: byProject(of('job_project:openai_budget_amount:max', ['project'], currency)) },
              {
                heading: 'Used',
                unit: 'percentunit',
                expr: `max by (project_name) (${of('job_project:openai_budget_used:ratio', ['project'], currency)})`,
              },
              {
                heading: 'Forecast',
                unit: 'percentunit',
                expr: `max by (project_name) (${of('job_project:openai_budget_forecast:ratio', ['project'], currency)})`,
              },
              {
                heading: 'Ends',
                unit: 'dateTimeAsIso',
                expr: `1000 * min by (project_name) (${of('job_project:openai_budget_ends:timestamp_seconds', ['project'], currency)})`,
              },
            ],
          ),
          columns(
            {
              title: 'Spend limits of projects',
              about: 'Month to date as a share of the limit that is set at OpenAI; enforced ones stop all requests.',
              unit: 'percentunit',
              none: 'no limits',
            },
            { project_name: 'Project', enforcement: 'Enforcement' },
            [
              {
                heading: 'Used',
                expr: `max by (project_name, enforcement) (${of('job_project:openai_spend_limit_used:ratio', ['project'], currency)})`,
              },
            ],
          ),
        ],
      },
    ],
  };
}

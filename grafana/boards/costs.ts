/** Money: by project, line item and day, against last month, budgets and limits. */
import { type Board, organizations, variables } from '../board.ts';
import { columns, everyFourMinutes, lines, money, number, ranking, wholeMoney } from '../panels.ts';
import { costLabels, currency, namedNow, nameOf, of, once, orWithout, summed } from '../promql.ts';
import { lasts, lastsWords, monthEnds, noBudget } from './overview.ts';
import { rulesLoaded } from './rules-loaded.ts';
import { estimated, estimateError, unpriced } from './spend-now.ts';

const narrowed = ['project', 'key'] as const;

/** A recorded series of projects; for curves and the forecast. */
const recorded = (name: string) => of(`job_project:openai_costs_${name}:sum`, ['project'], currency);
const byProject = (selector: string) => summed(selector, ['project_name']);

/** Amounts as the exporter shows them now, without the help of a rule. */
const amount = (metric: string, state?: string) =>
  once(
    of(metric, narrowed, {
      ...(state === undefined ? {} : { bucket_width: '="1d"', state: `="${state}"` }),
      ...currency,
    }),
    costLabels,
  );
const day = (state: string) => amount('openai_usage_costs_amount_value', state);
const month = amount('openai_costs_month_to_date_amount_value');
const previous = amount('openai_costs_previous_month_amount_value');
/** Costs by user, from a read of its own, which knows no projects and no keys. */
const monthByUser = once(of('openai_user_costs_month_to_date_amount_value', [], currency), ['currency', 'user_id']);

function nowBy(id: 'project_id' | 'api_key_id' | 'user_id', expr: string): string {
  return `sum by (${nameOf(id)}) (
${namedNow(`sum by (cluster, namespace, job, organization, ${id}) (${expr})`, id)}
)`;
}

const budget = once(of('openai_organization_budget_amount', [], currency), ['currency']);
const limit = once(of('openai_organization_spend_limit_amount', [], currency), ['currency']);
const spent = `sum by (currency) (${once(of('openai_costs_month_to_date_amount_value', [], currency), costLabels)})`;
const ofProjects = (name: string) => of(`job_project:openai_${name}`, ['project'], currency);
/** The instant until which each project's budget lasts, in milliseconds: as `lasts` says of the organization's. */
const projectLasts = byProject(`(1000 * ${ofProjects('budget_ends:timestamp_seconds')} < ${monthEnds})
or
9e15 * (${ofProjects('budget_amount:max')} - ${recorded('month_to_date_amount')} > bool 0)`);

const noLimit = { from: -1, text: 'no limit set' } as const;

export function costs(): Board {
  return {
    uid: 'openai-costs',
    title: 'OpenAI / Costs',
    about:
      'Costs as on the invoice, in UTC days and months; final about a day after a day has ended. They do not follow from usage, nor usage from them. In units of the chosen currency.',
    from: 'now-7d',
    variables: [...organizations(), variables.currency(), variables.project(), variables.key()],
    rows: [
      {
        title: 'This month, in $currency',
        panels: [
          number(
            {
              title: 'Today',
              about: 'Since midnight UTC, as far as reported.',
              ...money,
              none: 'not yet known',
            },
            `sum(${day('open')})`,
          ),
          number(
            {
              title: 'Newest settled day',
              about: 'The newest day that is final: yesterday or the day before.',
              ...money,
              none: 'not yet known',
            },
            `sum(${day('settled')})`,
          ),
          number(
            {
              title: 'Month to date',
              about: 'All known days of this month, today included.',
              ...wholeMoney,
              none: 'not yet known',
            },
            `sum(${month})`,
          ),
          number(
            {
              title: 'Forecast for the month',
              about: 'Month to date, and the rest at the pace of the settled days of the last week.',
              ...wholeMoney,
              none: 'not yet known',
            },
            `sum(${recorded('month_forecast_amount')})`,
          ),
          number(
            {
              title: 'Previous month',
              about: 'The whole month before; absent unless every day of it is known.',
              ...wholeMoney,
              none: 'not known',
            },
            `sum(${previous})`,
          ),
          number(
            {
              title: 'Against previous month',
              about: 'By how much the forecast differs from the month before.',
              unit: 'percentunit',
              decimals: 1,
              none: 'not known',
            },
            `sum(${recorded('month_forecast_amount')}) / (sum(${recorded('previous_month_amount')}) > 0) - 1`,
          ),
        ],
      },
      {
        title: 'Spend now, by usage, in $currency',
        panels: [
          number(
            {
              title: 'Spent today, about',
              about:
                'An estimate: usage since midnight UTC that has settled, at the prices of settled days. 15 minutes late.',
              ...money,
              width: 5,
              none: 'no prices yet',
            },
            `sum(${estimated('today', ['project'])})`,
          ),
          number(
            {
              title: 'In the last hour, about',
              about: 'An estimate of the newest sixty settled minutes.',
              ...money,
              width: 5,
              none: 'no prices yet',
            },
            `sum(${estimated('hour', ['project'])})`,
          ),
          number(
            {
              title: 'Not reported yet, about',
              about: 'The estimate of today less what OpenAI has reported of it: costs come hours late.',
              ...money,
              width: 5,
              none: 'no prices yet',
            },
            `sum(${estimated('today', ['project'])}) - (sum(${once(of('openai_usage_costs_amount_value', ['project'], { bucket_width: '="1d"', state: '="open"', ...currency }), costLabels)}) or on () vector(0))`,
          ),
          number(
            {
              title: 'Estimate against costs',
              about:
                'By how much an estimate of the newest settled day misses its costs; of the whole organization. Beyond a quarter, alerts do not go by estimates.',
              unit: 'percentunit',
              decimals: 1,
              width: 5,
              none: 'not known',
            },
            `max(${estimateError})`,
          ),
          number(
            {
              title: 'Tokens without a price',
              about: 'Of today, and in no estimate: of models that no settled day has a price for.',
              unit: 'short',
              width: 4,
              none: 'no prices yet',
            },
            `sum(${unpriced(['project'])})
or on ()
0 * sum(${estimated('today', ['project'])})`,
          ),
          lines(
            {
              title: 'Today, estimated and reported',
              about: 'Since midnight UTC. What is reported catches up hours later.',
              ...money,
            },
            [
              {
                expr: `sum(${of('job_project:openai_spend_estimate_today_amount:sum', ['project'], currency)})`,
                legend: 'estimated',
              },
              { expr: `sum(${recorded('today_amount')})`, legend: 'reported', past: true },
            ],
          ),
          lines(
            {
              title: 'Spend of the last hour, by project',
              about: 'Estimates of sixty settled minutes, minute by minute.',
              ...money,
            },
            [
              {
                expr: byProject(of('job_project:openai_spend_estimate_hour_amount:sum', ['project'], currency)),
                legend: '{{project_name}}',
              },
            ],
            { stacked: true },
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
              ...money,
            },
            [
              {
                expr: byProject(`(
  ${recorded('settled_day_amount')} offset -42h
  or
  max_over_time(${recorded('today_amount')}[1d])
)`),
                legend: '{{project_name}}',
              },
            ],
            { step: '1d', stacked: true, bars: true },
          ),
          lines(
            {
              title: 'Month to date, by project',
              about: 'Grows through the month, and begins anew with the next.',
              ...money,
            },
            [{ expr: byProject(recorded('month_to_date_amount')), legend: '{{project_name}}' }],
            { step: everyFourMinutes, stacked: true },
          ),
          ranking(
            {
              title: 'Month to date, by line item',
              about: 'What OpenAI bills: model and direction, or tool. The fifteen largest.',
              ...money,
              width: 8,
              height: 10,
            },
            { expr: `topk(15, sum by (line_item) (${month}))`, legend: '{{line_item}}' },
          ),
          ranking(
            {
              title: 'Month to date, by key',
              about: 'The fifteen largest; "none" is spend without a key.',
              ...money,
              width: 8,
              height: 10,
            },
            { expr: `topk(15, ${nowBy('api_key_id', month)})`, legend: '{{api_key_name}}' },
          ),
          ranking(
            {
              title: 'Month to date, by user',
              about:
                'Of all projects, whatever is chosen above; from a read of its own. The fifteen largest; "none" is spend without a user.',
              ...money,
              none: 'not granted, or not read',
              width: 8,
              height: 10,
            },
            { expr: `topk(15, ${nowBy('user_id', monthByUser)})`, legend: '{{user_name}}' },
          ),
          columns(
            {
              title: 'Projects: month against month',
              about: 'Today, this month, what it will be, and the month before.',
              ...money,
            },
            { project_name: 'Project' },
            [
              { heading: 'Today', expr: nowBy('project_id', day('open')) },
              { heading: 'Month to date', expr: nowBy('project_id', month) },
              { heading: 'Forecast', expr: byProject(recorded('month_forecast_amount')) },
              { heading: 'Previous month', expr: nowBy('project_id', previous) },
            ],
            { by: 'Month to date', descending: true },
          ),
          columns(
            {
              title: 'Unit prices',
              about:
                'Amount by quantity on the newest settled day, for a million units. Line items without a quantity are left out.',
              ...money,
            },
            { line_item: 'Line item', quantity_unit: 'Unit' },
            [
              {
                heading: 'Per million',
                expr: `1e6 * max by (line_item, quantity_unit) (${of('job_line_item:openai_costs_unit_price:ratio', [], currency)})`,
              },
            ],
            { widths: { Unit: 100, 'Per million': 120 } },
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
              ...wholeMoney,
              none: 'not yet known',
              words: [noBudget],
            },
            orWithout(`sum(${budget})`, budget),
          ),
          number(
            {
              title: 'Budget used',
              about: 'Month to date as a share of it.',
              unit: 'percentunit',
              decimals: 1,
              none: 'not yet known',
              words: [noBudget],
              thresholds: [0.8, 1],
            },
            orWithout(`max(${spent} / sum by (currency) (${budget} > 0))`, budget),
          ),
          number(
            {
              title: 'Budget lasts',
              about:
                "Until when, at this week's pace; all month if it is not used up before the month ends. Needs the recording rules.",
              unit: 'dateTimeAsIso',
              none: 'not yet known',
              words: lastsWords,
            },
            orWithout(
              lasts(
                of('job:openai_budget_ends:timestamp_seconds', [], currency),
                `${of('job:openai_budget_amount:max', [], currency)} - ${of('job:openai_costs_month_to_date_amount:sum', [], currency)}`,
              ),
              budget,
            ),
          ),
          number(
            {
              title: 'Spend limit used',
              about: 'Month to date as a share of the limit that is set at OpenAI. An enforced one stops all requests.',
              unit: 'percentunit',
              decimals: 1,
              none: 'not yet known',
              words: [noLimit],
              thresholds: [0.8, 0.9],
            },
            orWithout(`max(${spent} / sum by (currency) (${limit} > 0))`, limit),
          ),
          rulesLoaded({ width: 8 }),
          columns(
            {
              title: 'Budgets of projects',
              about:
                'As given with --budget.monthly-project, what is used of them, and until when they last at this pace.',
              ...money,
              height: 8,
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
                heading: 'Lasts',
                unit: 'dateTimeAsIso',
                words: lastsWords,
                expr: projectLasts,
              },
            ],
            { by: 'Used', descending: true },
          ),
          columns(
            {
              title: 'Spend limits of projects',
              about: 'Month to date as a share of the limit that is set at OpenAI; enforced ones stop all requests.',
              unit: 'percentunit',
              width: 6,
              height: 8,
            },
            { project_name: 'Project', enforcement: 'Kind' },
            [
              {
                heading: 'Used',
                expr: `max by (project_name, enforcement) (${of('job_project:openai_spend_limit_used:ratio', ['project'], currency)})`,
              },
            ],
            { by: 'Used', descending: true, widths: { Kind: 90, Used: 90 } },
          ),
          columns(
            {
              title: 'Spend alerts at OpenAI',
              about: 'Amounts at which OpenAI itself sends a message, of the organization and of projects.',
              ...money,
              width: 6,
              height: 8,
            },
            { alert_id: 'Alert', project_id: 'Project' },
            [
              {
                heading: 'Amount',
                expr: `max by (alert_id, project_id) (
  ${once(of('openai_organization_spend_alert_threshold_amount', [], currency), ['alert_id'])}
  or
  ${once(of('openai_project_spend_alert_threshold_amount', [], currency), ['project_id', 'alert_id'])}
)`,
              },
            ],
          ),
        ],
      },
    ],
  };
}

/** The first board: what is spent and used now, whether that is usual, who it is, and whether the numbers can be believed. */
import { type Board, variables } from '../board.ts';
import { columns, lines, number, ranking, recordedStep } from '../panels.ts';
import { currency, inRange, of } from '../promql.ts';

const spend = (name: string) => of(`job:openai_costs_${name}:sum`, [], currency);

export function overview(): Board {
  return {
    uid: 'openai-overview',
    title: 'OpenAI / Overview',
    about:
      'Spend and usage of the organization now, against budget and the week before, and the health of the exporter.',
    from: 'now-24h',
    variables: [variables.job(), variables.currency()],
    rows: [
      {
        title: 'Money',
        panels: [
          number(
            {
              title: 'Spend today',
              about: 'Since midnight UTC, as far as OpenAI has reported it: 10 minutes to some hours late.',
              unit: 'currencyUSD',
              none: 'not yet known',
            },
            `sum(${spend('today_amount')})`,
          ),
          number(
            {
              title: 'Month to date',
              about: 'All known days of this UTC month, today included.',
              unit: 'currencyUSD',
              none: 'not yet known',
            },
            `sum(${spend('month_to_date_amount')})`,
          ),
          number(
            {
              title: 'Forecast for the month',
              about: 'Month to date, and the rest of the month at the pace of the settled days of the last week.',
              unit: 'currencyUSD',
              none: 'not yet known',
            },
            `sum(${spend('month_forecast_amount')})`,
          ),
          number(
            {
              title: 'Budget used',
              about: 'Month to date as a share of the budget given with --budget.monthly.',
              unit: 'percentunit',
              none: 'no budget',
              thresholds: [0.8, 1],
            },
            `max(${of('job:openai_budget_used:ratio', [], currency)})`,
          ),
          number(
            {
              title: 'Forecast against budget',
              about: 'What the month will have cost at this pace, as a share of the budget.',
              unit: 'percentunit',
              none: 'no budget',
              thresholds: [0.9, 1],
            },
            `max(${of('job:openai_budget_forecast:ratio', [], currency)})`,
          ),
          number(
            {
              title: 'Budget lasts until',
              about: "At this week's pace. A date after the month's end means that it lasts.",
              unit: 'dateTimeFromNow',
              none: 'no budget',
            },
            `1000 * min(${of('job:openai_budget_ends:timestamp_seconds', [], currency)})`,
          ),
        ],
      },
      {
        title: 'Now',
        panels: [
          lines(
            {
              title: 'Tokens per minute, against a week ago',
              about:
                'Input and output of completions, embeddings and moderations, from the exact counters: about 15 minutes late.',
              unit: 'short',
            },
            [
              {
                expr: `60 * sum(avg_over_time(${of('job_project:openai_tokens:rate5m')}[$__interval]))`,
                legend: 'now',
              },
              {
                expr: `60 * sum(avg_over_time(${of('job_project:openai_tokens:rate5m')}[$__interval] offset 1w))`,
                legend: 'a week ago',
              },
            ],
            { step: recordedStep },
          ),
          lines(
            {
              title: 'Requests per minute, against a week ago',
              about: 'Requests to models by all apis that count them: about 15 minutes late.',
              unit: 'short',
            },
            [
              {
                expr: `60 * sum(avg_over_time(${of('job_project:openai_requests:rate5m')}[$__interval]))`,
                legend: 'now',
              },
              {
                expr: `60 * sum(avg_over_time(${of('job_project:openai_requests:rate5m')}[$__interval] offset 1w))`,
                legend: 'a week ago',
              },
            ],
            { step: recordedStep },
          ),
          lines(
            {
              title: 'Spend since midnight, by project',
              about: 'Grows through the UTC day, in lumps as OpenAI reports it, and begins anew at midnight.',
              unit: 'currencyUSD',
              width: 24,
            },
            [
              {
                expr: `sum by (project_name) (${of('job_project:openai_costs_today_amount:sum', [], currency)})`,
                legend: '{{project_name}}',
              },
            ],
            { stacked: true },
          ),
        ],
      },
      {
        title: 'Who',
        panels: [
          ranking(
            {
              title: 'Top projects by spend',
              about: 'Month to date. "none" is usage without a project, "other" is what was too much to keep apart.',
              unit: 'currencyUSD',
            },
            {
              expr: `topk(10, sum by (project_name) (${of('job_project:openai_costs_month_to_date_amount:sum', [], currency)}))`,
              legend: '{{project_name}}',
            },
          ),
          ranking(
            {
              title: 'Top models by tokens',
              about: 'Input and output tokens in the time shown.',
              unit: 'short',
              none: 'no usage',
            },
            {
              expr: `topk(10, ${inRange(of('job_project_model:openai_tokens:rate5m'), ['model'])})`,
              legend: '{{model}}',
            },
          ),
          ranking(
            {
              title: 'Top keys by tokens',
              about:
                'Input and output tokens in the time shown. "none" is usage without a key, as from the playground.',
              unit: 'short',
              none: 'no usage',
            },
            {
              expr: `topk(10, ${inRange(of('job_project_key:openai_tokens:rate5m'), ['api_key_name', 'project_name'])})`,
              legend: '{{api_key_name}} ({{project_name}})',
            },
          ),
        ],
      },
      {
        title: 'Can it be believed?',
        panels: [
          number(
            {
              title: 'Exporters up',
              about: 'Exporters that Prometheus reaches. Several of one job are replicas.',
              unit: 'short',
              none: 'none',
              thresholds: [1, 0],
            },
            `count(${of('openai_exporter_build_info')})`,
          ),
          number(
            {
              title: 'Apis that fail',
              about: 'Apis whose last poll failed; the last good numbers stay on show.',
              unit: 'short',
              thresholds: [1, 3],
            },
            `sum(${of('job_api:openai_up:max')} == bool 0)`,
          ),
          number(
            {
              title: 'Age of usage',
              about: 'Since the end of the newest settled minute, of the oldest api. 15 to 30 minutes are usual.',
              unit: 's',
              thresholds: [2_700, 3_600],
            },
            `max(${of('job_api:openai_data_age_seconds:min', [], { api: '!="costs"' })})`,
          ),
          number(
            {
              title: 'API requests per minute',
              about: 'Requests that the exporter sends to OpenAI.',
              unit: 'short',
              decimals: 1,
            },
            `60 * sum(rate(${of('openai_exporter_api_requests_total')}[$__rate_interval]))`,
          ),
          number(
            {
              title: 'Series',
              about: 'Series of usage and costs that the exporter shows, of one replica.',
              unit: 'short',
            },
            `sum(max by (job) (${of('openai_exporter_series')}))`,
          ),
          columns(
            {
              title: 'Alerts firing',
              about: 'Of this exporter, by name; each has a runbook in docs/alerts.md.',
              unit: 'short',
              none: 'none',
              width: 4,
              height: 4,
            },
            { alertname: 'Alert', severity: 'Severity' },
            [
              {
                heading: 'Firing',
                expr: `count by (alertname, severity) (${of('ALERTS', [], { alertstate: '="firing"', alertname: '=~"OpenAI.+"' })})`,
              },
            ],
          ),
        ],
      },
    ],
  };
}
